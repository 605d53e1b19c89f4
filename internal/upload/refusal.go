package upload

import "regexp"

// A Right is what a refusal was about.
type Right struct {
	Action   string // s3:PutObject, kms:GenerateDataKey
	Resource string // an ARN
	Policy   string // the kind of policy that refuses, in Amazon's words ("resource-based policy"); empty: not said
}

// authorization is how Amazon words a refusal where it says more than "Access Denied". Its form is documented, and for
// keys of KMS there is no code that would say the same.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
var authorization = regexp.MustCompile(`is not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)(?: on resource: "?([^\s"]+)"?)?` +
	`(?: because no ([a-z -]+?) allows| with an explicit deny in an? ([a-z -]+))?`)

// rightOf reads what a refusal says; the zero Right if it says nothing.
func rightOf(said string) Right {
	m := authorization.FindStringSubmatch(said)
	if m == nil {
		return Right{}
	}
	return Right{Action: m[1], Resource: m[2], Policy: m[3] + m[4]}
}
