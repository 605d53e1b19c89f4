package awsrole

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// maxPrefix keeps a session policy, which names the prefix twice, under the 2,048 characters that STS allows. Of a longer
// prefix only the beginning is allowed for: a little more than needed, and nothing outside what the role may do anyway.
const maxPrefix = 450

type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// AnyKey stands for the key of a bucket that encrypts with one of its own, of which nobody has told us.
const AnyKey = "*"

// SessionPolicy returns the policy of a session of a role that can deliver under one prefix of one bucket (a name, or the
// ARN of an access point) and nothing else, whatever the role may. kmsKey is the key's ARN, id or alias, AnyKey, or empty:
// the objects are not encrypted with KMS. more is rights that only some settings need: s3:PutObjectAcl, s3:PutObjectTagging.
//
// Listing is allowed for a role that may list: what a prefix holds tells a lost object from a refused look, and open
// uploads of our own are found again. S3 cannot restrict the latter to a prefix.
func SessionPolicy(roleARN, bucket, prefix, kmsKey string, more ...string) string {
	arn, objects, under := Resources(Partition(roleARN, kmsKey), bucket, prefix)
	actions := []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject"}
	p := policy{Version: "2012-10-17", Statement: []statement{
		{Effect: "Allow", Action: append(actions, more...), Resource: []string{objects}},
		{Effect: "Allow", Action: []string{"s3:ListBucketMultipartUploads"}, Resource: []string{arn}},
		{
			Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{arn},
			Condition: map[string]map[string][]string{"StringLike": {"s3:prefix": {under}}},
		},
	}}
	if kmsKey != "" {
		s := statement{Effect: "Allow", Action: []string{"kms:GenerateDataKey", "kms:Decrypt"}, Resource: []string{kmsKey}}
		if !keyARN.MatchString(kmsKey) {
			// An id or an alias is no resource: then any key that the role may use, but only through S3.
			s.Resource = []string{"*"}
			s.Condition = map[string]map[string][]string{"StringLike": {"kms:ViaService": {"s3.*"}}}
		}
		p.Statement = append(p.Statement, s)
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(text)
}

// Resources returns how policies of a partition name a bucket (a name, or the ARN of an access point), the objects under
// one of its prefixes, and their keys. Without a partition it is Amazon's first.
func Resources(partition, bucket, prefix string) (bucketARN, objects, keys string) {
	arn, slash := "arn:"+cmp.Or(partition, "aws")+":s3:::"+bucket, "/"
	if strings.HasPrefix(bucket, "arn:") {
		arn, slash = bucket, "/object/"
	}
	under := quote(prefix)
	switch {
	case len(under) > maxPrefix:
		under = cut(under, maxPrefix)
	case under != "" && !strings.HasSuffix(under, "/"):
		under += "/"
	}
	return arn, arn + slash + under + "*", under + "*"
}

var keyARN = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/`)

var partitionOf = regexp.MustCompile(`^arn:(aws[a-z-]*):`)

// Partition returns the part of Amazon that the first ARN is in of those that are Amazon's; empty if none is. Ids and
// aliases of keys are no ARNs, and roles of a store with an STS of its own need not be Amazon's. An ARN of another
// partition than the bucket's matches nothing there, and no role reaches out of its own.
func Partition(arns ...string) string {
	for _, arn := range arns {
		if m := partitionOf.FindStringSubmatch(arn); m != nil {
			return m[1]
		}
	}
	return ""
}

// quote makes a prefix mean itself in a policy. Characters beyond ASCII, which STS does not take in policies, become
// the wildcard for one character.
func quote(prefix string) string {
	var b strings.Builder
	for _, r := range prefix {
		switch {
		case r == '$' || r == '*' || r == '?':
			b.WriteString("${" + string(r) + "}")
		case r > unicode.MaxASCII || r < ' ' || strings.ContainsRune(`"\<>&`, r):
			b.WriteByte('?') // some of these would also be longer in JSON
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cut shortens a quoted prefix, and not in the middle of a quotation.
func cut(quoted string, length int) string {
	quoted = quoted[:length]
	if i := strings.LastIndex(quoted, "${"); i > length-len("${*}") {
		quoted = quoted[:i]
	}
	return strings.TrimSuffix(quoted, "$")
}

// maxName is STS's limit for the name of a session.
const maxName = 64

// SessionName returns a name for the session by which the bucket's owner finds the run in CloudTrail: ORCHESTRATION@RUN,
// of the characters that STS allows, 64 of them at most. The run is never cut: it alone is unique.
func SessionName(runID, orchestration string) string {
	run := clean(runID)
	if len(run) > maxName-2 {
		run = run[len(run)-(maxName-2):]
	}
	name := clean(orchestration)
	if name == "" {
		name = "consign"
	}
	name = name[:min(len(name), maxName-1-len(run))]
	return name + "@" + run
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_+=,.-", r)) {
			return r
		}
		return '-'
	}, s)
}
