package activities

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"

	"consign/internal/archive"
	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/workspace"
)

// A fusing is a delivery of which Render knows what follows.
type fusing struct {
	*packer
	dir    string
	plan   *plan.Plan
	folder Folder
	run    *workspace.Run
}

// newFusing plans a delivery of CSV files in an encoding, whole or split by rows, encrypted if to is not "nobody".
func newFusing(t *testing.T, dir, encoding, split, to string) *fusing {
	t.Helper()
	g := packed{format: "csv", header: true, split: split}
	text := `
credentials: [{name: c, type: iam-credential, access_key_id: {env: A}, secret_access_key: {env: B}}]
sources: [{name: s, type: duckdb, tables: [{name: small, files: small.parquet}]}]
queries: [{name: small, source: s, sql: SELECT * FROM small ORDER BY id}]
destinations: [{name: d, plugin: amazon-s3, credential: c, settings: {bucket: acme-inbound}}]
data_templates:
  - {name: t, destination: d, settings: {prefix: p, file_format: csv, encoding: ` + encoding + g.names(encoding) + keysOf(to) + `}}
orchestrations: [{name: o, query: small, data_template: t}]
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "consign.yaml"), []byte(text), 0o600))
	f := &fusing{packer: newPacker(t, dir), dir: dir, folder: Folder{Run: "r", WorkflowID: "send/o", Delivery: "r-1"}}
	f.again(t)
	return f
}

// toRSA plans a delivery of one encrypted file, of tables and to keys in a folder of its own.
func toRSA(t *testing.T, encoding string) *fusing {
	t.Helper()
	dir := t.TempDir()
	makeTables(t, dir)
	newRecipients(t, dir)
	return newFusing(t, dir, encoding, "none", "rsa")
}

// again plans the run, which has left nothing yet.
func (f *fusing) again(t *testing.T) {
	t.Helper()
	var err error
	f.plan, err = Resolve(t.Context(), f.config(t), plan.Request{Orchestration: "o", RunID: "r", Now: f.now}, 256<<20, 1)
	require.NoError(t, err)
	f.run, err = f.host.Run(f.folder.WorkflowID, f.folder.Run)
	require.NoError(t, err)
}

func (f *fusing) renderInput(knows bool) RenderInput {
	in := RenderInput{Folder: f.folder, Query: f.plan.Query, Render: f.plan.Render, Packed: f.plan.Archives()}
	if knows {
		in.Archive, in.Names, in.Encryption = &f.plan.Archive, f.plan.Names, f.plan.Encryption
	}
	return in
}

func (f *fusing) archiveInput(from FilesResult, knows bool) ArchiveInput {
	in := ArchiveInput{Folder: f.folder, From: from, Archive: f.plan.Archive, Names: f.plan.Names}
	if knows {
		in.Encryption = f.plan.Encryption
	}
	return in
}

// A madeStep is what a step has left: its result, and its files as the journal has them.
type madeStep struct {
	result FilesResult
	files  []workspace.File
}

// deliver carries out all steps. knows says whether each is told what the next ones will do.
func (f *fusing) deliver(t *testing.T, knows bool) []madeStep {
	t.Helper()
	rendered := do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(knows)).FilesResult
	results := []FilesResult{rendered}
	if f.plan.Archives() {
		results = append(results, do[FilesResult](t, f.packer, f.steps.Archive, f.archiveInput(rendered, knows)))
	}
	if f.plan.Encrypts() {
		in := EncryptInput{Folder: f.folder, From: results[len(results)-1], Encryption: f.plan.Encryption}
		results = append(results, do[FilesResult](t, f.packer, f.steps.Encrypt, in))
	}
	made := make([]madeStep, len(results))
	for i, result := range results {
		_, files, err := filesOf(f.run, f.folder.Delivery, result)
		require.NoError(t, err)
		made[i] = madeStep{result, files}
	}
	return made
}

// onDisk are the files of the run's steps that are on the disk, journals aside.
func (f *fusing) onDisk(t *testing.T) []string {
	t.Helper()
	root := filepath.Join(f.host.Dir(), "runs", "r", "r-1")
	var names []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && entry.Name() != "journal.ndjson" {
			name, _ := filepath.Rel(root, path)
			names = append(names, name)
		}
		return err
	}))
	return names
}

// known is what of a file does not depend on how, or when, it was made: not the checksums that only the next step of an
// unfused delivery needs, nor the random part of what is encrypted.
func known(files []workspace.File, encrypted bool) []workspace.File {
	same := make([]workspace.File, len(files))
	for i, f := range files {
		same[i] = f
		same[i].Sums = nil
		if encrypted {
			same[i].Bytes, same[i].SHA256, same[i].CRC32C = 0, "", "" // a session key may be a byte shorter
		}
	}
	return same
}

func TestStepsThatAreDoneTogetherMakeWhatTheyMakeOneByOne(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	makeTables(t, shared)
	newRecipients(t, shared)
	cases := map[string]struct{ encoding, split, to, onDisk string }{
		"plain":              {archive.None, "none", "nobody", "render/0000001"},
		"encrypted":          {archive.None, "none", "rsa", "encrypt/0000001"},
		"gzip":               {archive.GZIP, "none", "nobody", "archive/0000001"},
		"gzip encrypted":     {archive.GZIP, "none", "all", "encrypt/0000001"},
		"zip":                {archive.ZIP, "none", "nobody", "archive/0000001"},
		"zip encrypted":      {archive.ZIP, "none", "rsa", "encrypt/0000001"},
		"zip of many":        {archive.ZIP, "rows", "nobody", "archive/0000001"},
		"zip of many to all": {archive.ZIP, "rows", "all", "encrypt/0000001"},
		"tar encrypted":      {archive.TAR, "none", "rsa", "render/0000001"},
		"tgz of many":        {archive.TGZ, "rows", "all", "render/0000001 render/0000002"},
		"gzip of many":       {archive.GZIP, "rows", "rsa", "render/0000001 render/0000002"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(shared)))
			f := newFusing(t, dir, c.encoding, c.split, c.to)
			f.steps.options.Threads = 2
			oneByOne := f.deliver(t, false)
			require.NoError(t, f.run.Remove())
			f.again(t)

			do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(true))
			require.Contains(t, strings.Join(f.onDisk(t), " "), c.onDisk)
			if !strings.HasPrefix(c.onDisk, stepRender) {
				require.Len(t, f.onDisk(t), 1, "nothing else has been on the disk")
			}
			together := f.deliver(t, true)
			require.Len(t, together, len(oneByOne))
			for i, step := range oneByOne {
				encrypted := step.result.Step == stepEncrypt
				require.Equal(t, known(step.files, encrypted), known(together[i].files, encrypted))
				require.Equal(t, step.result.Rows, together[i].result.Rows)
			}
			last := together[len(together)-1]
			require.Len(t, f.onDisk(t), map[bool]int{true: len(last.files), false: len(f.onDisk(t))}[f.plan.Encrypts()], "what is not encrypted is gone")
			for _, file := range last.files {
				opened, err := stepNamed(t, f, last.result.Step).Open(file)
				require.NoError(t, err)
				require.NoError(t, opened.Close())
				require.Len(t, file.Sums, 4*int((file.Bytes+(1<<20)-1)>>20), "Upload sends parts by them")
			}
		})
	}
}

func stepNamed(t *testing.T, f *fusing, name string) *workspace.Step {
	t.Helper()
	step, err := f.run.Step(f.folder.Delivery, name)
	require.NoError(t, err)
	return step
}

// A crash can cut Render off between two journals. What the first attempt noted must not count twice, nor at all.
func TestARenderThatWasInterruptedMakesItsFilesAnew(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.GZIP)
	first := do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(true))
	journal := filepath.Join(f.host.Dir(), "runs", "r", "r-1", stepRender, "journal.ndjson")
	require.NoError(t, os.Remove(journal))

	made := f.deliver(t, true)
	require.Equal(t, first.Bytes, made[0].result.Bytes)
	for _, step := range made {
		require.Len(t, step.files, 1)
	}
	require.Equal(t, []string{"encrypt/0000001"}, f.onDisk(t))
}

func TestAnArchiveThatWasInterruptedIsPackedAnew(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.TGZ)
	rendered := do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(true)).FilesResult
	packed := do[FilesResult](t, f.packer, f.steps.Archive, f.archiveInput(rendered, true))
	require.NoError(t, os.Remove(filepath.Join(f.host.Dir(), "runs", "r", "r-1", stepArchive, "journal.ndjson")))

	again := do[FilesResult](t, f.packer, f.steps.Archive, f.archiveInput(rendered, true))
	require.Equal(t, packed, again)
	require.Len(t, f.deliver(t, true)[2].files, 1)
	require.Equal(t, []string{"encrypt/0000001"}, f.onDisk(t))
}

// An archive is packed when the file that it went into has its name: a step that is taken for done is not done again.
func TestAnArchiveIsNotDoneBeforeItsEncryptedFileIs(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.TGZ)
	out, err := f.steps.outlet(f.run, f.folder.Delivery, stepArchive, f.steps.cipher(f.plan.Encryption))
	require.NoError(t, err)
	require.NoError(t, out.Close())
	require.NoError(t, os.Remove(out.out.path))
	_, err = out.finish(7)
	require.Error(t, err)
	made, _, err := stepNamed(t, f, stepArchive).Files(nil)
	require.NoError(t, err)
	require.Empty(t, made)
}

// A power cut may leave a file of the right length with other bytes in it.
func TestAFileThatWasDamagedOnTheDiskIsNotPacked(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP, archive.GZIP} {
		dir := t.TempDir()
		makeTables(t, dir)
		f := newFusing(t, dir, encoding, "rows", "nobody")
		rendered := do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(false)).FilesResult
		path := filepath.Join(f.host.Dir(), "runs", "r", "r-1", stepRender, "0000002")
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content[len(content)/2] ^= 1
		require.NoError(t, os.WriteFile(path, content, 0o600))
		_, err = f.env.ExecuteActivity(f.steps.Archive, f.archiveInput(rendered, true))
		require.Equal(t, TypeFilesLost, typeOf(t, err), encoding)
		require.NotContains(t, strings.Join(f.onDisk(t), " "), ".part", encoding)
	}
}

// A workflow that was reset to before its plan finds the files of its first way. They must not be delivered if they were
// made for somebody else: for a key that was replaced because it was lost, say.
func TestAFinishedRenderCountsOnlyForWhatWasAskedOfIt(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.GZIP)
	first := f.deliver(t, true)[2].files
	require.Equal(t, first, f.deliver(t, true)[2].files, "it is not done twice")

	f.plan.Encryption = newFusing(t, f.dir, archive.GZIP, "none", "nist").plan.Encryption
	f.reload(t)
	again := f.deliver(t, true)
	require.Len(t, again[2].files, 1)
	require.NotEqual(t, first[0].SHA256, again[2].files[0].SHA256)
	require.Equal(t, first[0].Plain, again[2].files[0].Plain)
	sealed, err := os.ReadFile(filepath.Join(f.host.Dir(), "runs", "r", "r-1", stepEncrypt, "0000001"))
	require.NoError(t, err)
	session, err := packet.NewReader(bytes.NewReader(sealed)).Next()
	require.NoError(t, err)
	require.IsType(t, &packet.EncryptedKey{}, session)
	require.Equal(t, packet.PubKeyAlgoECDH, session.(*packet.EncryptedKey).Algo, "to the new key, which is no RSA key")
}

// Whoever has to mend a key must not have to wait for another Render.
func TestAKeyThatCannotBeUsedIsEncryptsToSay(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.GZIP)
	key := filepath.Join(f.dir, "rsa.asc")
	good, err := os.ReadFile(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, []byte("not a key"), 0o600))
	f.reload(t)

	rendered := do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(true)).FilesResult
	packed := do[FilesResult](t, f.packer, f.steps.Archive, f.archiveInput(rendered, true))
	require.Equal(t, []string{"archive/0000001"}, f.onDisk(t))
	in := EncryptInput{Folder: f.folder, From: packed, Encryption: f.plan.Encryption}
	_, err = f.env.ExecuteActivity(f.steps.Encrypt, in)
	require.Error(t, err)

	require.NoError(t, os.WriteFile(key, good, 0o600))
	f.reload(t)
	require.Equal(t, 1, do[FilesResult](t, f.packer, f.steps.Encrypt, in).Files)
	require.Equal(t, []string{"encrypt/0000001"}, f.onDisk(t))
}

// TestNothingIsEncryptedToAKeyThatWasReplaced: the customer's other files may be encrypted to the one before.
func TestNothingIsEncryptedToAKeyThatWasReplaced(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.GZIP)
	want := &f.plan.Encryption.Recipients[0]
	planned := *want
	want.Fingerprint = "AB12"
	_, err := f.steps.recipients(f.plan.Encryption)
	require.ErrorIs(t, err, ErrPlanStale)
	*want = planned
	want.EncryptsTo = "AB12"
	_, err = f.steps.recipients(f.plan.Encryption)
	require.ErrorIs(t, err, ErrPlanStale)
	want.EncryptsTo = "" // an older plan
	_, err = f.steps.recipients(f.plan.Encryption)
	require.NoError(t, err)
}

// reload reads the configuration as the next step would.
func (f *fusing) reload(t *testing.T) {
	t.Helper()
	c, list, err := config.Load(filepath.Join(f.dir, "consign.yaml"), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	f.steps.options.Config = func() (*config.Config, error) { return c, list.Err() }
}

func TestFilesThatAreToBeKeptBeforeEncryptionAre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	makeTables(t, dir)
	newRecipients(t, dir)
	for encoding, before := range map[string]string{archive.GZIP: "archive/0000001", archive.None: "render/0000001", archive.TGZ: "archive/0000001"} {
		f := newFusing(t, dir, encoding, "none", "rsa")
		f.steps.options.Keep, f.steps.options.KeepPlain = time.Hour, true
		f.deliver(t, true)
		require.ElementsMatch(t, []string{before, "encrypt/0000001"}, f.onDisk(t))
	}
}

// A full disk is told once, as what it is, whichever stage writes.
func TestAFullDiskEndsAllStages(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.GZIP)
	out, err := f.steps.outlet(f.run, f.folder.Delivery, stepArchive, f.steps.cipher(f.plan.Encryption))
	require.NoError(t, err)
	require.NoError(t, out.out.Close())
	out.out.f, out.out.digest = nil, newDigestWriter(&fullDisk{room: 1 << 20}, nil)
	gzip, err := archive.Gzip(out, archive.Options{Encoding: archive.GZIP})
	require.NoError(t, err)
	entry := &fusedEntry{digest: newDigestWriter(gzip, nil), into: gzip}
	noise := rand.NewChaCha8([32]byte{})
	_, err = io.Copy(entry, noise) // without end, if the error did not come back
	require.ErrorIs(t, err, workspace.ErrNoSpace)
	err = entry.Close()
	require.ErrorIs(t, err, workspace.ErrNoSpace)
	require.Equal(t, 1, strings.Count(err.Error(), workspace.ErrNoSpace.Error()))
}

// A zip of thousands of files must not hold on to what each of them went through.
func TestTheEntriesOfAZipHoldNoBuffers(t *testing.T) {
	dir := t.TempDir()
	makeTables(t, dir)
	f := newFusing(t, dir, archive.ZIP, "rows", "nobody")
	f.steps.options.Threads = 2
	to, err := f.steps.destination(t.Context(), f.run, stepNamed(t, f, stepRender), f.renderInput(true), nil)
	require.NoError(t, err)
	entry := func(number int) {
		out, err := to.create(number)
		require.NoError(t, err)
		_, err = out.Write(make([]byte, 4<<20))
		require.NoError(t, err)
		require.NoError(t, out.Close())
	}
	entry(1)
	before := heap()
	for number := 2; number <= 32; number++ {
		entry(number)
		heap() // two collections empty the pools that entries share
	}
	require.Less(t, heap()-before, int64(4<<20))
	to.close()
}
