package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"consign/activities"
	"consign/internal/config"
	"consign/starter/watch"
	"consign/workflows"
)

type sendOptions struct {
	runKey, as string
	wait       bool
	timeout    time.Duration
}

func (a *app) send() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send ORCHESTRATION",
		Short: "Start a delivery, or find it if it was started before",
		Long: `Starts a run of an orchestration and prints its workflow and run id.

A run is known by its run key. The same orchestration and key is the same run, however often it is asked for: a scheduler
that is not sure may ask again. A run that failed stays failed under its key; use a new key to try again from the start.

With --wait it shows the progress and ends with the delivery. Ctrl-C, or --timeout, ends the waiting and not the run.`,
		Example: `  starter send vips-weekly --wait
  starter send vips-weekly --run-key 2026-11-23 --wait --timeout 30m`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.proposals(orchestrations),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doSend(cmd.Context(), anOrchestration(), args[0], o)
		},
	}
	o.keyFlag(cmd)
	o.flags(a, cmd)
	return cmd
}

// keyFlag is that of the commands which make a key of the time.
func (o *sendOptions) keyFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.runKey, "run-key", "", "the run's `key` (default: the time now, in UTC, to the second)")
}

// flags are those of every command that starts a run, but for its key.
func (o *sendOptions) flags(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.as, "as", "", "the `user` who asks for it (required if the configuration has users)")
	flags.BoolVar(&o.wait, "wait", false, "show the progress and wait for the end")
	flags.DurationVar(&o.timeout, "timeout", 0, "with --wait: give up waiting after so long, for example 30m; the run goes on")
	must(cmd.RegisterFlagCompletionFunc("as", a.completeUser))
}

// A startable is what is started by its name and a run key.
type startable struct {
	command  string // that starts it
	workflow string // its type
	kind     string // as the configuration calls it
	names    func(*config.Config) []string
	id       func(name, runKey string) string
	marks    func(c *config.Config, name string) workflows.Marks
	input    func(name string, o sendOptions) any
	same     func(found workflows.OrchestrationInput) bool // as what is asked, of a run that has its key already; nil: it always is
}

func anOrchestration() startable {
	return startable{
		command: "send", workflow: workflows.TypeOrchestration, kind: "orchestration", names: orchestrations, id: workflows.OrchestrationID,
		marks: func(c *config.Config, name string) workflows.Marks {
			return workflows.Marks{Orchestration: name, Destination: destinationOf(c, name)}
		},
		input: func(name string, o sendOptions) any {
			return workflows.OrchestrationInput{Orchestration: name, RunKey: o.runKey, RequestedBy: activities.Requester{Name: o.as}}
		},
		same: func(found workflows.OrchestrationInput) bool { return found.Redeliver == nil },
	}
}

// sent is the result of send and of campaign.
type sent struct {
	WorkflowID    string                    `json:"workflow_id"`
	RunID         string                    `json:"run_id"`
	Orchestration string                    `json:"orchestration,omitempty"`
	Campaign      string                    `json:"campaign,omitempty"`
	RunKey        string                    `json:"run_key"`
	RedeliveryOf  string                    `json:"redelivery_of,omitempty"`
	to            []string                  // of a redelivery: the flag that names its data template, if there was one
	Started       bool                      `json:"started"` // false: the run was there already
	State         workflows.State           `json:"state"`
	Completion    any                       `json:"completion,omitempty"` // workflows.Completion, or CampaignCompletion
	Failure       *activities.Failure       `json:"failure,omitempty"`
	Deadline      time.Time                 `json:"deadline,omitzero"`    // of a parked run
	NoReplan      bool                      `json:"no_replan,omitempty"`  // of a parked run: it cannot be planned anew
	Deliveries    []workflows.GroupProgress `json:"deliveries,omitempty"` // of a parked campaign
}

func (s sent) name() string { return cmp.Or(s.Orchestration, s.Campaign) }

// check refuses flags that mean nothing.
func (o sendOptions) check() error {
	if o.runKey != "" {
		if err := config.CheckRunKey(o.runKey); err != nil {
			return wrong(fmt.Errorf("--run-key %w", err), "")
		}
	}
	if o.timeout != 0 && !o.wait || o.timeout < 0 {
		return wrong(errors.New("--timeout is a positive duration, and goes with --wait"), "")
	}
	return nil
}

// known refuses a name that the configuration does not have, and knows that of a campaign, which is started otherwise.
func (a *app) known(c *config.Config, what startable, name string) error {
	err := known(what.kind, name, what.names(c))
	if other := aCampaign(); err != nil && what.kind != other.kind && slices.Contains(other.names(c), name) {
		return wrong(fmt.Errorf("there is no %s %q: it is a campaign", what.kind, name), a.command(other.command, name)+" starts it")
	}
	return err
}

func (a *app) doSend(ctx context.Context, what startable, name string, o sendOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if err := a.known(c, what, name); err != nil {
		return err
	}
	if err := a.requester(c, o.as); err != nil {
		return err
	}
	if o.runKey == "" {
		o.runKey = a.clock().UTC().Format(time.RFC3339)
	}
	connection, err := a.dial(ctx, c.Temporal)
	if err != nil {
		return doing(what.command+" "+name, err)
	}
	defer connection.Close()
	marks := what.marks(c, name)
	s := sent{WorkflowID: what.id(name, o.runKey), Orchestration: marks.Orchestration, Campaign: marks.Campaign, RunKey: o.runKey}
	s, err = a.startOnce(ctx, c, connection, what, s, marks, what.input(name, o))
	if err != nil {
		return doing(what.command+" "+name, err)
	}
	if o.wait {
		return a.wait(ctx, connection, s, o.timeout)
	}
	return a.sentWithoutWaiting(ctx, c, connection, s)
}

// destinationOf is whom an orchestration delivers to by the configuration that the command sees, or empty. The worker's
// decides, and a run that leads elsewhere says so.
func destinationOf(c *config.Config, orchestration string) string {
	o, err := c.Orchestration(orchestration)
	if err != nil {
		return ""
	}
	t, err := c.DataTemplate(o.DataTemplate)
	if err != nil {
		return ""
	}
	return t.Destination
}

// start starts the run, or finds it. Its key is added to the marks.
func (a *app) start(
	ctx context.Context, c *config.Config, connection client.Client, what startable, s sent, marks workflows.Marks, in any,
) (sent, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	s.State, marks.RunKey = workflows.Running, s.RunKey
	run, err := connection.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:        s.WorkflowID,
		TaskQueue: c.Temporal.TaskQueue,
		// One workflow id is one run for as long as Temporal keeps it, whether it runs, is over, or has failed. Temporal
		// is to say so rather than answer with the old run as if it had just been started.
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes:                    marks.Attributes(),
		StaticSummary:                            s.name() + " " + s.RunKey,
	}, what.workflow, in)
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &exists):
		s.RunID = exists.RunId
		return s, nil
	case err != nil:
		return s, a.notStarted(ctx, c.Temporal, connection, err)
	}
	s.RunID, s.Started = run.GetRunID(), true
	return s, nil
}

// notStarted explains why Temporal did not take a run.
func (a *app) notStarted(ctx context.Context, t config.Temporal, connection client.Client, err error) error {
	missing, lookErr := missingAttributes(ctx, connection, t.Namespace)
	var misfit *exit
	if errors.As(lookErr, &misfit) {
		return misfit
	}
	if lookErr == nil && len(missing) > 0 {
		return wrong(fmt.Errorf("the namespace %q has no search attribute %s", t.Namespace, missing[0].Name), a.command("setup")+" makes what is missing")
	}
	var refused *serviceerror.InvalidArgument
	if lookErr == nil && errors.As(err, &refused) {
		if err := takesAttributes(ctx, connection, t.Namespace); errors.Is(err, errNotTaken) {
			return failed(err, a.command("setup")+" waits until it does")
		}
	}
	return a.asked(t, "", err)
}

// sentWithoutWaiting ends a send that does not wait: a run that is there already may have ended long ago.
func (a *app) sentWithoutWaiting(ctx context.Context, c *config.Config, connection client.Client, s sent) error {
	if s.Started {
		return a.printSent(s)
	}
	snapshot, err := watch.Look(ctx, watch.Of(connection), s.WorkflowID, s.RunID)
	if err != nil {
		return a.asked(c.Temporal, s.WorkflowID, err)
	}
	if !snapshot.Open {
		return a.over(ctx, connection, s, snapshot)
	}
	s.State = snapshot.State
	return a.printSent(s)
}

func (a *app) printSent(s sent) error {
	return a.result(s, func(w io.Writer) {
		fmt.Fprintf(w, "workflow %s\nrun      %s\n", s.WorkflowID, s.RunID)
		if !s.Started {
			fmt.Fprintf(w, "state    %s\n", s.State)
		}
	})
}
