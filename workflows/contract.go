// Package workflows decides the order in which a delivery's steps run, and what happens when one fails.
package workflows

import (
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"consign/activities"
)

// What other programs rely on: names and payloads that schedulers start, operators send and campaign systems receive.
// Nothing here is renamed; fields are added.

// Workflow types.
const (
	TypeOrchestration = "Orchestration"
	TypeCampaign      = "Campaign"
	TypeScheduledSend = "ScheduledSend" // what a Temporal Schedule starts: it starts one of the others
)

// Signals that a notify target receives. The payload is a Completion.
const (
	SignalCompleted = "orchestration-completed" // the run is over: completed, failed or aborted
	SignalParked    = "orchestration-parked"    // the run waits for an operator
	// SignalCampaignCompleted is for the targets of a campaign, once all its groups are over. The payload is a
	// CampaignCompletion. They get SignalParked, with the Completion of the group's run, for each that parks.
	SignalCampaignCompleted = "campaign-completed"
)

// signalGroup is how the run of a group tells its campaign that it is parked, or that it goes on. The payload is a
// Completion.
const signalGroup = "group"

// Signals and updates that an operator sends to a run. As updates they are checked and answered; as signals they are
// kept until a worker is there.
const (
	RetryName = "retry" // payload RetryRequest; only a parked run can be retried
	AbortName = "abort" // payload AbortRequest; at any time
)

// Queries.
const (
	QueryProgress = "progress"           // returns a Progress
	QueryKept     = activities.QueryKept // returns an activities.Kept: what a finished run has left to be sent again
)

// Search attributes, made by `starter setup`. Values are names from the configuration, never data.
var (
	AttributeOrchestration = temporal.NewSearchAttributeKeyKeyword("ConsignOrchestration")
	AttributeCampaign      = temporal.NewSearchAttributeKeyKeyword("ConsignCampaign")
	AttributeDestination   = temporal.NewSearchAttributeKeyKeyword("ConsignDestination")
	AttributeState         = temporal.NewSearchAttributeKeyKeyword("ConsignState")
	AttributeRunKey        = temporal.NewSearchAttributeKeyKeyword("ConsignRunKey")
	AttributeRows          = temporal.NewSearchAttributeKeyInt64("ConsignRows")
)

// Attributes returns all search attributes, which a namespace must have, each with its type, before a run starts in it.
func Attributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{
		AttributeOrchestration, AttributeCampaign, AttributeDestination, AttributeState, AttributeRunKey, AttributeRows,
	}
}

// AttributeFits reports whether an attribute that a namespace has as another type can hold a's values all the same: else no
// run could begin there, or end.
func AttributeFits(a temporal.SearchAttributeKey, is enums.IndexedValueType) bool {
	switch want := a.GetValueType(); is {
	case want:
		return true
	case enums.INDEXED_VALUE_TYPE_DOUBLE:
		return want == enums.INDEXED_VALUE_TYPE_INT
	case enums.INDEXED_VALUE_TYPE_TEXT:
		return want == enums.INDEXED_VALUE_TYPE_KEYWORD
	default:
		return false
	}
}

// MisfitAttribute says which search attribute of a namespace is of a wrong type, and how it is removed.
func MisfitAttribute(namespace string, a temporal.SearchAttributeKey, is enums.IndexedValueType) (says, hint string) {
	return fmt.Sprintf("namespace %s has the search attribute %s as %s and not as %s, so that no run could begin or end", namespace, a.GetName(), is, a.GetValueType()),
		fmt.Sprintf("remove it (temporal operator search-attribute remove --namespace %s --name %s); starter setup makes it anew", namespace, a.GetName())
}

// Marks are what operators find a run by. Whoever starts a run gives it those that he knows, so that it is found before a
// worker has taken it; the run adds what is missing once it has planned, which Temporal has to write once more. Workers are
// upgraded before who starts runs: one that is older than this adds all, and one that is newer could not go on with its run.
type Marks struct {
	Orchestration, Campaign, Destination, RunKey string // empty: not known, or none
}

// Attributes are the search attributes to start a run with.
func (m Marks) Attributes() temporal.SearchAttributes {
	marks := []temporal.SearchAttributeUpdate{AttributeState.ValueSet(string(Running))}
	for _, one := range []struct {
		key   temporal.SearchAttributeKeyKeyword
		value string
	}{{AttributeOrchestration, m.Orchestration}, {AttributeCampaign, m.Campaign}, {AttributeDestination, m.Destination}, {AttributeRunKey, m.RunKey}} {
		if one.value != "" {
			marks = append(marks, one.key.ValueSet(one.value))
		}
	}
	return temporal.NewSearchAttributes(marks...)
}

// OrchestrationInput starts an Orchestration workflow.
type OrchestrationInput struct {
	Orchestration string                `json:"orchestration"`
	RunKey        string                `json:"run_key,omitempty"` // empty: the start time, as in 2026-11-23T06:00:00Z
	RequestedBy   activities.Requester  `json:"requested_by,omitzero"`
	At            *time.Time            `json:"at,omitempty"` // the run's `now`; empty: the start time
	Group         *activities.GroupPart `json:"group,omitempty"`
	// Redeliver makes it a run that sends the files of a finished one again, without asking the source. Its `now` and the
	// names of its objects are those of that run.
	Redeliver *activities.Redelivery `json:"redeliver,omitempty"`
}

// OrchestrationID is the workflow id of a run: the same orchestration and key is the same run.
func OrchestrationID(orchestration, runKey string) string {
	return activities.RunID(orchestration, runKey)
}

// RedeliveryID is the workflow id of the n-th delivery of a run's files, the run's own being the first. No run key holds
// a tilde, so it is nobody else's.
func RedeliveryID(workflowID string, n int) string {
	return activities.Unnumbered(workflowID) + "~" + strconv.Itoa(n)
}

// RedeliveryKey is the run key of that delivery.
func RedeliveryKey(runKey string, n int) string { return RedeliveryID(runKey, n) }

// CampaignInput starts a Campaign workflow.
type CampaignInput struct {
	Campaign    string               `json:"campaign"`
	RunKey      string               `json:"run_key,omitempty"` // empty: the start time, as of an Orchestration
	RequestedBy activities.Requester `json:"requested_by,omitzero"`
	At          *time.Time           `json:"at,omitempty"` // the `now` of every group's run; empty: the start time
}

// CampaignID is the workflow id of a campaign's run: the same campaign and key is the same run.
func CampaignID(campaign, runKey string) string {
	return activities.CampaignRunID(campaign, runKey)
}

// ScheduledInput starts a ScheduledSend workflow: which of the two it is to start. The run's key and its `now` are the
// time for which the schedule has started it.
type ScheduledInput struct {
	Orchestration string `json:"orchestration,omitempty"`
	Campaign      string `json:"campaign,omitempty"`
}

// Scheduled is the result of a ScheduledSend.
type Scheduled struct {
	WorkflowID string    `json:"workflow_id"` // of the run
	RunID      string    `json:"run_id,omitempty"`
	RunKey     string    `json:"run_key"`
	At         time.Time `json:"at"`
	Started    bool      `json:"started"` // false: the run was there already
}

// State is what a run is doing.
type State string

// The states, which are also the values of the search attribute ConsignState and of Completion.Status.
const (
	Running   State = "running"
	Parked    State = "parked"
	Completed State = "completed"
	Failed    State = "failed"
	Aborted   State = "aborted"
)

// Waiting is the state of a campaign's delivery that has not begun.
const Waiting State = "waiting"

// MaxListed is how many objects a Completion lists; the receipt has them all.
const MaxListed = 200

// A Completion tells how a run ended: the workflow's result and the payload of SignalCompleted and SignalParked.
type Completion struct {
	Orchestration    string              `json:"orchestration"`
	Campaign         string              `json:"campaign,omitempty"`
	Group            string              `json:"group,omitempty"`
	DataTemplate     string              `json:"data_template,omitempty"`
	RunKey           string              `json:"run_key"`
	WorkflowID       string              `json:"workflow_id"`
	RunID            string              `json:"run_id"`
	DeliveryID       string              `json:"delivery_id,omitempty"` // the same in a signal that arrives twice
	Status           State               `json:"status"`
	Destination      string              `json:"destination,omitempty"`
	Rows             int64               `json:"rows"`
	Bytes            int64               `json:"bytes"`
	Objects          []activities.Object `json:"objects"` // at most MaxListed; of a run that did not complete: those that are visible all the same
	ObjectCount      int                 `json:"object_count"`
	ObjectsTruncated bool                `json:"objects_truncated,omitempty"`
	SuccessFile      string              `json:"success_file,omitempty"`
	Receipt          string              `json:"receipt,omitempty"`
	Manifest         string              `json:"manifest,omitempty"`
	Downstream       []DownstreamResult  `json:"downstream,omitempty"` // what followed the delivery, in the order of the configuration
	Warnings         []string            `json:"warnings,omitempty"`
	StartedAt        time.Time           `json:"started_at"`
	CompletedAt      time.Time           `json:"completed_at,omitzero"`
	Failure          *activities.Failure `json:"failure,omitempty"`
	NoReplan         bool                `json:"no_replan,omitempty"`     // of a parked run: some objects may be visible already
	NotNotified      []string            `json:"not_notified,omitempty"`  // notify targets that never came
	RedeliveryOf     string              `json:"redelivery_of,omitempty"` // workflow id of the run whose files were sent again
	KeptUntil        time.Time           `json:"kept_until,omitzero"`     // how long they can be sent again; in the result, not in the signal
}

// A DownstreamResult is one thing that followed a delivery.
type DownstreamResult struct {
	Step      string `json:"step"`                // InvokeLambda or CopyToRedshift
	Target    string `json:"target"`              // the function, or the table
	State     string `json:"state"`               // done | failed | waiting | skipped, as of a step
	Rows      int64  `json:"rows,omitempty"`      // that Redshift has loaded
	Again     bool   `json:"again,omitempty"`     // the ledger had the load already, and it was not done again
	Query     int64  `json:"query,omitempty"`     // Redshift's id of the COPY
	Statement string `json:"statement,omitempty"` // the Data API's id of the load
	Version   string `json:"version,omitempty"`   // of the function that ran
	Request   string `json:"request,omitempty"`   // Lambda's id of the invocation
}

// A CampaignCompletion tells how a campaign ended: the workflow's result and the payload of SignalCampaignCompleted. It
// lists as many objects of each delivery as a payload has room for, MaxListed at most; the receipts have them all.
type CampaignCompletion struct {
	Campaign         string              `json:"campaign"`
	RunKey           string              `json:"run_key"`
	WorkflowID       string              `json:"workflow_id"`
	RunID            string              `json:"run_id"` // the same in a signal that arrives twice
	Status           State               `json:"status"` // completed: every delivery is; failed: the failure says which are not
	Rows             int64               `json:"rows"`
	Bytes            int64               `json:"bytes"`
	ObjectCount      int                 `json:"object_count"`
	ObjectsTruncated bool                `json:"objects_truncated,omitempty"` // of any delivery
	Groups           []GroupCompletion   `json:"groups"`
	StartedAt        time.Time           `json:"started_at"`
	CompletedAt      time.Time           `json:"completed_at"`
	Failure          *activities.Failure `json:"failure,omitempty"`
	NotNotified      []string            `json:"not_notified,omitempty"` // notify targets that never came
}

// A GroupCompletion tells how the deliveries of one group ended. A group without a data template has none.
type GroupCompletion struct {
	Name       string       `json:"name"`
	Deliveries []Completion `json:"deliveries"`
}

// A RetryRequest asks a parked run to go on.
type RetryRequest struct {
	Replan bool `json:"replan,omitempty"` // read the configuration again and begin a fresh delivery
}

// An AbortRequest ends a run.
type AbortRequest struct {
	Reason string `json:"reason,omitempty"`
}

// Progress is the answer to QueryProgress. What a step at work has done by now is in its heartbeat
// (activities.Heartbeat), which the server keeps with the pending activity.
type Progress struct {
	State       State               `json:"state"`
	Step        string              `json:"step,omitempty"`
	Steps       []StepProgress      `json:"steps"`
	Destination string              `json:"destination,omitempty"`
	WaitsFor    string              `json:"waits_for,omitempty"` // workflow id of the run of this orchestration whose turn it is
	Failure     *activities.Failure `json:"failure,omitempty"`
	Deadline    time.Time           `json:"deadline,omitzero"`    // of a parked run: when it is given up
	NoReplan    bool                `json:"no_replan,omitempty"`  // of a parked run: some objects may be visible already
	Telling     bool                `json:"telling,omitempty"`    // all is over, but that a notify target may not be there yet; an abort ends the wait
	Deliveries  []GroupProgress     `json:"deliveries,omitempty"` // of a campaign
}

// GroupProgress is the run of one group of a campaign.
type GroupProgress struct {
	Group        string              `json:"group"`
	DataTemplate string              `json:"data_template"`
	Destination  string              `json:"destination"`
	WorkflowID   string              `json:"workflow_id"` // ask it for its own progress; retry it there
	State        State               `json:"state"`       // waiting, or a state of the run
	Rows         int64               `json:"rows,omitempty"`
	Bytes        int64               `json:"bytes,omitempty"`
	Failure      *activities.Failure `json:"failure,omitempty"`
	NoReplan     bool                `json:"no_replan,omitempty"`
}

// StepProgress is one step of a run.
type StepProgress struct {
	Name    string `json:"name"`             // the activity's name
	Target  string `json:"target,omitempty"` // of what follows a delivery: the function, or the table
	State   string `json:"state"`            // waiting | running | done | failed | skipped
	Attempt int    `json:"attempt"`          // times the workflow has asked for it; the server's own retries are in the activity
	Rows    int64  `json:"rows,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
}
