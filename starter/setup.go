package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"consign/internal/config"
	"consign/workflows"
)

func (a *app) setup() *cobra.Command {
	return &cobra.Command{
		Use:   "setup",
		Short: "Make the search attributes that runs are found by",
		Long: `Makes Consign's search attributes in the Temporal namespace if they are missing, and waits until Temporal takes them. Do this
once per namespace; doing it again does no harm. Where you may not, it prints the command for who may.`,
		Example: "  starter setup",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.doSetup(cmd.Context()) },
	}
}

// An attribute is a search attribute that Consign uses.
type attribute struct {
	Name string `json:"name"`
	Type string `json:"type"` // as the temporal command writes it
	kind enums.IndexedValueType
}

func attributes() []attribute {
	var all []attribute
	for _, a := range workflows.Attributes() {
		all = append(all, attributeOf(a))
	}
	return all
}

func attributeOf(a temporal.SearchAttributeKey) attribute {
	return attribute{a.GetName(), a.GetValueType().String(), a.GetValueType()}
}

func (a *app) doSetup(ctx context.Context) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	connection, err := a.dial(ctx, c.Temporal)
	if err != nil {
		return doing("setup", err)
	}
	defer connection.Close()
	missing, err := a.makeMissing(ctx, connection, c.Temporal)
	if err == nil {
		err = awaitAttributes(ctx, connection, c.Temporal.Namespace)
	}
	if err != nil {
		return doing("setup", err)
	}
	type made struct {
		Namespace string      `json:"namespace"`
		Made      []attribute `json:"made"`
	}
	return a.result(made{c.Temporal.Namespace, append([]attribute{}, missing...)}, func(w io.Writer) {
		if len(missing) == 0 {
			fmt.Fprintf(w, "namespace %s has all search attributes already\n", c.Temporal.Namespace)
		}
		for _, m := range missing {
			fmt.Fprintf(w, "made %s (%s)\n", m.Name, m.Type)
		}
	})
}

// makeMissing makes the search attributes that the namespace does not have, and returns them.
func (a *app) makeMissing(ctx context.Context, connection client.Client, t config.Temporal) ([]attribute, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	missing, err := missingAttributes(ctx, connection, t.Namespace)
	if err != nil {
		return nil, a.notAllowed(t.Namespace, attributes(), a.asked(t, "", err))
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if err := addAttributes(ctx, connection, t.Namespace, missing); err != nil {
		return nil, a.notAllowed(t.Namespace, missing, err)
	}
	return missing, nil
}

const (
	// takeWait is how long Temporal may need until it takes new search attributes. It looks for them every two seconds
	// where they are kept in SQL, every minute where in Elasticsearch (its namespaceCacheRefreshInterval, and its
	// search attributes' cacheRefreshInterval).
	takeWait = 90 * time.Second
	takeAsk  = 100 * time.Millisecond
)

// awaitAttributes waits until Temporal takes the search attributes.
func awaitAttributes(ctx context.Context, connection client.Client, namespace string) error {
	late := time.After(takeWait)
	for {
		err := takesAttributes(ctx, connection, namespace)
		if !errors.Is(err, errNotTaken) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return failed(fmt.Errorf("after %s: %w", takeWait, err), "do it again in a minute")
		case <-time.After(takeAsk):
		}
	}
}

var errNotTaken = errors.New("the search attributes are there, but Temporal does not take them yet")

// takesAttributes returns nil if a run can be started and found by the search attributes, and errNotTaken as long as Temporal,
// which says that they are there, does not know them everywhere.
func takesAttributes(ctx context.Context, connection client.Client, namespace string) error {
	// A question names them all, and is refused if one is not known. No run has such values.
	var with []string
	for _, a := range attributes() {
		value := "'-'"
		if a.kind == enums.INDEXED_VALUE_TYPE_INT {
			value = "-1"
		}
		with = append(with, a.Name+" = "+value)
	}
	_, err := connection.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: strings.Join(with, " AND ")})
	var refused *serviceerror.InvalidArgument
	if errors.As(err, &refused) {
		return fmt.Errorf("%w (namespace %s): %w", errNotTaken, namespace, err)
	}
	return err
}

// missingAttributes returns the search attributes that the namespace does not have.
func missingAttributes(ctx context.Context, connection client.Client, namespace string) ([]attribute, error) {
	answer, err := connection.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list search attributes: %w", err)
	}
	var missing []attribute
	for _, want := range workflows.Attributes() {
		is, ok := answer.GetCustomAttributes()[want.GetName()]
		switch {
		case !ok:
			missing = append(missing, attributeOf(want))
		case !workflows.AttributeFits(want, is):
			says, hint := workflows.MisfitAttribute(namespace, want, is)
			return nil, failed(errors.New(says), hint)
		}
	}
	return missing, nil
}

func addAttributes(ctx context.Context, connection client.Client, namespace string, missing []attribute) error {
	wanted := map[string]enums.IndexedValueType{}
	for _, m := range missing {
		wanted[m.Name] = m.kind
	}
	_, err := connection.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: wanted,
	})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) { // somebody else may have made them in the meantime
		return fmt.Errorf("make search attributes: %w", err)
	}
	return nil
}

// notAllowed adds the command for somebody who may do what we could not. Namespaces of Temporal Cloud, for one, have no
// operator service.
func (a *app) notAllowed(namespace string, missing []attribute, err error) error {
	var e *exit
	if errors.As(err, &e) {
		return err
	}
	return failed(err, "who may can do it with\n"+createCommand(namespace, missing))
}

func createCommand(namespace string, missing []attribute) string {
	var b strings.Builder
	b.WriteString("temporal operator search-attribute create --namespace " + namespace)
	for _, m := range missing {
		b.WriteString(" --name " + m.Name + " --type " + m.Type)
	}
	return b.String()
}
