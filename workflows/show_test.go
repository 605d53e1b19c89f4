package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/activities"
	"consign/internal/plan"
)

// shown is a run that has come as far as the named step.
func shown(state State, next string) *run {
	r := &run{in: OrchestrationInput{Orchestration: "vips_weekly_all", RunKey: "2026-11-23"}, desk: desk{state: state}, plan: &plan.Plan{}}
	r.plan.Query.Name, r.plan.Render.FileFormat, r.plan.Upload.Bucket = "all", "csv", "acme"
	for i, name := range []string{"Plan", "Render", "Publish"} {
		r.steps = append(r.steps, &step{name: name, state: stepWaiting})
		if name == next {
			r.next = i
		}
	}
	return r
}

func TestTheDetailsOfAParkedRunNameWhatIsWrongAndTheButtonsOfTheUI(t *testing.T) {
	t.Parallel()
	r := shown(Parked, "Render")
	r.steps[1].state = stepFailed
	r.deadline = time.Date(2026, 12, 1, 4, 48, 39, 0, time.UTC)
	r.failure = &activities.Failure{
		Step: "Render", Type: "QueryFailed", Attribution: activities.Configuration,
		Message: "query all: no column a*b\nLINE 1: SELECT a*b of \u202efdp.csv", Advice: "Correct the query.",
	}
	text := r.details()
	for _, want := range []string{
		"## Parked: QueryFailed", "**Whose to fix:** configuration: whoever writes Consign's configuration", "**What to do:** Correct the query.", "2026-12-01 04:48 UTC",
		"*More Actions*", "*Send a Signal*", "*Send an Update*", "*Request Cancellation*", "*Submit*",
		"`retry`, Data empty: goes on at Render", "`{\"replan\": true}`", "`abort`", "| Render | **failed** |",
		"no column a\\*b\\\nLINE 1", // as it was said, not as Markdown
		`of \\u202efdp.csv`,         // and not from right to left, as vsc.pdf
		`**vips\_weekly\_all**`,
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, "parked: QueryFailed at Render, for the configuration's author to fix; see User Metadata", r.parkedSummary())
}

func TestAReplanIsNotOfferedWhenItWouldBeRefused(t *testing.T) {
	t.Parallel()
	r := shown(Parked, "Publish")
	r.steps[2].attempt = 1
	r.failure = &activities.Failure{Step: "Publish", Attribution: activities.Customer}
	require.NotContains(t, r.details(), `{"replan": true}`)
	require.Error(t, r.mayRetry(nil, RetryRequest{Replan: true}))
	require.NoError(t, r.mayRetry(nil, RetryRequest{}))
	require.Contains(t, r.parkedSummary(), "for the customer to fix")
}

func TestTheDetailsOfARunSayWhereToLook(t *testing.T) {
	t.Parallel()
	r := shown(Running, "Render")
	r.steps[1].state = stepRunning
	require.Contains(t, r.details(), "*Pending Activities*")
	require.Contains(t, r.details(), "| Render | **running** |")
	require.Contains(t, r.details(), "waits for a worker with room")
	require.Contains(t, r.details(), "Query all as csv to `s3://acme/")
	r.waitsFor = "send/vips/1"
	require.Contains(t, r.details(), "**Waits for** `send/vips/1`")
}

func TestTheDetailsOfAFailedRunSayWhy(t *testing.T) {
	t.Parallel()
	r := shown(Failed, "Render")
	r.failure = &activities.Failure{Type: "DiskFull", Attribution: activities.Platform, Message: "no space", Advice: "Make room."}
	require.Contains(t, r.details(), "**DiskFull** (platform): no space\n\nMake room.")
	require.Contains(t, r.parkedSummary(), "for the platform's people to fix")
}

func TestTheDetailsOfAnAbortedRunSayWhyItWasAborted(t *testing.T) {
	t.Parallel()
	r := shown(Aborted, "Render")
	r.abort = &AbortRequest{Reason: "wrong_query"}
	require.Contains(t, r.details(), `**Aborted:** the run was aborted: wrong\_query`)
	r.failure = &activities.Failure{Type: "DiskFull", Attribution: activities.Platform, Message: "no space", Advice: "Make room, and retry."}
	require.Contains(t, r.details(), "(it was parked: no space)")
	require.NotContains(t, r.details(), "Make room", "it takes no retry any more")

	c := &campaign{in: CampaignInput{Campaign: "Spring Sale", RunKey: "k"}, desk: desk{state: Aborted, abort: r.abort}}
	require.Contains(t, c.details(), `**Aborted:** the run was aborted: wrong\_query`)
}

func TestTheDetailsOfALargeDeliveryListOnlySomeObjects(t *testing.T) {
	t.Parallel()
	r := shown(Completed, "Publish")
	r.published = make([]activities.Object, 1200)
	r.published[0] = activities.Object{Bucket: "acme", Key: "in/1.csv", Rows: 20_000, Bytes: 1_602_044}
	r.notes = []string{"host a_b_c did not answer"}
	text := r.details()
	require.Contains(t, text, "- `s3://acme/in/1.csv` 20,000 rows, 1,602,044 bytes")
	require.Contains(t, text, "- and 1,190 more")
	require.Contains(t, text, `- host a\_b\_c did not answer`)
}

func TestSizesAreReadable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "20,000 rows, 1,602,044 bytes", sizeOf(activities.FilesResult{Files: 1, Rows: 20_000, Bytes: 1_602_044}))
	require.Equal(t, "0 rows, 12 bytes", sizeOf(activities.FilesResult{Files: 1, Bytes: 12}))
	require.Equal(t, "7 rows, 999 bytes in 1,200 files", sizeOf(activities.FilesResult{Files: 1200, Rows: 7, Bytes: 999}))
	require.Equal(t, "give the host's place to other runs", discardLease.String())
	require.Equal(t, "empty the workspace", discardFiles.String())
	require.Equal(t, "empty the workspace, abort open uploads", discardAll.String())
}
