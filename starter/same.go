package main

import (
	"context"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"consign/activities"
	"consign/internal/config"
	"consign/workflows"
)

// startOnce starts the run of a key, or finds it and says so. The runs that ask the source and those that send kept files
// again share their keys: one that has the key and does something else is not taken for what is asked.
func (a *app) startOnce(
	ctx context.Context, c *config.Config, connection client.Client, what startable, s sent, marks workflows.Marks, in any,
) (sent, error) {
	s, err := a.start(ctx, c, connection, what, s, marks, in)
	if err != nil || s.Started {
		return s, err
	}
	if what.same != nil {
		found, err := startedWith(ctx, connection, s)
		if err != nil {
			return s, a.asked(c.Temporal, s.WorkflowID, err)
		}
		if !what.same(found) {
			return s, wrong(fmt.Errorf("the run key %s is a run of its own, which %s", s.RunKey, does(found)),
				"choose another --run-key; "+a.command("show", shortRun(s.WorkflowID))+" says how that run stands")
		}
	}
	a.tell("%s was started before: this is the same run", shortRun(s.WorkflowID))
	return s, nil
}

// startedWith is the input of a run, which its history begins with: it is there before a worker has taken the run, and
// when it is over.
func startedWith(ctx context.Context, connection client.Client, s sent) (workflows.OrchestrationInput, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	var in workflows.OrchestrationInput
	first, err := connection.GetWorkflowHistory(ctx, s.WorkflowID, s.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	if err != nil {
		return in, fmt.Errorf("read what %s was started with: %w", shortRun(s.WorkflowID), err)
	}
	input := first.GetWorkflowExecutionStartedEventAttributes().GetInput()
	if err := converter.GetDefaultDataConverter().FromPayloads(input, &in); err != nil {
		return in, fmt.Errorf("read what %s was started with: %w", shortRun(s.WorkflowID), err)
	}
	return in, nil
}

// does says what a run does, to somebody who took it for another one.
func does(in workflows.OrchestrationInput) string {
	r := in.Redeliver
	if r == nil {
		return "asks the source"
	}
	text := "sends the files of " + shortRun(r.WorkflowID) + " again"
	if r.To != "" {
		text += " by the data template " + r.To
	}
	return text
}

// sendsAgain reports whether a run that was started with found sends what asked wants, by the same template. own is the
// one that both mean if they name none.
func sendsAgain(found, asked *activities.Redelivery, own string) bool {
	if found == nil || found.WorkflowID != asked.WorkflowID {
		return false
	}
	return found.To == asked.To || (found.To == "" || found.To == own) && (asked.To == "" || asked.To == own)
}
