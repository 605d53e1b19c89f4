// Package access decides who may start what.
//
// Somebody may start what one of their policies grants; a restriction beats every grant; no match is a no.
package access

import (
	"errors"
	"fmt"
	"slices"
)

// The policies.
const (
	Administrator = "datagrid-administrator" // may send anything
	Operator      = "datagrid-operator"      // may send anything
	AMP360User    = "amp360-user"            // a business user, who may start orchestrations
	AmpIQUser     = "ampiq-user"             // a business user, who may start campaigns
	RestrictPII   = "restrict-pii-access"    // only through what allows limited personal data
	RestrictAll   = "restrict-data-exports"  // nothing at all
)

// Who runs are recorded for that no user asked for. Both act as an operator.
const (
	Unspecified = "unspecified" // a command line without --as
	Schedule    = "schedule"    // the configuration's own schedule
)

// ErrDenied is wrapped by the error of a Decision that is a no.
var ErrDenied = errors.New("access denied")

// Policies returns the names of all policies.
func Policies() []string {
	return []string{Administrator, Operator, AMP360User, AmpIQUser, RestrictPII, RestrictAll}
}

// Requester is who asks, and what is said of them.
type Requester struct {
	User     string
	Policies []string
}

// Delivery is what is asked for.
type Delivery struct {
	Campaign     bool // or an orchestration
	Destination  Flags
	DataTemplate Flags
}

// Flags are what a destination or a data template allows. Only what both allow is allowed.
type Flags struct {
	Name          string
	BusinessUsers bool
	LimitedPII    bool
}

// Decision is what was decided, and by which rule. It is recorded with the run.
type Decision struct {
	Allowed  bool     `json:"allowed"`
	User     string   `json:"user"`
	Policies []string `json:"policies,omitempty"`
	Rule     string   `json:"rule"`             // the policy that decided; "no match" if none did
	Reason   string   `json:"reason,omitempty"` // why not
}

// noMatch is the rule of a no that no policy has decided.
const noMatch = "no match"

// Decide says whether the requester may start the delivery, and the one reason why not.
func Decide(r Requester, d Delivery) Decision {
	decision := Decision{User: r.User, Policies: r.Policies}
	has := func(policy string) bool { return slices.Contains(r.Policies, policy) }
	no := func(rule, format string, args ...any) Decision {
		decision.Rule, decision.Reason = rule, fmt.Sprintf(format, args...)
		return decision
	}
	if has(RestrictAll) {
		return no(RestrictAll, "%s may not send any data", r.User)
	}
	grant, business := granted(d.Campaign, has)
	if grant == "" {
		return no(noMatch, "no policy of %s allows to start %s", r.User, what(d.Campaign))
	}
	if business {
		if where := lacking(d, func(f Flags) bool { return f.BusinessUsers }); where != "" {
			return no(grant, "%s does not allow business users, as %s is", where, r.User)
		}
	}
	if has(RestrictPII) {
		if where := lacking(d, func(f Flags) bool { return f.LimitedPII }); where != "" {
			return no(RestrictPII, "%s does not allow users with restricted access to personal data, as %s is", where, r.User)
		}
	}
	decision.Allowed, decision.Rule = true, grant
	return decision
}

// Err returns nil if the answer is yes, and otherwise an error with the reason.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	return fmt.Errorf("%w: %s (%s)", ErrDenied, d.Reason, d.Rule)
}

// granted returns the policy that allows the delivery, and whether it is a business user's.
func granted(campaign bool, has func(string) bool) (policy string, business bool) {
	switch {
	case has(Administrator):
		return Administrator, false
	case has(Operator):
		return Operator, false
	case !campaign && has(AMP360User):
		return AMP360User, true
	case campaign && has(AmpIQUser):
		return AmpIQUser, true
	default:
		return "", false
	}
}

// lacking returns what of the two does not allow it; nothing if both do.
func lacking(d Delivery, allows func(Flags) bool) string {
	switch {
	case !allows(d.Destination):
		return fmt.Sprintf("the destination %q", d.Destination.Name)
	case !allows(d.DataTemplate):
		return fmt.Sprintf("the data template %q", d.DataTemplate.Name)
	default:
		return ""
	}
}

func what(campaign bool) string {
	if campaign {
		return "campaigns"
	}
	return "orchestrations"
}
