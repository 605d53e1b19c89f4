package main

import (
	"fmt"
	"strings"

	"consign/workflows"
)

// workflowID finds the workflow that RUN means: a workflow id as it is, or ORCHESTRATION/RUN-KEY. Neither names nor run
// keys hold a slash, so the number of slashes tells them apart.
func workflowID(run string) (string, error) {
	parts := strings.Split(run, "/")
	for _, part := range parts {
		if part == "" {
			return "", wrong(fmt.Errorf("%q is not a run: a part of it is empty", run), runHint)
		}
	}
	switch len(parts) {
	case 1:
		return "", wrong(fmt.Errorf("%q is not a run: its run key is missing", run), runHint)
	case 2:
		return workflows.OrchestrationID(parts[0], parts[1]), nil
	default:
		return run, nil
	}
}

const runHint = "write ORCHESTRATION/RUN-KEY or a workflow id; starter runs lists them"

// shortRun is a workflow id as people write it: ORCHESTRATION/RUN-KEY.
func shortRun(id string) string {
	if rest, ok := strings.CutPrefix(id, "send/"); ok && strings.Count(rest, "/") == 1 {
		return rest
	}
	return id
}
