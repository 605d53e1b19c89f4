package e2e_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"consign/workflows"
)

// sentAhead starts a delivery of one file of some eight parts, which stands still when the first is in S3: while it is rendered,
// or soon after.
func sentAhead(t *testing.T, name string) (*site, *gate, *process) {
	t.Helper()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	g := s.gate("UploadPart", 1)
	s.ahead(name)
	w := s.worker()
	s.begin(name, "k")
	eventually(t, "a part sent", func() bool { return g.answered("UploadPart") >= 1 })
	return s, g, w
}

// ahead is a delivery whose one file is sent while it is rendered.
func (s *site) ahead(name string) {
	s.t.Helper()
	s.sends(source, name+"-{site}", "platform", "file_format: csv, success_file: true", `filename: "all.csv"`)
}

func (s *site) cameWhole() {
	s.t.Helper()
	c := s.send(s.id("ahead"), "--run-key", "k")
	require.Equal(s.t, workflows.Completed, c.Status)
	require.Equal(s.t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.sameCSV(s.get("all.csv"))
}

func TestAFileThatIsSentAheadIsNotToBeSeenBeforePublish(t *testing.T) {
	t.Parallel()
	s, g, _ := sentAhead(t, "ahead")
	require.Empty(t, s.keys())
	g.release()
	s.cameWhole()
	object, err := s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.bucket, Key: aws.String("all.csv")})
	require.NoError(t, err)
	require.Len(t, object.Metadata, 1, "the delivery's id: the checksum was not known when it was begun, so it was")
	require.Equal(t, 2, g.count("CreateMultipartUpload"), "one to try, one to send")
	s.nothingLeft()
}

func TestAWorkerThatEndsWhileItSendsAheadGoesOnAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *process){
		"kill -9": func(_ *testing.T, w *process) { w.kill() },
		"SIGTERM": func(t *testing.T, w *process) { t.Helper(); require.Equal(t, 0, w.stop()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, g, w := sentAhead(t, "ahead")
			end(t, w)
			g.release()
			s.worker()
			s.cameWhole()
			s.nothingLeft()
		})
	}
}

// Upload goes on with what was sent ahead, and after a crash too.
func TestAWorkerKilledDuringUploadKeepsWhatWasSentAhead(t *testing.T) {
	t.Parallel()
	s, g, w := sentAhead(t, "ahead")
	eventually(t, "the file is whole", func() bool { return s.progressOf(s.workflow("ahead")).Step == "Upload" })
	w.kill()
	g.release()
	before := g.count("UploadPart")
	s.worker()
	c := s.send(s.id("ahead"), "--run-key", "k")
	parts := int((c.Bytes + 5<<20 - 1) / (5 << 20))
	require.Equal(t, parts-1, g.count("UploadPart")-before, "the part that S3 has is not sent again")
	require.Equal(t, 2, g.count("CreateMultipartUpload"), "one to try, one to send")
	s.sameCSV(s.get("all.csv"))
	s.nothingLeft()
}

func TestARunAbortedWhileItIsSentAheadLeavesNothing(t *testing.T) {
	t.Parallel()
	s, g, _ := sentAhead(t, "ahead-aborted")
	require.Equal(t, 0, s.starter("abort", s.id("ahead-aborted")+"/k").code)
	eventually(t, "aborted", func() bool { return s.status(s.workflow("ahead-aborted")) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED })
	g.release()
	require.Empty(t, s.keys())
	s.nothingLeft()
}

// Its host is lost with the upload that only it knew, and does not come back before the run has ended.
func TestARunAbortedAfterItsHostWasLostLeavesNoUpload(t *testing.T) {
	t.Parallel()
	s, g, w := sentAhead(t, "ahead")
	w.kill()
	g.release()
	a := s.starter("abort", s.id("ahead")+"/k")
	require.Equal(t, 0, a.code, "%s\n%s", a.out, a.err)
	s.secondHost()
	require.Eventually(t, func() bool { return s.status(s.workflow("ahead")) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED }, 3*heartbeat+hostTimeout+patience, 100*time.Millisecond)
	open, err := s.s3.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.bucket})
	require.NoError(t, err)
	require.Empty(t, open.Uploads)
	require.Empty(t, s.keys())
}
