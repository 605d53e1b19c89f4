package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"consign/internal/plan"
	"consign/internal/workspace"
)

// ErrNotKept means that the files of a finished run are not there to be sent again.
var ErrNotKept = errors.New("the files are not kept")

// QueryKept is the query of a run that returns a Kept.
const QueryKept = "kept"

// Kept is what a run that delivered has left on its host, for as long as it is kept there.
type Kept struct {
	State      string      `json:"state"` // of the run; all else but Host is there only if it is completed
	Plan       *plan.Plan  `json:"plan,omitempty"`
	Folder     Folder      `json:"folder,omitzero"`
	Files      FilesResult `json:"files,omitzero"`  // as they were sent
	Host       string      `json:"host,omitempty"`  // of the run's files; empty: they are not made yet
	Queue      string      `json:"queue,omitempty"` // of the host
	RenderedAt time.Time   `json:"rendered_at,omitzero"`
	Until      time.Time   `json:"until,omitzero"` // zero: nothing was kept
}

// A Redelivery says whose files a run sends again.
type Redelivery struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id,omitempty"` // empty: the latest
	To         string `json:"to,omitempty"`     // a data template; empty: the run's own
}

// Check says why there is nothing to send again. It does not look at the host.
func (k Kept) Check(workflowID string) error {
	switch {
	case k.State != "completed":
		return fmt.Errorf("%s: %w: the run is %s, and only one that is completed can be sent again", workflowID, ErrNotKept, k.State)
	case k.Files.Files == 0:
		return fmt.Errorf("%s: %w: the run had no rows and delivered no file", workflowID, ErrNotKept)
	case k.Until.IsZero():
		return fmt.Errorf("%s: %w: workspace.keep asked for nothing on %s when the run ended", workflowID, ErrNotKept, k.Host)
	}
	return nil
}

// Again is how a run goes on whose files are there already.
type Again struct {
	Kept
	Reuse FilesResult `json:"reuse"` // what of the kept files to take: the encrypted ones, or those before
}

// reuse decides which of the kept files the plan can use.
func (k Kept) reuse(p *plan.Plan) FilesResult {
	if k.Plan.Encrypts() && !k.Plan.Encryption.SameRecipients(p.Encryption) {
		return k.plain()
	}
	return k.Files
}

// plain are the files before encryption.
func (k Kept) plain() FilesResult {
	from := FilesResult{Step: stepRender, Files: k.Files.Files, Rows: k.Files.Rows}
	if k.Plan.Archives() {
		from.Step = stepArchive
	}
	return from
}

// Recall asks a finished run what it has left. The run's workflow answers from its history, so any worker can.
func Recall(ctx context.Context, c client.Client, workflowID, runID string) (Kept, error) {
	var kept Kept
	answer, err := c.QueryWorkflow(ctx, workflowID, runID, QueryKept)
	if err == nil {
		err = answer.Get(&kept)
	}
	var failed *serviceerror.QueryFailed
	switch {
	case unknown(err):
		return Kept{}, fmt.Errorf("%s: %w: Temporal does not know the run any more", workflowID, ErrNotKept)
	case errors.As(err, &failed):
		return Kept{}, fmt.Errorf("%s: %w: it is not a run of an orchestration (%w)", workflowID, ErrNotKept, err)
	case err != nil:
		return Kept{}, fmt.Errorf("ask %s for its files: %w", workflowID, err)
	}
	return kept, nil
}

// planAgain resolves a run that sends kept files.
func (s *Steps) planAgain(ctx context.Context, in PlanInput) (*plan.Plan, *Again, error) {
	c, err := s.options.Config()
	if err != nil {
		return nil, nil, err
	}
	kept, err := Recall(ctx, s.options.Client, in.Redeliver.WorkflowID, in.Redeliver.RunID)
	if err != nil {
		return nil, nil, err
	}
	if err := kept.Check(in.Redeliver.WorkflowID); err != nil {
		return nil, nil, err
	}
	request := plan.Request{RunKey: in.RunKey, RequestedBy: in.RequestedBy.Name, To: in.Redeliver.To}
	p, err := plan.Again(c, request, kept.Plan, s.options.Clock())
	if err != nil {
		return nil, nil, err
	}
	again := &Again{Kept: kept, Reuse: kept.reuse(p)}
	again.Plan = nil // it is in the history of the run that made the files
	return p, again, nil
}

// keep leaves the files of a run that has delivered on the host for as long as the options say, and returns until when.
// What was sent stays, and, to be encrypted for somebody else, what it was encrypted from.
func (s *Steps) keep(run *workspace.Run, in DiscardInput) (time.Time, error) {
	// It holds nothing if this is the second try, say, and the disk was full after the first.
	if s.options.Keep <= 0 || in.Sent.Files == 0 || !run.Holds(in.Delivery) {
		return time.Time{}, run.Remove()
	}
	stays := []string{in.Sent.Step}
	if in.Sent.Step == stepEncrypt && s.options.KeepPlain {
		before, err := beforeEncrypt(run, in.Delivery)
		if err != nil {
			return time.Time{}, err
		}
		stays = append(stays, before)
	}
	kept, err := run.Keep(in.Delivery, s.options.Clock(), stays...)
	return kept.Ended.Add(s.options.Keep), err
}

// beforeEncrypt is the step whose files were encrypted.
func beforeEncrypt(run *workspace.Run, delivery string) (string, error) {
	archive, err := run.Step(delivery, stepArchive)
	if err != nil {
		return "", err
	}
	files, _, err := archive.Files(nil)
	if len(files) > 0 {
		return stepArchive, err
	}
	return stepRender, err
}

// keptFor reports how much longer a run's files stay; 0: it is not kept, or not any more.
func (s *Steps) keptFor(run *workspace.Run) (time.Duration, error) {
	kept, found, err := run.Kept()
	if err != nil || !found {
		return 0, err
	}
	return max(0, kept.Ended.Add(s.options.Keep).Sub(s.options.Clock())), nil
}

// makeRoom gives up all kept files when the disk is full: a run under way needs it more.
func (s *Steps) makeRoom() error {
	for {
		if evicted, err := s.options.Host.Evict(); err != nil || !evicted {
			return err
		}
	}
}
