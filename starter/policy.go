package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"consign/internal/awsrole"
	"consign/internal/config"
	"consign/starter/grant"
)

type policyOptions struct {
	format, principal string
	ask               bool
}

func (a *app) policy() *cobra.Command {
	var o policyOptions
	cmd := &cobra.Command{
		Use:   "policy DESTINATION",
		Short: "Print what the bucket's owner has to grant, ready to be used",
		Long: `Prints the trust policy of the role with our principal and the external ID, the permission policy with each action and its
reason, what the KMS key's policy needs, a lifecycle rule for uploads that were left open, and what is to be expected in
CloudTrail. Send it to whoever owns the bucket: it holds no secret but the external ID, which is theirs too.

Our principal is what the role trusts. A role in between (base) is known; otherwise give it with --principal, or let --ask
look it up with our own credentials (GetCallerIdentity, which needs no right). Without either a placeholder stands for it.`,
		Example:           "  starter policy acme --principal arn:aws:iam::123456789012:role/consign --format terraform",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.proposals(destinations),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.doPolicy(cmd.Context(), args[0], o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "json", "`json`, terraform, or cli: commands of the AWS command line")
	flags.StringVar(&o.principal, "principal", "", "our own `ARN`, which the role is to trust")
	flags.BoolVar(&o.ask, "ask", false, "ask STS for our own ARN")
	words(cmd, "format", "json", "terraform", "cli")
	return cmd
}

var principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::\d{12}:(role|user|assumed-role)/\S+$|^arn:aws[a-z-]*:iam::\d{12}:root$`)

func (a *app) doPolicy(ctx context.Context, name string, o policyOptions) error {
	switch {
	case o.format != "json" && o.format != "terraform" && o.format != "cli":
		return wrong(fmt.Errorf("--format %s: only json, terraform and cli are known", o.format), "")
	case o.format != "json" && a.output == "json":
		return wrong(fmt.Errorf("--format %s is text, and --output json asks for JSON", o.format), "leave one of them out")
	case o.principal != "" && o.ask:
		return wrong(errors.New("--principal says who we are, and --ask asks"), "leave one of them out")
	case o.principal != "" && !principalARN.MatchString(o.principal):
		return wrong(fmt.Errorf("--principal %q is not the ARN of a role or user", o.principal), "as in arn:aws:iam::123456789012:role/consign")
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	d, err := destination(c, name)
	if err != nil {
		return err
	}
	all, err := places(c, d)
	if err != nil {
		return err
	}
	if o.ask {
		if o.principal, err = askWho(ctx, c, d); err != nil {
			return failed(fmt.Errorf("ask who we are: %w", err), "--principal ARN says it without asking")
		}
	}
	n, err := needs(c, d, all, roleOf(o.principal))
	if err != nil {
		return err
	}
	if n.RoleARN != "" && n.Principal == "" {
		a.tell("note: our own ARN is not known; %s stands for it (--principal ARN, or --ask)", n.Unknown())
	}
	return a.printPolicy(n, o.format)
}

func (a *app) printPolicy(n grant.Needs, format string) error {
	switch format {
	case "terraform":
		_, err := io.WriteString(a.out, n.Terraform())
		return err
	case "cli":
		_, err := io.WriteString(a.out, n.CLI())
		return err
	}
	a.output = "json" // a policy is JSON, with -o or without
	return a.result(n.Document(), nil)
}

// errNobody is for a store that has no names for those who have its keys.
var errNobody = errors.New("the STS does not say")

func askWho(ctx context.Context, c *config.Config, d *config.Destination) (string, error) {
	o, err := c.Role(d.Credential)
	if err != nil {
		return "", err
	}
	session, err := awsrole.New(ctx, baseOf(o))
	if err != nil {
		return "", err
	}
	who, err := session.Identity(ctx)
	if err == nil && who.ARN == "" {
		err = errNobody
	}
	return who.ARN, err
}
