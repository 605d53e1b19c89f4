package main

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) externalID() *cobra.Command {
	return &cobra.Command{
		Use:   "external-id",
		Short: "Make a new external ID for a customer's role",
		Long: `Makes an external ID that nobody can guess. Make one for each customer, write it under external_id of their credential and
let them write it into the trust policy of their role (starter policy prints it). A role that asks for it cannot be used by
somebody who tricks us into naming it. Once in use, it must change on both sides at the same time.`,
		Example: "  starter external-id",
		Args:    usage(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return a.doExternalID() },
	}
}

func (a *app) doExternalID() error {
	// Twice 128 bits; only letters and digits, which every form and shell takes as they are.
	id := struct {
		ExternalID string `json:"external_id"`
	}{rand.Text() + rand.Text()}
	return a.result(id, func(w io.Writer) { fmt.Fprintln(w, id.ExternalID) })
}
