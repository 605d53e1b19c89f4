package grant

import (
	"cmp"
	"errors"
	"slices"

	"consign/internal/awsrole"
	"consign/internal/upload"
)

// Missing is the statement whose absence a refusal was about.
type Missing struct {
	Where    string `json:"where"` // whose policy
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Because  string `json:"because"`
	Policy   Policy `json:"policy"` // as it should be
}

// Missing says what is missing after err; nil if no policy would have helped.
func (n Needs) Missing(err error) *Missing {
	var e *upload.Error
	errors.As(err, &e)
	switch {
	case n.RoleARN != "" && errors.Is(err, awsrole.ErrDenied) && !errors.Is(err, awsrole.ErrOwnRole):
		return &Missing{
			Where: "the trust policy of the role", Action: "sts:AssumeRole", Resource: n.RoleARN, Policy: *n.Trust(),
			Because: "STS does not say which: the role is not there, it does not trust us, its external ID is another, or our own identity is not allowed sts:AssumeRole on it",
		}
	case n.RoleARN != "" && errors.Is(err, awsrole.ErrOpenRole):
		return &Missing{
			Where: "the trust policy of the role", Action: "sts:AssumeRole", Resource: n.RoleARN, Policy: *n.Trust(),
			Because: "it lacks the condition sts:ExternalId",
		}
	case errors.Is(err, upload.ErrKMS) && e != nil && e.Right.Action != "":
		key := cmp.Or(e.Right.Resource, "the bucket's key")
		return &Missing{
			Where: "the key policy of the KMS key, or the permission policy of the role if the key leaves that to it", Action: e.Right.Action,
			Resource: key, Policy: *n.encrypted(key).Key(), Because: because(e.Right),
		}
	case errors.Is(err, upload.ErrAccessDenied) && e != nil && e.Right.Action != "":
		return &Missing{
			Where: whose(n), Action: e.Right.Action, Resource: e.Right.Resource, Policy: n.Permission(), Because: because(e.Right),
		}
	}
	return nil
}

// encrypted is n of a bucket that encrypts with this key, which the settings may not know of.
func (n Needs) encrypted(key string) Needs {
	if len(n.keys()) == 0 {
		n.Places = append(slices.Clone(n.Places), Place{KMSKeyID: key})
	}
	return n
}

func whose(n Needs) string {
	if n.RoleARN == "" {
		return "the permission policy of the user whose keys these are"
	}
	return "the permission policy of the role"
}

func because(r upload.Right) string {
	if r.Policy != "" && r.Policy != "none" {
		return "Amazon names the " + r.Policy
	}
	return "nothing allows it; or the bucket policy, a key policy or a policy of the organisation denies it"
}
