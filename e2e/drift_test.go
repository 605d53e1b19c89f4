package e2e_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/activities"
)

// TestASubkeyThatIsReplacedDuringARunIsNotUsedUnseen: the primary key, by which people know the customer, stays the same.
func TestASubkeyThatIsReplacedDuringARunIsNotUsedUnseen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	home := s.gpgHome()
	g := s.gate("CreateMultipartUpload", 0) // holds AssumeRole, when the plan is made
	s.sends(source, "subkey-{site}", "platform", "file_format: csv, pgp_public_key: {file: acme.asc}", `filename: "all.csv"`)
	s.worker()
	s.begin("subkey", "k")
	eventually(t, "the plan is made", func() bool { return s.progressOf(s.workflow("subkey")).Step == "AssumeRole" })
	edit := exec.Command("gpg", "--homedir", home, "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--command-fd", "0", "--edit-key", "acme@example.com")
	edit.Stdin = strings.NewReader("key 1\ndelkey\ny\naddkey\n6\n2048\n1y\ny\ny\nsave\n")
	out, err := edit.CombinedOutput()
	require.NoError(t, err, string(out))
	tool(t, "gpg", "--homedir", home, "--batch", "--yes", "--output", s.path("acme.asc"), "--armor", "--export", "acme@example.com")
	g.release()

	s.parks("subkey")
	failed := s.failure("subkey")
	require.Equal(t, "PlanStale", failed.Type)
	require.Equal(t, "Encrypt", failed.Step)
	require.Contains(t, failed.Message, "its subkey to encrypt to is now ")
	require.Equal(t, 0, s.starter("retry", s.id("subkey")+"/k", "--replan").code)
	s.send(s.id("subkey"), "--run-key", "k")
	s.sameCSV(s.decrypt(home, s.get("all.csv.pgp")))
	s.nothingLeft()
}

// TestARunWhoseTurnIsOnATaskQueueWithoutAWorkerSaysSo: somebody has renamed task_queue, and the run in front stays on the old one.
func TestARunWhoseTurnIsOnATaskQueueWithoutAWorkerSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	g := s.gate("CreateMultipartUpload", 0) // holds AssumeRole, when the plan is made
	s.inTurn(s.bucket, "")
	old := s.worker()
	s.start("a")
	eventually(t, "the plan is made", func() bool { return s.progressOf(s.turns("a")).Step == "AssumeRole" })
	require.Equal(t, 0, old.stop())
	was, text := s.config, s.configured()
	s.config = s.write("renamed.yaml", strings.Replace(text, "task_queue: "+s.name, "task_queue: "+s.name+"-renamed", 1))
	s.worker()
	s.start("b")
	eventually(t, "the run says where nobody answers", func() bool {
		described, err := temporal.DescribeWorkflowExecution(t.Context(), s.turns("b"), "")
		require.NoError(t, err)
		pending := described.GetPendingActivities()
		return len(pending) > 0 && strings.Contains(pending[0].GetLastFailure().GetMessage(), activities.TurnID(s.id("turns"))+" is on the task queue "+s.name+" and has not answered")
	})
	g.release()
	s.config = s.write("was.yaml", strings.Replace(text, "dir: ./workspace", "dir: ./workspace2", 1))
	s.worker()
	s.config = was
	s.send(s.id("turns"), "--run-key", "a")
	s.send(s.id("turns"), "--run-key", "b")
	require.Equal(t, []string{"a", "b"}, s.oneAtATime("b", "a"))
	s.turnEnds()
	s.nothingLeft()
}
