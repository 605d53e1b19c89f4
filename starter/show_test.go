package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/activities"
	"consign/starter/watch"
	"consign/workflows"
)

func TestARunThatStandsStillIsNotOneWithoutAWorker(t *testing.T) {
	t.Parallel()
	for tries, want := range map[int32]string{0: "no worker answers", 1: "no worker answers", 3: "it stands still: 3 times no worker could say what comes next (task queue consign)"} {
		var out strings.Builder
		(&app{}).printShown(&out, shown{Run: "a/1", Snapshot: watch.Snapshot{State: workflows.Running, Open: true, Queue: "consign", TaskTries: tries}})
		require.Contains(t, out.String(), want)
	}
}

func TestTheWaitForWhomToTellNamesItsEnd(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	(&app{}).printShown(&out, shown{Run: "a/1", Snapshot: watch.Snapshot{State: workflows.Running, Open: true, Progress: &workflows.Progress{Telling: true}}})
	require.Contains(t, out.String(), "to wait no longer: starter abort a/1\n")
}

// TestARunThatIsOverWaitsForNothing: one that was terminated answers as it stood.
func TestARunThatIsOverWaitsForNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	(&app{}).printShown(&out, shown{Run: "a/1", Snapshot: watch.Snapshot{State: workflows.Aborted, Progress: &workflows.Progress{
		State: workflows.Running, Telling: true, WaitsFor: "send/a/0", Steps: []workflows.StepProgress{{Name: "Plan", State: "running"}},
	}}})
	require.Contains(t, out.String(), "\nas it stood when Temporal ended it:\nSTEP")
	require.NotContains(t, out.String(), "waits for its turn")
	require.NotContains(t, out.String(), "starter abort")
}

func TestAFailureNamesTheWorkerThatItMayBeAbout(t *testing.T) {
	t.Parallel()
	for who, want := range map[activities.Attribution]bool{activities.Platform: true, activities.Configuration: true, activities.Customer: false} {
		f := &activities.Failure{Type: "T", Attribution: who, Worker: "acme-1 (pid 7)"}
		var out strings.Builder
		printFailure(&out, f)
		for _, text := range []string{out.String(), (&app{}).parkedText("a/1", workflows.Progress{Failure: f})} {
			require.Equal(t, want, strings.Contains(text, "\nwhere       worker acme-1 (pid 7)\nwhose "), text)
		}
	}
}

func TestWhatIsRefusedIsNotOffered(t *testing.T) {
	t.Parallel()
	require.Contains(t, (&app{}).parkedText("a/1", workflows.Progress{}), "--replan")
	require.NotContains(t, (&app{}).parkedText("a/1", workflows.Progress{NoReplan: true}), "--replan")
}

func TestGroupsOfWhichNoneIsAtWorkDoNotGoOn(t *testing.T) {
	t.Parallel()
	for other, goesOn := range map[workflows.State]bool{
		workflows.Waiting: true, workflows.Running: true, workflows.Parked: false, workflows.Completed: false, workflows.Failed: false,
	} {
		text := (&app{}).parkedGroups("campaign/sale/1", []workflows.GroupProgress{{Group: "a", State: workflows.Parked}, {Group: "b", State: other}})
		require.Equal(t, goesOn, strings.Contains(text, "the other groups go on"), other)
		require.Contains(t, text, "the campaign is over when all are\n")
	}
}

func TestARunThatFailedSaysWhatItWarnsOf(t *testing.T) {
	t.Parallel()
	done := workflows.Completion{
		Status: workflows.Failed, Warnings: []string{"whether more of it can be read is not known: no answer"}, NotNotified: []string{"crm"},
	}
	campaign := workflows.CampaignCompletion{Groups: []workflows.GroupCompletion{{Name: "a", Deliveries: []workflows.Completion{done}}}}
	for _, completion := range []any{done, campaign} {
		var out strings.Builder
		(&app{}).printShown(&out, shown{Snapshot: watch.Snapshot{State: workflows.Failed}, Completion: completion})
		require.Contains(t, out.String(), "warning: whether more of it can be read is not known: no answer\nwarning: workflow crm was never there to be told\n")
		require.NotContains(t, out.String(), "visible")
	}
}

func TestTheSuccessFileOfAnEmptyDeliveryIsNamed(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printDelivery(&out, workflows.Completion{Status: workflows.Completed, SuccessFile: "in/a.csv.DONE"})
	require.Equal(t, "in/a.csv.DONE\ncompleted: 0 objects, 0 rows, 0 B in 0 s\n", out.String())
}

func TestTheResultOfAParkedRunSaysWhatItsTextSays(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{out: &out, messages: io.Discard, output: "json"}
	err := a.parked(sent{WorkflowID: "send/a/1"}, watch.Snapshot{Progress: &workflows.Progress{NoReplan: true}})
	require.ErrorContains(t, err, "is parked")
	require.Contains(t, out.String(), `"no_replan": true`)
}

// TestWhatNoWorkerKnowsIsNotAdvised: of a campaign it may be a group that waits, which is retried by itself.
func TestWhatNoWorkerKnowsIsNotAdvised(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	a := &app{out: io.Discard, messages: &said, output: "text"}
	err := a.parked(sent{WorkflowID: "campaign/sale/1"}, watch.Snapshot{Queue: "consign", IsCampaign: true})
	require.ErrorContains(t, err, "is parked")
	require.Equal(t, "no worker answers, so that it cannot be shown what is wrong (task queue consign)\nstarter show campaign/sale/1\n  says it once one does\n", said.String())
}
