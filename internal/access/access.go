// Package access decides who may start what.
package access

// Decision is what was decided, and by which rule. It is recorded with the run.
type Decision struct {
	Allowed  bool     `json:"allowed"`
	User     string   `json:"user"`
	Policies []string `json:"policies,omitempty"`
	Rule     string   `json:"rule"`             // the policy that decided
	Reason   string   `json:"reason,omitempty"` // why not
}
