package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"consign/activities"
	"consign/internal/config"
	"consign/internal/naming"
	"consign/starter/grant"
	"consign/starter/watch"
)

func (a *app) test() *cobra.Command {
	return &cobra.Command{
		Use:   "test DESTINATION",
		Short: "Try everything that a delivery needs of a destination, and leave nothing there",
		Long: `Makes the checks with which every run begins, and says what came of each: the credentials are there; the role can be assumed
with its external ID, and cannot without; the bucket is found; an upload can be opened below the real prefix with the real
settings, takes a part, and can be aborted; the public keys can be encrypted to. It needs no other right than a delivery, and
leaves nothing. What data templates or orchestrations decide differently is tried each way.

A refusal is explained by the statement that is missing: which action on which resource, in whose policy, and how that
policy should read.

Exit status: 0 all is well; 1 a check failed; 2 there is no such destination, or the configuration is wrong.`,
		Example:           "  starter test acme",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.proposals(destinations),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.doTest(cmd.Context(), args[0]) },
	}
}

// checkKey is the name of the check of a public key.
const checkKey = "pgp_key"

// tested is the result of test.
type tested struct {
	Destination string        `json:"destination"`
	OK          bool          `json:"ok"`
	Places      []testedPlace `json:"places"`
	NotTried    []string      `json:"not_tried"`

	refused bool // and not only for want of a secret here, which says nothing about the worker
	theirs  bool // something of it is for the bucket's owner to mend
}

type testedPlace struct {
	URL     string             `json:"url"`
	By      string             `json:"by"`
	OK      bool               `json:"ok"`
	Checks  []activities.Check `json:"checks"`
	Missing *grant.Missing     `json:"missing,omitempty"`
}

// notTried is what no harmless request can show.
func notTried() []string {
	return []string{
		"completing an upload: it would show an object",
		"s3:GetObject and s3:ListBucket, with which a delivery looks after a lost answer whether an object is its own",
		"deleting: no delivery does, and the role needs no right to",
	}
}

func (a *app) doTest(ctx context.Context, name string) error {
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
	result := tested{Destination: name, OK: true, NotTried: notTried()}
	for _, p := range all {
		one, err := a.testPlace(ctx, c, d, p)
		if err != nil {
			return err
		}
		result.add(one)
	}
	if err := a.result(result, result.print); err != nil {
		return err
	}
	if !result.OK && !result.refused {
		return failed(fmt.Errorf("whether deliveries to %s would work could not be tried", name), "run this where the worker's secrets are: its environment, its files")
	}
	if !result.OK {
		hint := "it is not for the bucket's owner to mend; what failed says whose it is"
		if result.theirs {
			hint = a.command("policy", name) + " prints all that the bucket's owner has to grant"
		}
		return failed(fmt.Errorf("deliveries to %s would fail", name), hint)
	}
	return nil
}

func (t *tested) add(one testedPlace) {
	t.OK = t.OK && one.OK
	t.Places = append(t.Places, one)
	for _, c := range one.Checks {
		if c.State == activities.CheckFailed {
			t.refused = t.refused || !errors.Is(c.Err, config.ErrSecret)
			t.theirs = t.theirs || c.Failure.Attribution == activities.Customer
		}
	}
}

func (a *app) testPlace(ctx context.Context, c *config.Config, d *config.Destination, p place) (testedPlace, error) {
	n, err := needs(c, d, []place{p}, "")
	if err != nil {
		return testedPlace{}, err
	}
	one := testedPlace{URL: p.url(), By: p.levels, OK: true}
	if a.output == "text" {
		fmt.Fprintf(a.out, "%s, as %s says\n", one.URL, one.By)
	}
	report := func(check activities.Check) {
		var missing *grant.Missing
		if check.State == activities.CheckFailed {
			missing = n.Missing(check.Err)
			one.OK, one.Missing = false, cmp.Or(missing, one.Missing) // another check may fail for another reason
		}
		one.Checks = append(one.Checks, check)
		if a.output == "text" {
			printCheck(a.out, check, missing)
		}
	}
	in := activities.AssumeRoleInput{Target: p.target, TryKey: naming.Join(p.target.Prefix, tryName)}
	_, err = activities.CheckTarget(ctx, c, a.clock, in, report)
	if ctx.Err() != nil {
		return one, err // interrupted
	}
	for _, key := range p.keys {
		report(checkRecipient(key, a.clock()))
	}
	return one, nil
}

// checkRecipient looks at a public key as a run's plan does.
func checkRecipient(key config.Key, now time.Time) activities.Check {
	r, err := key.Recipient(now)
	if err != nil {
		return activities.FailedCheck(checkKey, err)
	}
	message := r.Fingerprint() + " can be encrypted to"
	if !r.Expires().IsZero() {
		message += " until " + r.Expires().UTC().Format(time.DateOnly)
	}
	return activities.Check{Name: checkKey, State: activities.CheckOK, Message: message}
}

func printCheck(w io.Writer, c activities.Check, missing *grant.Missing) {
	fmt.Fprintf(w, "  %-7s  %s: %s\n", c.State, c.Name, c.Message)
	if c.Failure == nil {
		return
	}
	const margin = "           "
	fmt.Fprintf(w, "%swhose to mend: %s\n%s%s\n", margin, c.Failure.Attribution.Whose(), margin, c.Failure.Advice)
	if missing == nil {
		return
	}
	policy, err := json.MarshalIndent(missing.Policy, margin, "  ")
	must(err)
	fmt.Fprintf(w, "%smissing: %s on %s\n%sin: %s (%s)\n%sit should read:\n%s%s\n",
		margin, missing.Action, missing.Resource, margin, missing.Where, missing.Because, margin, margin, policy)
}

func (t *tested) print(w io.Writer) {
	fmt.Fprintf(w, "not tried: %s\n", strings.Join(t.NotTried, ";\n           "))
	if t.OK {
		fmt.Fprintf(w, "%s is ready for deliveries (%s tried)\n", t.Destination, watch.Count(int64(len(t.Places)), "place"))
	}
}
