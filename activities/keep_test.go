package activities

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/internal/archive"
	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/source"
	"consign/internal/workspace"
)

// A keeper is a host with a clock that stands still until it is told the time.
type keeper struct {
	*packer
	dir string
	now time.Time
}

func emptyConfig() (*config.Config, error) { return &config.Config{}, nil }

func newKeeper(t *testing.T, keep time.Duration) *keeper {
	t.Helper()
	host, err := workspace.Open(workspace.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	k := &keeper{packer: &packer{host: host}, dir: host.Dir(), now: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)}
	k.steps = New(Options{Config: emptyConfig, Host: host, Queue: "q", Clock: func() time.Time { return k.now }, Keep: keep, KeepPlain: true})
	k.env = newEnvironment(k.steps)
	return k
}

// finish gives a run files of some steps, as if it had delivered the last one's, and ends it.
func (k *keeper) finish(t *testing.T, id string, steps ...string) (Folder, FilesResult, DiscardResult) {
	t.Helper()
	folder := Folder{Run: id, WorkflowID: "send/x/" + id, Delivery: id + "-1"}
	run, err := k.host.Run(folder.WorkflowID, folder.Run)
	require.NoError(t, err)
	require.NoError(t, k.host.Lease(run))
	var sent FilesResult
	for _, name := range steps {
		step, err := run.Step(folder.Delivery, name)
		require.NoError(t, err)
		out, err := create(step, "0000001", sha256.New())
		require.NoError(t, err)
		_, err = out.Write([]byte(name + " of " + id))
		require.NoError(t, err)
		require.NoError(t, out.Close())
		file := out.file(1, 7)
		require.NoError(t, step.Finish(file))
		sent = filesResult(name, []workspace.File{file})
	}
	return folder, sent, do[DiscardResult](t, k.packer, k.steps.Discard, DiscardInput{Folder: folder, Sent: &sent})
}

func (k *keeper) sweep(t *testing.T) int {
	t.Helper()
	removed, err := Sweep(t.Context(), k.steps, func(context.Context, *workspace.Run) (bool, error) { return true, nil })
	require.NoError(t, err)
	return removed
}

func (k *keeper) left(t *testing.T) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(k.dir, "runs", "*", "*", "*"))
	require.NoError(t, err)
	names := []string{}
	for _, path := range left {
		name, err := filepath.Rel(filepath.Join(k.dir, "runs"), path)
		require.NoError(t, err)
		names = append(names, name)
	}
	return names
}

func folderOf(id string) Folder {
	return Folder{Run: id, WorkflowID: "send/x/" + id, Delivery: id + "-1"}
}

func TestFilesStayForExactlyAsLongAsTheyAreKept(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	ended := k.now
	_, _, gone := k.finish(t, "a", stepRender, stepArchive, stepEncrypt, stepUpload)
	require.Equal(t, ended.Add(time.Hour), gone.KeptUntil)
	k.now = ended.Add(time.Hour - time.Nanosecond)
	require.Zero(t, k.sweep(t))
	require.Equal(t, time.Nanosecond, NextSweep(k.steps, time.Minute), "the janitor comes when it is time")
	k.now = ended.Add(time.Hour)
	require.Equal(t, 1, k.sweep(t))
	require.Empty(t, k.left(t))
	require.Equal(t, time.Minute, NextSweep(k.steps, time.Minute))
}

func TestARunWhoseWorkflowGoesOnIsNotSwept(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	k.finish(t, "a", stepRender)
	k.now = k.now.Add(2 * time.Hour)
	removed, err := Sweep(t.Context(), k.steps, func(context.Context, *workspace.Run) (bool, error) { return false, nil })
	require.NoError(t, err)
	require.Zero(t, removed, "it was reset, say, and needs its files")
}

func TestWhatIsKeptIsWhatIsNeededToSendItAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plain bool
		made  []string
		kept  []string
	}{
		"plain files":                                 {true, []string{stepRender}, []string{"a/a-1/render"}},
		"packed files, without those within":          {true, []string{stepRender, stepArchive}, []string{"a/a-1/archive"}},
		"encrypted files, and those before":           {true, []string{stepArchive, stepEncrypt}, []string{"a/a-1/archive", "a/a-1/encrypt"}},
		"encrypted files alone, without keep_plain":   {false, []string{stepRender, stepEncrypt}, []string{"a/a-1/encrypt"}},
		"files that were never encrypted in any case": {false, []string{stepRender}, []string{"a/a-1/render"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, time.Hour)
			k.steps.options.KeepPlain = c.plain
			k.finish(t, "a", c.made...)
			require.Equal(t, c.kept, k.left(t))
		})
	}
}

// TestPlainFilesAreKeptWhereBothSettingsAskForThem: they are personal data, and go with the encryption else.
func TestPlainFilesAreKeptWhereBothSettingsAskForThem(t *testing.T) {
	t.Parallel()
	f := toRSA(t, archive.GZIP)
	for _, plain := range []bool{false, true} {
		for _, keep := range []time.Duration{0, time.Hour} {
			for _, knows := range []bool{false, true} {
				o := f.steps.options
				o.Keep, o.KeepPlain = keep, plain
				f.steps = New(o)
				f.env = newEnvironment(f.steps)
				f.deliver(t, knows)
				require.Equal(t, plain && keep > 0, slices.Contains(f.onDisk(t), "archive/0000001"), "%t %s %t", plain, keep, knows)
				require.NotContains(t, f.onDisk(t), "render/0000001")
				require.NoError(t, f.run.Remove())
				f.again(t)
			}
		}
	}
}

func TestNothingIsKeptOfARunThatDidNotDeliverOrWhenNobodyAsks(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	for _, sent := range []*FilesResult{nil, {Step: stepRender}} { // or it had no rows
		run, err := k.host.Run("send/x/b", "b")
		require.NoError(t, err)
		_, err = run.Step("b-1", stepRender)
		require.NoError(t, err)
		do[DiscardResult](t, k.packer, k.steps.Discard, DiscardInput{Folder: folderOf("b"), Sent: sent})
		require.Empty(t, k.left(t))
	}

	k = newKeeper(t, 0)
	_, _, gone := k.finish(t, "a", stepRender)
	require.Zero(t, gone.KeptUntil)
	require.Empty(t, k.left(t))
}

func TestKeptFilesAreTakenOverAndOutliveTheirFirstRun(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	kept, sent, _ := k.finish(t, "a", stepArchive, stepEncrypt)
	in := ReuseInput{Folder: folderOf("b"), Kept: kept, From: sent}
	got := do[RenderResult](t, k.packer, k.steps.Reuse, in)
	require.Equal(t, sent, got.FilesResult, "the same files, by their digests")
	require.Equal(t, HostQueue("q", k.host.ID()), got.Queue)
	run, err := k.host.Find("b")
	require.NoError(t, err)
	require.True(t, k.host.Leased(run), "its files take a place on the host as rendered ones do")
	require.NoError(t, k.host.Release(run))
	require.Equal(t, got, do[RenderResult](t, k.packer, k.steps.Reuse, in), "twice is once")
	require.True(t, k.host.Leased(run))

	k.now = k.now.Add(time.Hour)
	require.Equal(t, 1, func() int {
		removed, err := Sweep(t.Context(), k.steps, func(_ context.Context, r *workspace.Run) (bool, error) { return r.RunID == "a", nil })
		require.NoError(t, err)
		return removed
	}())
	for _, step := range []string{stepArchive, stepEncrypt} {
		from, files, err := filesOf(run, "b-1", FilesResult{Step: step, Files: 1})
		require.NoError(t, err)
		require.NoError(t, same(t.Context(), from, files[0], &progress{}))
	}
}

// TestFilesThatWereEncryptedForOthersAreNotSent: nobody could read them but those for whom they were not meant.
func TestFilesThatWereEncryptedForOthersAreNotSent(t *testing.T) {
	t.Parallel()
	to := func(encoding string, keys ...string) *plan.Plan {
		p := &plan.Plan{Archive: archive.Options{Encoding: encoding}}
		for _, key := range keys {
			p.Encryption = &plan.Encryption{Recipients: []plan.Recipient{{Fingerprint: key}}}
		}
		return p
	}
	sent := FilesResult{Step: stepEncrypt, Files: 2, Rows: 7, Bytes: 100}
	for _, c := range []struct {
		made, now *plan.Plan
		want      FilesResult
	}{
		{to(archive.None, "a"), to(archive.None, "a"), sent},
		{to(archive.None, "a"), to(archive.None, "b"), FilesResult{Step: stepRender, Files: 2, Rows: 7}},
		{to(archive.None, "a"), to(archive.None), FilesResult{Step: stepRender, Files: 2, Rows: 7}},
		{to(archive.ZIP, "a"), to(archive.ZIP, "b"), FilesResult{Step: stepArchive, Files: 2, Rows: 7}},
	} {
		require.Equal(t, c.want, Kept{Plan: c.made, Files: sent}.reuse(c.now))
	}
}

func TestPlainFilesAreTakenForOtherRecipients(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	kept, _, _ := k.finish(t, "a", stepArchive, stepEncrypt)
	got := do[RenderResult](t, k.packer, k.steps.Reuse, ReuseInput{Folder: folderOf("b"), Kept: kept, From: FilesResult{Step: stepArchive, Files: 1}})
	require.Equal(t, stepArchive, got.Step)
	require.Contains(t, k.left(t), "b/b-1/archive")
	require.NotContains(t, k.left(t), "b/b-1/encrypt")
}

// A run that was reset to before its plan may be for somebody else now, or send what another run has kept: what was encrypted
// the first time is not theirs.
func TestFilesAreTakenOverAnewForOthersAndOfOthers(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	kept, _, _ := k.finish(t, "a", stepArchive, stepEncrypt)
	other, _, _ := k.finish(t, "o", stepArchive, stepEncrypt)
	first := ReuseInput{Folder: folderOf("b"), Kept: kept, From: FilesResult{Step: stepArchive, Files: 1}, Encryption: &plan.Encryption{Recipients: []plan.Recipient{{Fingerprint: "1"}}}}
	replaced, elsewhere := first, first
	replaced.Encryption = &plan.Encryption{Recipients: []plan.Recipient{{Fingerprint: "2"}}}
	elsewhere.Kept = other
	for _, second := range []ReuseInput{replaced, elsewhere} {
		got := do[RenderResult](t, k.packer, k.steps.Reuse, first)
		run, err := k.host.Find("b")
		require.NoError(t, err)
		encrypted, err := run.Step("b-1", stepEncrypt)
		require.NoError(t, err)
		require.NoError(t, encrypted.Enter(workspace.File{Name: "0000001", Number: 1}))
		require.Equal(t, got, do[RenderResult](t, k.packer, k.steps.Reuse, first), "twice is once")
		require.Contains(t, k.left(t), "b/b-1/encrypt")
		again := do[RenderResult](t, k.packer, k.steps.Reuse, second)
		require.NotContains(t, k.left(t), "b/b-1/encrypt")
		require.Equal(t, second.Kept.Run == "a", got.Listed[0].SHA256 == again.Listed[0].SHA256)
	}
}

// A run that was reset to before its plan may want the plain files where it took the encrypted ones before.
func TestFilesAreTakenOverAnewIfOthersAreWanted(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	kept, sent, _ := k.finish(t, "a", stepArchive, stepEncrypt)
	do[RenderResult](t, k.packer, k.steps.Reuse, ReuseInput{Folder: folderOf("b"), Kept: kept, From: sent})
	got := do[RenderResult](t, k.packer, k.steps.Reuse, ReuseInput{Folder: folderOf("b"), Kept: kept, From: FilesResult{Step: stepArchive, Files: 1}})
	require.Equal(t, stepArchive, got.Step)
	require.NotContains(t, k.left(t), "b/b-1/encrypt", "for Encrypt would find it done")
}

func TestFilesThatCannotBeTakenOverSaySo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(k *keeper) error
		says  string
	}{
		"their time is up":        {func(k *keeper) error { k.now = k.now.Add(time.Hour); return nil }, "workspace.keep has run out"},
		"they are not kept":       {func(k *keeper) error { k.steps.options.Keep = 0; return nil }, "workspace.keep has run out"},
		"the folder is gone":      {func(k *keeper) error { return os.RemoveAll(filepath.Join(k.dir, "runs", "a")) }, "does not hold the run's files"},
		"a file is gone":          {func(k *keeper) error { return os.Remove(k.file()) }, "does not hold the run's files"},
		"a file was cut off":      {func(k *keeper) error { return os.Truncate(k.file(), 3) }, "differs from its journal"},
		"a file was changed":      {func(k *keeper) error { return os.WriteFile(k.file(), []byte("ENCRYPT of a"), 0o600) }, "differs from its journal"},
		"they made room for runs": {func(k *keeper) error { return k.steps.makeRoom() }, "does not hold the run's files"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, time.Hour)
			kept, sent, _ := k.finish(t, "a", stepEncrypt)
			require.NoError(t, c.spoil(k))
			_, err := k.env.ExecuteActivity(k.steps.Reuse, ReuseInput{Folder: folderOf("b"), Kept: kept, From: sent})
			var application *temporal.ApplicationError
			require.ErrorAs(t, err, &application)
			require.Equal(t, TypeFilesNotKept, application.Type())
			require.True(t, application.NonRetryable())
			require.ErrorContains(t, err, c.says)
			var f Failure
			require.NoError(t, application.Details(&f))
			require.Equal(t, Platform, f.Attribution)
			require.NoDirExists(t, filepath.Join(k.dir, "runs", "b"), "nothing is left of the attempt")
		})
	}
}

// file is the one file of the run a.
func (k *keeper) file() string {
	return filepath.Join(k.dir, "runs", "a", "a-1", stepEncrypt, "0000001")
}

func TestAFullDiskTakesWhatIsKept(t *testing.T) {
	t.Parallel()
	for _, err := range []error{workspace.ErrNoSpace, source.ErrNoSpace} { // what the query engine has spilt is on that disk too
		k := newKeeper(t, time.Hour)
		k.finish(t, "a", stepRender)
		k.finish(t, "b", stepRender)
		k.steps.fail(t.Context(), "Render", &err)
		require.Equal(t, "DiskFull", typeOf(t, err))
		require.Empty(t, k.left(t), "the next try has the room")
	}
}

// TestARunEndsAlsoIfWhatItKeptIsGoneAgain: the answer to its clean-up got lost, and the disk was full before the next try.
func TestARunEndsAlsoIfWhatItKeptIsGoneAgain(t *testing.T) {
	t.Parallel()
	for _, steps := range [][]string{{stepRender}, {stepRender, stepEncrypt}} {
		k := newKeeper(t, time.Hour)
		folder, sent, _ := k.finish(t, "a", steps...)
		evicted, err := k.host.Evict()
		require.NoError(t, err)
		require.True(t, evicted)
		value, err := k.env.ExecuteActivity(k.steps.Discard, DiscardInput{Folder: folder, Sent: &sent})
		require.NoError(t, err)
		var again DiscardResult
		require.NoError(t, value.Get(&again))
		require.Zero(t, again.KeptUntil)
		runs, err := k.host.Runs()
		require.NoError(t, err)
		require.Empty(t, runs)
	}
}

func TestARunThatIsResetIsNotKeptAnyMore(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	kept, sent, _ := k.finish(t, "a", stepEncrypt)
	other, _, _ := k.finish(t, "other", stepEncrypt)
	do[RenderResult](t, k.packer, k.steps.Reuse, ReuseInput{Folder: kept, Kept: other, From: sent})
	run, err := k.host.Find("a")
	require.NoError(t, err)
	_, found, err := run.Kept()
	require.NoError(t, err)
	require.False(t, found, "it is at work")
}

// TestAStepIsStoppedBeforeItsRunIsCleaned: a host that was frozen wakes in the middle of a step whose run is over.
func TestAStepIsStoppedBeforeItsRunIsCleaned(t *testing.T) {
	t.Parallel()
	for name, clean := range map[string]func(*testing.T, *keeper){
		"by the janitor": func(t *testing.T, k *keeper) {
			t.Helper()
			require.Equal(t, 1, k.sweep(t))
		},
		"by Discard": func(t *testing.T, k *keeper) {
			t.Helper()
			do[DiscardResult](t, k.packer, k.steps.Discard, DiscardInput{Folder: folderOf("a")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, 0)
			run, err := k.host.Run("send/x/a", "a")
			require.NoError(t, err)
			ctx, attempt, err := run.Begin(t.Context(), stepUpload, nil)
			require.NoError(t, err)
			go func() {
				<-ctx.Done()
				if err := run.Note("late", "an upload that was opened in the last moment"); err != nil {
					t.Error(err)
				}
				attempt.End()
			}()
			clean(t, k)
			require.ErrorIs(t, context.Cause(ctx), workspace.ErrOver)
			left, err := os.ReadDir(filepath.Join(k.dir, "runs"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
