// Package grant writes down what a bucket's owner has to grant, so that deliveries can be made and nothing else can.
package grant

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"consign/internal/awsrole"
	"consign/internal/upload"
)

// A Place is where objects go, with the settings that need rights of their own.
type Place struct {
	Bucket   string // a name, or the ARN of an access point
	Region   string // empty: not said
	Prefix   string
	KMSKeyID string
	ACL      bool
	Tags     bool
}

// Needs is what is asked for.
type Needs struct {
	Destination string
	Principal   string // our own ARN, which the role is to trust
	RoleARN     string // empty: keys, which need no trust
	ExternalID  string
	Places      []Place
	Days        int // after which an upload that was left open may go
}

// Unknown stands for our own ARN where nobody has said it. A role trusts nobody outside its partition.
func (n Needs) Unknown() string {
	return "arn:" + cmp.Or(awsrole.Partition(n.RoleARN), "aws") + ":iam::YOUR-ACCOUNT:role/YOUR-ROLE"
}

// A Policy is an IAM policy.
type Policy struct {
	Version   string
	Statement []Statement
}

// A Statement is one statement of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string                       `json:",omitempty"`
	Condition map[string]map[string][]string `json:",omitempty"`
}

// An Action is one right, and why it is asked for.
type Action struct {
	Action   string   `json:"action"`
	Resource []string `json:"resource"`
	Why      string   `json:"why"`
	Optional bool     `json:"optional,omitempty"`
}

const version = "2012-10-17"

// Trust is the role's trust policy; nil if there is no role.
func (n Needs) Trust() *Policy {
	if n.RoleARN == "" {
		return nil
	}
	s := Statement{Sid: "ConsignMayAssume", Effect: "Allow", Principal: map[string]string{"AWS": cmp.Or(n.Principal, n.Unknown())}, Action: []string{"sts:AssumeRole"}}
	if n.ExternalID != "" {
		s.Condition = map[string]map[string][]string{"StringEquals": {"sts:ExternalId": {n.ExternalID}}}
	}
	return &Policy{version, []Statement{s}}
}

// role is what the role is called, and the path below which the account keeps it, as in /partners/; empty if it is kept
// below none. A role of the same name and another path is another role, which nobody lets us assume.
func (n Needs) role() (path, name string) {
	name = n.RoleARN[strings.LastIndex(n.RoleARN, "/")+1:]
	_, rest, _ := strings.Cut(n.RoleARN, ":role/")
	if folders := strings.TrimSuffix(rest, name); folders != "" {
		path = "/" + folders
	}
	return path, name
}

// rights are the actions on objects, with the reason of each.
var rights = []Action{
	{Action: "s3:PutObject", Why: "opens, fills and completes uploads"},
	{Action: "s3:AbortMultipartUpload", Why: "removes the parts of a delivery that was given up"},
	{Action: "s3:ListMultipartUploadParts", Why: "compares what has arrived with what was sent before anything can be seen, and goes on after an interruption"},
	{Action: "s3:GetObject", Why: "looks, after an answer of S3 was lost, whether the object is ours already; no data is read (downstream.lambda alone reads back the receipt)"},
}

// Actions are all the rights that are asked for, each with its reason.
func (n Needs) Actions() []Action {
	buckets, objects := n.resources()
	var list []Action
	for _, a := range rights {
		a.Resource = objects
		list = append(list, a)
	}
	for _, p := range n.Places {
		_, under, _ := n.resourcesOf(p)
		if p.ACL {
			list = add(list, Action{Action: "s3:PutObjectAcl", Resource: []string{under}, Why: "the destination sets acl"})
		}
		if p.Tags {
			list = add(list, Action{Action: "s3:PutObjectTagging", Resource: []string{under}, Why: "the destination sets tags"})
		}
	}
	list = append(list,
		Action{Action: "s3:ListBucket", Resource: buckets, Why: "below the prefix only: without it S3 answers 403 instead of 404 to a look at an object that is not there, and a person has to decide"},
		Action{Action: "s3:ListBucketMultipartUploads", Resource: buckets, Optional: true, Why: "finds an upload of ours whose opening was answered into the void; without it the lifecycle rule removes it"})
	for _, key := range n.keys() {
		list = append(list,
			Action{Action: "kms:GenerateDataKey", Resource: []string{key}, Why: "S3 encrypts each object with a key of its own"},
			Action{Action: "kms:Decrypt", Resource: []string{key}, Why: "S3 reads the encrypted parts when it puts an object together"})
	}
	return list
}

// add adds an action, or only its resource if the action is there already.
func add(list []Action, a Action) []Action {
	for i := range list {
		if list[i].Action == a.Action {
			list[i].Resource = unique(append(list[i].Resource, a.Resource...))
			return list
		}
	}
	return append(list, a)
}

// Permission is the role's, or the user's, permission policy: Actions as Amazon reads them.
func (n Needs) Permission() Policy {
	p := Policy{Version: version}
	_, objects := n.resources()
	deliver := Statement{Sid: "Deliver", Effect: "Allow", Resource: objects}
	var rest []Statement
	for _, a := range n.Actions() {
		switch {
		case slices.Equal(a.Resource, objects):
			deliver.Action = append(deliver.Action, a.Action)
		case a.Action == "s3:ListBucket":
			rest = append(rest, n.see(a)...)
		case a.Action == "s3:ListBucketMultipartUploads":
			rest = append(rest, Statement{Sid: "OptionalFindOpenUploads", Effect: "Allow", Action: []string{a.Action}, Resource: a.Resource})
		case strings.HasPrefix(a.Action, "kms:"): // one statement for all keys, below
		default:
			rest = append(rest, Statement{Sid: strings.TrimPrefix(a.Action, "s3:"), Effect: "Allow", Action: []string{a.Action}, Resource: a.Resource})
		}
	}
	p.Statement = append([]Statement{deliver}, rest...)
	if keys := n.keys(); len(keys) > 0 {
		s := Statement{Sid: "UseTheKey", Effect: "Allow", Action: []string{"kms:GenerateDataKey", "kms:Decrypt"}, Resource: keys}
		if slices.ContainsFunc(keys, func(key string) bool { return !strings.Contains(key, ":key/") }) {
			// An id or an alias is no resource: then any key of the account, but only through S3.
			s.Resource, s.Condition = []string{"*"}, map[string]map[string][]string{"StringLike": {"kms:ViaService": {"s3.*"}}}
		}
		p.Statement = append(p.Statement, s)
	}
	return p
}

// see has a statement for each bucket: in one for all, the prefixes of each would be allowed in the others too.
func (n Needs) see(list Action) []Statement {
	var all []Statement
	for i, bucket := range list.Resource {
		var under []string
		for _, p := range n.Places {
			if b, _, keys := n.resourcesOf(p); b == bucket {
				under = append(under, keys)
			}
		}
		sid := "SeeWhatIsThere" // no two statements may have the same
		if i > 0 {
			sid += strconv.Itoa(i + 1)
		}
		all = append(all, Statement{
			Sid: sid, Effect: "Allow", Action: []string{list.Action}, Resource: []string{bucket},
			Condition: map[string]map[string][]string{"StringLike": {"s3:prefix": unique(under)}},
		})
	}
	return all
}

// Key is the statement that the key policy of the bucket's KMS key needs; nil without a key. In a key policy the
// resource is the key itself.
func (n Needs) Key() *Policy {
	if len(n.keys()) == 0 {
		return nil
	}
	return &Policy{version, []Statement{{
		Sid: "ConsignMayUseTheKey", Effect: "Allow", Principal: map[string]string{"AWS": cmp.Or(n.RoleARN, "arn:"+n.partition(n.Places[0])+":iam::THEIR-ACCOUNT:user/THEIR-USER")},
		Action: []string{"kms:GenerateDataKey", "kms:Decrypt"}, Resource: []string{"*"},
		Condition: map[string]map[string][]string{"StringLike": {"kms:ViaService": {"s3.*"}}},
	}}}
}

func (n Needs) keys() []string {
	var keys []string
	for _, p := range n.Places {
		if p.KMSKeyID != "" {
			keys = append(keys, p.KMSKeyID)
		}
	}
	return unique(keys)
}

func (n Needs) resources() (buckets, objects []string) {
	for _, p := range n.Places {
		b, o, _ := n.resourcesOf(p)
		buckets, objects = append(buckets, b), append(objects, o)
	}
	return unique(buckets), unique(objects)
}

func (n Needs) resourcesOf(p Place) (bucket, objects, keys string) {
	return awsrole.Resources(n.partition(p), p.Bucket, p.Prefix)
}

// partition is the part of Amazon that a place is in: the role's or, without one, that of the key or the region.
func (n Needs) partition(p Place) string {
	return cmp.Or(awsrole.Partition(n.RoleARN, p.KMSKeyID), upload.Partition(p.Region))
}

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
