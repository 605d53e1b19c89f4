package awsrole_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
)

func TestTheSessionPolicyAllowsOneDelivery(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bucket, prefix, key string
		more                []string
		contains, lacks     []string
	}{
		"a prefix": {
			bucket: "acme", prefix: "upload",
			contains: []string{`"arn:aws:s3:::acme/upload/*"`, `"s3:prefix":["upload/*"]`, `"s3:ListBucketMultipartUploads"],"Resource":["arn:aws:s3:::acme"]`},
			lacks:    []string{"kms", "Acl", "Tagging", "Delete"},
		},
		"a prefix with its slash":    {bucket: "acme", prefix: "upload/", contains: []string{`acme/upload/*"`}},
		"no prefix":                  {bucket: "acme", contains: []string{`acme/*"`, `"s3:prefix":["*"]`}},
		"a prefix with wildcards":    {bucket: "acme", prefix: "a*b?c${d}", contains: []string{`acme/a${*}b${?}c${$}{d}/*"`}},
		"a prefix beyond ASCII":      {bucket: "acme", prefix: "grüße", contains: []string{`acme/gr??e/*"`}},
		"an access point":            {bucket: "arn:aws:s3:eu-west-1:123456789012:accesspoint/in", prefix: "x", contains: []string{`accesspoint/in/object/x/*"`}},
		"a key of KMS":               {bucket: "acme", key: "arn:aws:kms:eu-west-1:123456789012:key/1234", contains: []string{`"kms:GenerateDataKey","kms:Decrypt"],"Resource":["arn:aws:kms:`}, lacks: []string{"ViaService"}},
		"an alias of KMS":            {bucket: "acme", key: "alias/acme", contains: []string{`"kms:ViaService":["s3.*"]`}},
		"a key that nobody has told": {bucket: "acme", key: awsrole.AnyKey, contains: []string{`"kms:GenerateDataKey","kms:Decrypt"],"Resource":["*"]`, `"kms:ViaService":["s3.*"]`}},
		"rights of single settings":  {bucket: "acme", more: []string{"s3:PutObjectAcl", "s3:PutObjectTagging"}, contains: []string{`"s3:PutObjectAcl","s3:PutObjectTagging"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := awsrole.SessionPolicy("arn:aws:iam::123456789012:role/consign", tc.bucket, tc.prefix, tc.key, tc.more...)
			require.True(t, json.Valid([]byte(text)))
			for _, c := range tc.contains {
				require.Contains(t, text, c)
			}
			for _, c := range tc.lacks {
				require.NotContains(t, text, c)
			}
		})
	}
}

// An ARN of another partition matches nothing, and the session may do nothing then.
func TestTheSessionPolicyNamesThePartitionOfTheRole(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{
		"arn:aws:iam::123456789012:role/consign":        "aws",
		"arn:aws-us-gov:iam::123456789012:role/consign": "aws-us-gov",
		"arn:aws-cn:iam::123456789012:role/consign":     "aws-cn",
		"arn:minio:iam:::role/consign":                  "aws", // of a store that speaks Amazon's language
	} {
		for _, key := range []string{"", "1234abcd", "alias/acme", "arn:" + want + ":kms:some-region-1:123456789012:key/1"} {
			text := awsrole.SessionPolicy(role, "acme", "up", key)
			require.Contains(t, text, `"arn:`+want+`:s3:::acme/up/*"`, "%s with the key %q", role, key)
			require.Equal(t, 3, strings.Count(text, "arn:"+want+":s3:::acme"), "%s with the key %q", role, key)
		}
	}
}

func TestThePartitionIsThatOfTheFirstARN(t *testing.T) {
	t.Parallel()
	require.Equal(t, "aws-cn", awsrole.Partition("", "alias/acme", "arn:aws-cn:kms:cn-north-1:123456789012:key/1", "arn:aws:iam::1:role/r"))
	require.Empty(t, awsrole.Partition("", "alias/acme", "arn:minio:iam:::role/r"))
}

func TestTheSessionPolicyIsNeverTooLong(t *testing.T) {
	t.Parallel()
	inSTS := regexp.MustCompile("^[\t\n\r -ÿ]+$") // of the API reference
	for _, part := range []string{"a", "*", "<", "é", "日", `"`, "\\", "$"} {
		for _, length := range []int{1, 148, 149, 150, 1000, 1001} {
			key := awsrole.AnyKey
			if length%2 == 0 {
				key = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/" + strings.Repeat("k", 36)
			}
			text := awsrole.SessionPolicy("arn:aws-us-gov:iam::123456789012:role/consign", "arn:aws-us-gov:s3:us-gov-west-1:123456789012:accesspoint/"+strings.Repeat("b", 50),
				strings.Repeat(part, length), key, "s3:PutObjectAcl", "s3:PutObjectTagging")
			require.LessOrEqual(t, len(text), 2048, "%q by %d", part, length)
			require.Regexp(t, inSTS, text)
			require.True(t, json.Valid([]byte(text)))
			require.Equal(t, strings.Count(text, "${"), strings.Count(text, "}")-strings.Count(text, "{")+strings.Count(text, "${"), "%q by %d: an open quotation", part, length)
		}
	}
}

func TestTheSessionNameTellsRunAndOrchestration(t *testing.T) {
	t.Parallel()
	const run = "6f1f6a5e-63fb-4cf5-8c79-3a2f6e9b1a11"
	for name, tc := range map[string]struct{ run, orchestration, want string }{
		"both":                    {run, "vips-weekly", "vips-weekly@" + run},
		"a name with spaces":      {run, "vips weekly é", "vips-weekly--@" + run},
		"a name that is too long": {run, strings.Repeat("o", 64), strings.Repeat("o", 27) + "@" + run},
		"no name":                 {run, "", "consign@" + run},
		"a run that is too long":  {strings.Repeat("r", 70) + "end", "o", "o@" + strings.Repeat("r", 59) + "end"},
		"nothing at all":          {"", "", "consign@"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := awsrole.SessionName(tc.run, tc.orchestration)
			require.Equal(t, tc.want, got)
			require.Regexp(t, `^[\w+=,.@-]{2,64}$`, got)
		})
	}
}
