package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

// keeping writes a configuration whose worker keeps finished runs' files, and in which the run's files can also go to a
// second bucket, and by a template that asks for other ones.
func (s *site) keeping(orchestration, workspace, settings string) {
	s.t.Helper()
	vault := s.bucket + "-vault"
	own := s.bucket
	destinations := s.destination("acme", "platform", "file_format: csv, encoding: gzip, success_file: true, receipt: true"+settings)
	s.bucket = vault
	destinations += s.destination("vault", "role", "file_format: csv, success_file: true, prefix: vault"+settings)
	s.bucket = own
	s.configure(source + "destinations:" + destinations + `
data_templates:
  - {name: t, destination: acme, settings: {filename: "{{now|format:'yyyy'}}/{{run_id}}.csv.gz"}}
  - {name: archive, destination: vault, settings: {encoding: gzip, filename: "all.csv.gz"}}
  - {name: loose, destination: vault, settings: {encoding: none}}
orchestrations:
  - {name: ` + orchestration + `-{site}, query: all, data_template: t}
`)
	s.edit("host_timeout: 20s", "host_timeout: 20s, "+workspace)
}

// sums are the SHA-256 of every object of a bucket that has bytes, by key.
func (s *site) sums() map[string]string {
	s.t.Helper()
	sums := map[string]string{}
	for _, key := range s.keys() {
		text, err := os.ReadFile(s.get(key))
		require.NoError(s.t, err)
		sum := sha256.Sum256(text)
		sums[key] = hex.EncodeToString(sum[:])
	}
	return sums
}

func (s *site) redeliver(run string, more ...string) workflows.Completion {
	s.t.Helper()
	a := s.starter(append([]string{"redeliver", run, "--wait", "-o", "json"}, more...)...)
	require.Equal(s.t, 0, a.code, "%s\n%s\n%s", a.out, a.err, s.logs)
	return completionOf(s.t, a.out)
}

// emptied waits until the first host's janitor has removed all runs, and nothing is left elsewhere.
func (s *site) emptied() {
	s.t.Helper()
	eventually(s.t, "the workspace is empty", func() bool {
		left, err := filepath.Glob(s.path("workspace/runs/*"))
		return err == nil && len(left) == 0
	})
	s.nothingLeft()
}

// TestAFinishedRunIsSentAgain sends a run's files again when their source is gone: the same bytes, to the same place and
// to another one.
func TestAFinishedRunIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(20_000))
	require.NoError(t, stack.S3.MakeBucket(t.Context(), s.bucket+"-vault"))
	home := s.gpgHome()
	s.keeping("resent", "keep: 1h", ", pgp_public_key: {file: acme.asc}")
	w := s.worker()
	first := s.send(s.id("resent"), "--run-key", "k")
	require.False(t, first.KeptUntil.IsZero())
	delivered := s.sums()
	require.Len(t, delivered, 3)
	require.NoError(t, os.Rename(s.path("data.parquet"), s.path("gone.parquet")))
	require.Equal(t, 0, w.stop())
	s.worker() // what is kept outlives the process

	run := s.id("resent") + "/k"
	again := s.redeliver(run)
	require.Equal(t, "send/"+run+"~2", again.WorkflowID)
	require.Equal(t, "send/"+run, again.RedeliveryOf)
	require.NotEqual(t, first.DeliveryID, again.DeliveryID)
	require.Equal(t, first.Objects[0].Checksum, again.Objects[0].Checksum)
	require.NotContains(t, historyOf(t, again.WorkflowID), `"name":"Render"`)
	now := s.sums()
	receipt := first.Receipt
	require.NotEqual(t, delivered[receipt], now[receipt], "the receipt is of the new delivery")
	delete(delivered, receipt)
	delete(now, receipt)
	require.Equal(t, delivered, now, "the same bytes under the same names")

	elsewhere := s.redeliver(run, "--to", "archive", "--run-key", "vault")
	require.Equal(t, "vault/all.csv.gz.pgp", elsewhere.Objects[0].Key)
	own := s.bucket
	s.bucket += "-vault"
	require.Equal(t, []string{"vault/all.csv.gz.pgp", "vault/all.csv.gz.pgp.DONE"}, s.keys())
	require.Equal(t, delivered[first.Objects[0].Key], s.sums()["vault/all.csv.gz.pgp"])
	packed := s.decrypt(home, s.get("vault/all.csv.gz.pgp"))
	s.bucket = own
	require.NoError(t, os.Rename(s.path("gone.parquet"), s.path("data.parquet")))
	tool(t, "gunzip", "--keep", packed)
	s.sameCSV(strings.TrimSuffix(packed, ".gz"))

	third := s.redeliver(s.id("resent") + "/k~2") // of a run that has its files from another one
	require.Equal(t, "send/"+run+"~3", third.WorkflowID)

	refused := s.starter("redeliver", run, "--to", "loose")
	require.Equal(t, 2, refused.code, refused.err)
	require.Contains(t, refused.err, "encoding is none, and was gzip when they were made")
}

func TestAnotherKeyReadsWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(5000))
	s.gpgHome()
	s.keeping("sent", "keep: 1h", ", pgp_public_key: {file: acme.asc}")
	s.worker()
	first := s.send(s.id("sent"), "--run-key", "k")
	before := s.sums()
	home := s.gpgHome() // in place of the first key
	again := s.redeliver(s.id("sent") + "/k")
	require.Equal(t, first.Objects[0].Key, again.Objects[0].Key)
	require.NotEqual(t, before[first.Objects[0].Key], s.sums()[first.Objects[0].Key])
	packed := s.decrypt(home, s.get(again.Objects[0].Key))
	tool(t, "gunzip", "--keep", packed)
	s.sameCSV(strings.TrimSuffix(packed, ".gz"))
}

func TestWithoutPlainFilesOtherRecipientsGetNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	s.gpgHome()
	s.keeping("sent", "keep: 1h, keep_plain: false", ", pgp_public_key: {file: acme.asc}")
	s.worker()
	first := s.send(s.id("sent"), "--run-key", "k")
	kept, err := filepath.Glob(s.path("workspace/runs/*/*/*"))
	require.NoError(t, err)
	require.Len(t, kept, 1, "the encrypted files alone")
	before := s.sums()[first.Objects[0].Key]
	s.redeliver(s.id("sent") + "/k") // to the same key
	require.Equal(t, before, s.sums()[first.Objects[0].Key])
	s.gpgHome()
	a := s.starter("redeliver", s.id("sent")+"/k", "--wait")
	require.Equal(t, 1, a.code, "%s\n%s", a.out, a.err)
	require.Contains(t, a.err, "the files are not kept")
	require.Equal(t, before, s.sums()[first.Objects[0].Key], "what was delivered stays")
}

func TestKeptFilesGoWhenTheirTimeIsUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	s.keeping("sent", "keep: 3s", "")
	s.worker()
	first := s.send(s.id("sent"), "--run-key", "k")
	closed := time.Now()
	s.emptied()
	eventually(t, "it is so long since the run was closed", func() bool { return time.Since(closed) > 3*time.Second })
	a := s.starter("redeliver", s.id("sent")+"/k")
	require.Equal(t, 1, a.code, a.err)
	require.Contains(t, a.err, "were kept until "+first.KeptUntil.UTC().Format("2006-01-02 15:04 UTC"))
	late, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.OrchestrationID(s.id("sent"), "late"), TaskQueue: s.name}, workflows.TypeOrchestration, workflows.OrchestrationInput{
		Orchestration: s.id("sent"), RunKey: "late", Redeliver: &activities.Redelivery{WorkflowID: first.WorkflowID},
	})
	require.NoError(t, err)
	var failed *sdk.ApplicationError
	require.ErrorAs(t, late.Get(t.Context(), nil), &failed, "the run itself knows it too")
	var c workflows.Completion
	require.NoError(t, failed.Details(&c))
	require.Equal(t, activities.TypeFilesNotKept, c.Failure.Type)
	require.Equal(t, activities.Platform, c.Failure.Attribution)
	s.emptied()
}

// TestKeptFilesStayWhenKeepIsMadeLonger: the worker goes by its setting as it is now, and so does who asks it.
func TestKeptFilesStayWhenKeepIsMadeLonger(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	s.keeping("sent", "keep: 20s", "")
	w := s.worker()
	first := s.send(s.id("sent"), "--run-key", "k")
	w.kill()
	s.keeping("sent", "keep: 1h", "")
	s.worker()
	eventually(t, "the first keep is over", func() bool { return time.Now().After(first.KeptUntil) })
	require.Equal(t, first.WorkflowID, s.redeliver(s.id("sent")+"/k").RedeliveryOf)
}

func TestNothingIsKeptUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	s.keeping("sent", "keep: 0s", "")
	s.worker()
	s.send(s.id("sent"), "--run-key", "k")
	s.nothingLeft()
	a := s.starter("redeliver", s.id("sent")+"/k")
	require.Equal(t, 1, a.code, a.err)
	require.Contains(t, a.err, "workspace.keep asked for nothing")
}

// TestARunWhoseHostIsGoneCannotBeSentAgain loses the disk that keeps the files: the run waits for a person, who gives it up.
func TestARunWhoseHostIsGoneCannotBeSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	s.keeping("sent", "keep: 1h", "")
	s.edit("host_timeout: 20s", "host_timeout: 2s")
	w := s.worker()
	s.send(s.id("sent"), "--run-key", "k")
	require.Equal(t, 0, w.stop())
	require.NoError(t, os.RemoveAll(s.path("workspace")))
	s.worker() // another host, for its disk is new
	a := s.starter("redeliver", s.id("sent")+"/k", "--wait", "-o", "json")
	require.Equal(t, 4, a.code, "%s\n%s", a.out, a.err)
	require.Contains(t, a.out, `"type": "FilesNotKept"`)
	require.Contains(t, a.err, "which did not answer for 2s")
	require.Equal(t, 0, s.starter("abort", s.id("sent")+"/k~2").code)
	eventually(t, "aborted", func() bool { return s.starter("send", s.id("sent"), "--run-key", "k").code == 0 })
	s.nothingLeft()
}

// TestAnObjectThatIsThereStaysWhenItIsSentAgain asks for what on_conflict: fail is for.
func TestAnObjectThatIsThereStaysWhenItIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	s.keeping("sent", "keep: 1h", ", on_conflict: fail")
	s.worker()
	first := s.send(s.id("sent"), "--run-key", "k")
	before := s.sums()
	a := s.starter("redeliver", s.id("sent")+"/k", "--wait", "-o", "json")
	require.Equal(t, 4, a.code, "%s\n%s", a.out, a.err)
	require.Contains(t, a.out, `"type": "ObjectExists"`)
	require.Equal(t, before, s.sums())
	for _, key := range s.keys() {
		_, err := s.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
		require.NoError(t, err)
	}
	require.Equal(t, 0, s.starter("retry", s.id("sent")+"/k~2").code)
	eventually(t, "delivered", func() bool { return len(s.keys()) == 3 })
	require.Equal(t, before[first.Objects[0].Key], s.sums()[first.Objects[0].Key])
}

// TestSendingAgainWaitsForItsTurn keeps two deliveries of one orchestration apart.
func TestSendingAgainWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	g := s.gate("CompleteMultipartUpload", 2)
	s.keeping("sent", "keep: 1h", "")
	s.worker()
	s.send(s.id("sent"), "--run-key", "k") // file and receipt
	s.begin("sent", "slow")
	eventually(t, "the second run publishes", func() bool {
		return strings.Contains(s.starter("show", s.id("sent")+"/slow").out, "Publish           running")
	})
	require.Equal(t, 0, s.starter("redeliver", s.id("sent")+"/k").code)
	eventually(t, "it waits", func() bool {
		return strings.Contains(s.starter("show", s.id("sent")+"/k~2").out, "waits for its turn: send/"+s.id("sent")+"/slow delivers")
	})
	g.release()
	again := s.starter("send", s.id("sent"), "--run-key", "slow", "--wait")
	require.Equal(t, 0, again.code, again.err)
	eventually(t, "sent again", func() bool {
		return strings.Contains(s.starter("show", s.id("sent")+"/k~2").out, "state       completed")
	})
	require.Len(t, s.keys(), 6, fmt.Sprint(s.keys()))
}
