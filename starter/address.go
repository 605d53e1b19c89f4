package main

import (
	"fmt"
	"strings"

	"consign/workflows"
)

// workflowID finds the workflow that RUN means: a workflow id as it is, ORCHESTRATION/RUN-KEY, or, of a campaign's group,
// CAMPAIGN/GROUP/DATA-TEMPLATE/RUN-KEY. Neither names nor run keys hold a slash, so the number of slashes tells them
// apart.
func (a *app) workflowID(run string) (string, error) {
	hint := "write ORCHESTRATION/RUN-KEY, campaign/CAMPAIGN/RUN-KEY or another workflow id; " + a.listsRuns()
	parts := strings.Split(run, "/")
	for _, part := range parts {
		if part == "" {
			return "", wrong(fmt.Errorf("%q is not a run: a part of it is empty", run), hint)
		}
	}
	switch len(parts) {
	case 1:
		return "", wrong(fmt.Errorf("%q is not a run: its run key is missing", run), hint)
	case 2:
		return workflows.OrchestrationID(parts[0], parts[1]), nil
	case 4:
		return workflows.OrchestrationID(strings.Join(parts[:3], "/"), parts[3]), nil
	default:
		return run, nil
	}
}

// listsRuns says where a run is found whose name is not known.
func (a *app) listsRuns() string { return a.command("runs") + " lists them" }

// shortRun is a workflow id as people write it: ORCHESTRATION/RUN-KEY, or CAMPAIGN/GROUP/DATA-TEMPLATE/RUN-KEY. A campaign's
// own run is written as its workflow id, for a campaign may be called as an orchestration is.
func shortRun(id string) string {
	rest, ok := strings.CutPrefix(id, "send/")
	if n := strings.Count(rest, "/"); ok && (n == 1 || n == 3) {
		return rest
	}
	return id
}
