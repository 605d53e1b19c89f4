package workflows_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

// newPipeline is a delivery of three files by a host that can begin steps early.
func newPipeline(t *testing.T) *delivery {
	t.Helper()
	d := newDelivery(t)
	d.rendered.Files, d.rendered.Pipelined = 3, true
	return d
}

// until lets a step be at work until others have been asked for.
func (d *delivery) until(step string, others ...string) {
	asked := make([]sync.Once, len(others))
	all := make([]chan struct{}, len(others))
	for i, other := range others {
		all[i] = make(chan struct{})
		d.within[other] = func() { asked[i].Do(func() { close(all[i]) }) }
	}
	d.within[step] = func() {
		for i := range all {
			select {
			case <-all[i]:
			case <-d.t.Context().Done():
			}
		}
	}
}

// untilDone returns when the run knows that a step is done. It is called while another step is at work.
func (d *delivery) untilDone(step string) {
	done := make(chan struct{})
	var look func()
	look = func() {
		for _, s := range d.progress().Steps {
			if s.Name == step && s.State == "done" {
				close(done)
				return
			}
		}
		d.RegisterDelayedCallback(look, 0)
	}
	d.RegisterDelayedCallback(look, 0)
	select {
	case <-done:
	case <-d.t.Context().Done():
	}
}

func (d *delivery) asked(step string) []any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inputs[step]
}

// coming are the steps whose files were still to come when the named one was asked for the nth time.
func (d *delivery) coming(step string, n int) activities.FilesResult {
	switch in := d.inputs[step][n].(type) {
	case activities.ArchiveInput:
		return in.From
	case activities.EncryptInput:
		return in.From
	case activities.UploadInput:
		return in.From
	}
	d.t.Fatal(step)
	return activities.FilesResult{}
}

func TestTheStepsOfSeveralFilesAreAtWorkTogether(t *testing.T) {
	d := newPipeline(t)
	d.until("Archive", "Encrypt", "Upload")
	var seen []string
	encrypting := d.within["Encrypt"]
	d.within["Encrypt"] = func() {
		d.RegisterDelayedCallback(func() {
			for _, s := range d.progress().Steps {
				seen = append(seen, s.State)
			}
			encrypting()
		}, 0)
	}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, []string{"done", "done", "done", "running", "running", "running", "waiting", "waiting"}, seen)
	require.Equal(t, activities.FilesResult{Step: "render", Files: 3, Rows: 7, Bytes: 70}, d.coming("Archive", 0))
	require.Equal(t, activities.FilesResult{Step: "archive", Files: 3, Rows: 7, Coming: "render"}, d.coming("Encrypt", 0))
	require.Equal(t, activities.FilesResult{Step: "encrypt", Files: 3, Rows: 7, Coming: "render"}, d.coming("Upload", 0))
	for _, step := range steadily() {
		require.Equal(t, 1, d.calls[step], step)
	}
	require.Equal(t, 3, c.ObjectCount)
	for _, s := range d.progress().Steps[3:6] {
		require.EqualValues(t, 70, s.Bytes, s.Name)
		require.Equal(t, 1, s.Attempt, s.Name)
	}
}

func TestStepsFollowEachOtherWhereNothingIsWonOrTheHostCannot(t *testing.T) {
	for name, change := range map[string]func(*delivery){
		"one file":                      func(d *delivery) { d.rendered.Files = 1 },
		"all files become one archive":  func(d *delivery) { d.plan.Archive.Encoding, d.plan.Encryption = "tgz", nil },
		"a host of an earlier release":  func(d *delivery) { d.rendered.Pipelined = false },
		"nothing is done to the files":  func(d *delivery) { d.plan.Archive.Encoding, d.plan.Encryption = "none", nil },
		"the files are encrypted there": func(d *delivery) { d.again("encrypt") },
	} {
		t.Run(name, func(t *testing.T) {
			d := newPipeline(t)
			change(d)
			deliver := d.run
			if d.kept != nil {
				deliver = d.redeliver
			}
			_, err := deliver()
			require.NoError(t, err)
			for _, step := range []string{"Archive", "Encrypt", "Upload"} {
				for i := range d.inputs[step] {
					require.Empty(t, d.coming(step, i).Coming, step)
				}
			}
		})
	}
}

func TestFilesThatAreTakenAgainAreEncryptedAndSentTogether(t *testing.T) {
	d := newDelivery(t)
	d.again("archive")
	d.kept.Reuse.Files, d.rendered.Files, d.rendered.Pipelined = 3, 3, true
	d.until("Encrypt", "Upload")
	_, err := d.redeliver()
	require.NoError(t, err)
	require.Empty(t, d.coming("Encrypt", 0).Coming)
	require.Equal(t, "archive", d.coming("Upload", 0).Coming)
}

// TestAFailureStopsTheStepsBehindIt: the run is parked at the step that failed, and a retry takes all of them up.
func TestAFailureStopsTheStepsBehindIt(t *testing.T) {
	for step, behind := range map[string][]string{"Archive": {"Encrypt", "Upload"}, "Encrypt": {"Upload"}} {
		t.Run(step, func(t *testing.T) {
			d := newPipeline(t)
			d.broken[step] = []error{permanently("WorkspaceFull")}
			if step == "Encrypt" { // and again in its turn
				d.broken[step] = append(d.broken[step], permanently("WorkspaceFull"))
			}
			tries := len(d.broken[step])
			d.until(step, behind...)
			wait := make(chan struct{})
			d.within["Discard"] = sync.OnceFunc(func() { close(wait) })
			for _, s := range behind {
				told := d.within[s]
				d.within[s] = func() {
					told()
					if len(d.asked(s)) == 1 { // it would wait for its next file for ever
						<-wait
					}
				}
			}
			d.RegisterDelayedCallback(func() {
				p := d.progress()
				require.Equal(t, workflows.Parked, p.State)
				require.Equal(t, step, p.Failure.Step)
				require.Equal(t, "waiting", p.Steps[5].State)
				d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
			}, time.Hour)
			c, err := d.run()
			require.NoError(t, err)
			require.Equal(t, workflows.Completed, c.Status)
			require.Equal(t, tries+1, d.calls[step])
			for _, s := range behind {
				require.Len(t, d.inputs[s], 2, s)
			}
			require.Equal(t, 1, d.calls["Render"])
		})
	}
}

// TestWhatALaterStepCouldNotDoIsAskedForAgainInItsTurn: hours may have passed, and what was in its way with them.
func TestWhatALaterStepCouldNotDoIsAskedForAgainInItsTurn(t *testing.T) {
	unreachable := passing("S3Unreachable")
	for name, failed := range map[string][]error{
		"refused":                {permanently("AccessDenied")},
		"tries have run out":     {unreachable, unreachable, unreachable, unreachable},
		"the host was not there": {hostGone()},
	} {
		t.Run(name, func(t *testing.T) {
			d := newPipeline(t)
			d.broken["Upload"] = failed
			d.until("Archive", "Upload")
			_, err := d.run()
			require.NoError(t, err)
			require.Equal(t, 1, d.calls["Render"])
			require.Equal(t, 1, d.calls["Archive"])
			require.Equal(t, 1, d.calls["Encrypt"])
			require.Equal(t, []string{workflows.SignalCompleted}, d.names, "nobody was asked")
			require.Empty(t, d.coming("Upload", len(failed)).Coming, "all files were there")
			require.EqualValues(t, 70, d.coming("Upload", len(failed)).Bytes)
		})
	}
}

func TestALaterStepThatFailsInItsTurnParksTheRun(t *testing.T) {
	d := newPipeline(t)
	d.broken["Upload"] = []error{permanently("AccessDenied"), permanently("AccessDenied")}
	d.until("Archive", "Upload")
	d.RegisterDelayedCallback(func() {
		p := d.progress()
		require.Equal(t, "Upload", p.Failure.Step)
		require.Equal(t, "done", p.Steps[4].State)
		require.Equal(t, 2, p.Steps[5].Attempt)
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 1, d.calls["Archive"])
	require.Equal(t, 1, d.calls["Encrypt"])
	require.Equal(t, 3, d.calls["Upload"])
}

// TestAStepThatIsAskedForAgainKeepsTheOneBehindIt: Upload waits for Encrypt's files whichever try makes them.
func TestAStepThatIsAskedForAgainKeepsTheOneBehindIt(t *testing.T) {
	d := newPipeline(t)
	d.broken["Encrypt"] = []error{permanently("WorkspaceFull")}
	d.until("Archive", "Encrypt", "Upload")
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["Encrypt"])
	require.Equal(t, 1, d.calls["Upload"])
}

func TestAHostThatIsLostTakesTheStepsBehindWithIt(t *testing.T) {
	d := newPipeline(t)
	d.broken["Archive"], d.broken["Encrypt"], d.broken["Upload"] = []error{hostGone()}, []error{hostGone()}, []error{hostGone()}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["Render"], "once for all three")
	require.Contains(t, c.DeliveryID, "-2")
	require.Len(t, c.Warnings, 1)
}

// TestFilesThatAreLostTakeTheStepsBehindWithThem: what one of these has made by then is of another delivery.
func TestFilesThatAreLostTakeTheStepsBehindWithThem(t *testing.T) {
	d := newPipeline(t)
	d.broken["Archive"] = []error{permanently(activities.TypeFilesLost)}
	d.until("Archive", "Encrypt", "Upload")
	wait := make(chan struct{})
	d.within["Discard"] = sync.OnceFunc(func() { close(wait) })
	told := d.within["Encrypt"]
	d.within["Encrypt"] = func() {
		told()
		if len(d.asked("Encrypt")) == 1 {
			<-wait
		}
	}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["Render"])
	encrypted := d.asked("Encrypt")
	require.Equal(t, c.DeliveryID, encrypted[len(encrypted)-1].(activities.EncryptInput).Delivery)
}

// TestLaterBatchesKnowWhenNothingIsComingAnyMore: a call that begins when all files are there waits for none.
func TestLaterBatchesKnowWhenNothingIsComingAnyMore(t *testing.T) {
	d := newPipeline(t)
	d.rendered.Files = 1203
	d.plan.Encryption = nil
	d.until("Archive", "Upload")
	begun := d.within["Upload"]
	d.within["Upload"] = func() {
		begun()
		if len(d.asked("Upload")) == 2 {
			d.untilDone("Archive")
		}
	}
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, "render", d.coming("Upload", 0).Coming)
	require.Len(t, d.inputs["Upload"], 3)
	require.Empty(t, d.coming("Upload", 2).Coming)
}

func TestAnAbortStopsAllStepsAndLooksForWhatWasSent(t *testing.T) {
	d := newPipeline(t)
	d.until("Archive", "Upload")
	asked := d.within["Upload"]
	wait := make(chan struct{})
	d.within["Discard"] = sync.OnceFunc(func() { close(wait) })
	d.within["Upload"] = func() {
		d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "wrong list"})
		asked()
		<-wait
	}
	_, err := d.run()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.Equal(t, workflows.Aborted, d.heard[0].Status)
	last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
	require.True(t, last.Elsewhere)
	require.Equal(t, 3, last.Unknown, "Upload was at work, though Archive was not done")
}
