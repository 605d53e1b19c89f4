package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"consign/internal/config"
	"consign/workflows"
)

// wantRetention is how long Temporal should remember a closed run: a run key is known, and so not sent twice, as long.
const wantRetention = 7 * 24 * time.Hour

// checkNamespace refuses to start where runs could not be told apart: in a namespace that is not there, or without the
// search attributes.
func checkNamespace(ctx context.Context, c client.Client, cfg *config.Config, log *slog.Logger) error {
	namespace := cfg.Temporal.Namespace
	described, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var unknown *serviceerror.NamespaceNotFound
	if errors.As(err, &unknown) {
		return fmt.Errorf("temporal has no namespace %q\n  hint: temporal operator namespace create --namespace %s --retention 30d", namespace, namespace)
	}
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", namespace, err)
	}
	if kept := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); kept < wantRetention {
		log.Warn("a run key is forgotten with its run: the namespace keeps closed runs for less than 7 days", "namespace", namespace, "retention", kept)
	}
	return checkAttributes(ctx, c, namespace)
}

func checkAttributes(ctx context.Context, c client.Client, namespace string) error {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list search attributes of namespace %s: %w", namespace, err)
	}
	var missing []string
	for _, a := range workflows.Attributes() {
		is, ok := known.GetCustomAttributes()[a.GetName()]
		switch {
		case !ok:
			missing = append(missing, a.GetName())
		case !workflows.AttributeFits(a, is):
			says, hint := workflows.MisfitAttribute(namespace, a, is)
			return fmt.Errorf("%s\n  hint: %s", says, hint)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("namespace %s has no search attributes %s\n  hint: starter setup makes them", namespace, strings.Join(missing, ", "))
	}
	return nil
}
