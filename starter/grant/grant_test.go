package grant_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/upload"
	"consign/starter/grant"
)

const (
	role = "arn:aws:iam::210987654321:role/path/consign"
	key  = "arn:aws:kms:us-east-1:210987654321:key/1234abcd"
)

func needs(places ...grant.Place) grant.Needs {
	return grant.Needs{Destination: "acme", RoleARN: role, ExternalID: "secret-id", Principal: "arn:aws:iam::1:role/us", Places: places, Days: 14}
}

func allowed(p grant.Policy) []string {
	var all []string
	for _, s := range p.Statement {
		for _, a := range s.Action {
			for _, r := range s.Resource {
				all = append(all, a+" on "+r)
			}
		}
	}
	return all
}

func TestThePermissionPolicyAllowsWhatASessionAsksFor(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]grant.Place{
		"a prefix":             {Bucket: "acme", Prefix: "in"},
		"no prefix":            {Bucket: "acme"},
		"a prefix with a $":    {Bucket: "acme", Prefix: "a$b"},
		"an access point":      {Bucket: "arn:aws:s3:eu-west-1:123456789012:accesspoint/in", Prefix: "x"},
		"a KMS key":            {Bucket: "acme", Prefix: "in", KMSKeyID: key},
		"an alias of a KMS":    {Bucket: "acme", Prefix: "in", KMSKeyID: "alias/acme"},
		"an ACL and some tags": {Bucket: "acme", Prefix: "in", ACL: true, Tags: true},
	} {
		var more []string
		if p.ACL {
			more = []string{"s3:PutObjectAcl", "s3:PutObjectTagging"}
		}
		var session grant.Policy
		require.NoError(t, json.Unmarshal([]byte(awsrole.SessionPolicy(role, p.Bucket, p.Prefix, p.KMSKeyID, more...)), &session))
		require.ElementsMatch(t, allowed(session), allowed(needs(p).Permission()), name)
	}
}

func TestEveryARNIsOfThePartitionThatTheDestinationIsIn(t *testing.T) {
	t.Parallel()
	for partition, region := range map[string]string{"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"} {
		theirs := "arn:" + partition + ":iam::210987654321:role/consign"
		keyARN := "arn:" + partition + ":kms:" + region + ":210987654321:key/1234abcd"
		for name, n := range map[string]grant.Needs{
			"a role":                         {RoleARN: theirs, Places: []grant.Place{{}}},
			"a role, and a key":              {RoleARN: theirs, Places: []grant.Place{{KMSKeyID: keyARN}}},
			"a role, and the alias of one":   {RoleARN: theirs, Places: []grant.Place{{KMSKeyID: "alias/acme", Tags: true}}},
			"a role, and the id of one":      {RoleARN: theirs, Places: []grant.Place{{KMSKeyID: "1234abcd", ACL: true}}},
			"keys, and a key of KMS":         {Places: []grant.Place{{KMSKeyID: keyARN}}},
			"keys in a region":               {Places: []grant.Place{{Region: region}}},
			"keys in a region, and an alias": {Places: []grant.Place{{Region: region, KMSKeyID: "alias/acme"}}},
		} {
			n.Places[0].Bucket, n.Places[0].Prefix = "acme", "up"
			require.Contains(t, allowed(n.Permission()), "s3:PutObject on arn:"+partition+":s3:::acme/up/*", "%s in %s", name, partition)
			for _, text := range []string{n.Terraform(), n.CLI()} {
				require.Equal(t, strings.Count(text, "arn:"), strings.Count(text, "arn:"+partition+":"), "%s in %s: %s", name, partition, text)
			}
		}
	}
}

func TestSeveralPlacesShareOnePolicy(t *testing.T) {
	t.Parallel()
	n := needs(grant.Place{Bucket: "acme", Prefix: "a", Tags: true}, grant.Place{Bucket: "acme", Prefix: "b"}, grant.Place{Bucket: "other", Prefix: "b"})
	got := allowed(n.Permission())
	for _, want := range []string{
		"s3:PutObject on arn:aws:s3:::acme/a/*", "s3:PutObject on arn:aws:s3:::acme/b/*", "s3:PutObject on arn:aws:s3:::other/b/*",
		"s3:PutObjectTagging on arn:aws:s3:::acme/a/*", "s3:ListBucket on arn:aws:s3:::other",
	} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "s3:PutObjectTagging on arn:aws:s3:::acme/b/*")
	for _, a := range got {
		require.NotContains(t, a, "Delete")
	}
	require.Len(t, n.Document().Lifecycles[0].Configuration.Rules, 2)
	require.Nil(t, needs(grant.Place{Bucket: "arn:aws:s3:eu-west-1:123456789012:accesspoint/in"}).Document().Lifecycle)
}

// Rights of one bucket are none of another: a rule without a prefix ends the uploads of the bucket's owner too.
func TestABucketIsAskedForItsOwnPrefixesOnly(t *testing.T) {
	t.Parallel()
	point := "arn:aws:s3:eu-west-1:123456789012:accesspoint/in"
	n := needs(grant.Place{Bucket: "acme-a"}, grant.Place{Bucket: "acme-b", Prefix: "up"}, grant.Place{Bucket: "acme-b", Prefix: "down"}, grant.Place{Bucket: point, Prefix: "in"})
	seen, sids := map[string][]string{}, map[string]bool{}
	for _, s := range n.Permission().Statement {
		require.False(t, sids[s.Sid], s.Sid)
		sids[s.Sid] = true
		if slices.Contains(s.Action, "s3:ListBucket") {
			require.Len(t, s.Resource, 1)
			seen[s.Resource[0]] = s.Condition["StringLike"]["s3:prefix"]
		}
	}
	require.Equal(t, map[string][]string{"arn:aws:s3:::acme-a": {"*"}, "arn:aws:s3:::acme-b": {"down/*", "up/*"}, point: {"in/*"}}, seen)

	rules := map[string][]string{}
	for _, l := range n.Document().Lifecycles {
		for _, r := range l.Configuration.Rules {
			rules[l.Bucket] = append(rules[l.Bucket], r.Filter.Prefix)
		}
	}
	require.Equal(t, map[string][]string{"acme-a": {""}, "acme-b": {"up/", "down/"}}, rules)

	_, terraform, _ := strings.Cut(n.Terraform(), `bucket = "acme-b"`)
	require.Equal(t, []string{"up/", "down/"}, values(terraform, `prefix = "(.*)"`))
	_, cli, _ := strings.Cut(n.CLI(), "--bucket acme-b ")
	require.Equal(t, []string{"up/", "down/"}, values(cli, `"Prefix": "(.*)"`))
}

func values(text, pattern string) []string {
	var all []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestEveryActionHasAReason(t *testing.T) {
	t.Parallel()
	n := needs(grant.Place{Bucket: "acme", Prefix: "in", KMSKeyID: key, ACL: true, Tags: true})
	reasons := map[string]string{}
	for _, a := range n.Actions() {
		require.NotEmpty(t, a.Why)
		reasons[a.Action] = a.Why
	}
	for _, s := range n.Permission().Statement {
		for _, a := range s.Action {
			require.Contains(t, reasons, a)
			require.Contains(t, n.Terraform(), `"`+a+`", # `)
			require.Contains(t, n.CLI(), "#   "+a+": ")
		}
	}
	require.NotContains(t, n.Terraform(), ", # \n")
}

func TestTerraformIsBalancedAndEscaped(t *testing.T) {
	t.Parallel()
	text := needs(grant.Place{Bucket: "acme", Prefix: "a$b", KMSKeyID: key}).Terraform()
	require.Contains(t, text, `acme/a$${$}b/*"`)
	for _, pair := range []string{"{}", "[]"} {
		require.Equal(t, strings.Count(text, pair[:1]), strings.Count(text, pair[1:]), pair)
	}
	for _, line := range strings.Split(text, "\n") {
		code, _, _ := strings.Cut(line, "# ")
		require.Zero(t, strings.Count(code, `"`)%2, line)
	}
	require.Contains(t, text, `name               = "consign"`, "the path of a role is no part of its name")
}

func TestTheCommandsHandWholePoliciesOver(t *testing.T) {
	t.Parallel()
	n := needs(grant.Place{Bucket: "acme", Prefix: "it's"})
	script := "aws() { while [ $# -gt 0 ]; do case $1 in --*-document|--lifecycle-configuration) printf '%s\\0' \"$2\";; esac; shift; done; }\n" + n.CLI()
	out, err := exec.Command("sh", "-c", script).Output()
	require.NoError(t, err)
	documents := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	require.Len(t, documents, 3) // trust, permission, lifecycle
	var trust, permission grant.Policy
	require.NoError(t, json.Unmarshal([]byte(documents[0]), &trust))
	require.NoError(t, json.Unmarshal([]byte(documents[1]), &permission))
	require.NoError(t, json.Unmarshal([]byte(documents[2]), &grant.Configuration{}))
	require.Equal(t, *n.Trust(), trust)
	require.Equal(t, n.Permission(), permission)
}

func TestTheRoleIsMadeWhereItsARNSaysItIs(t *testing.T) {
	t.Parallel()
	n := needs(grant.Place{Bucket: "acme", Prefix: "in"})
	for arn, want := range map[string]struct{ cli, terraform string }{
		"arn:aws:iam::210987654321:role/consign": {
			"aws iam create-role --role-name consign ", "  name               = \"consign\"\n  assume_role_policy = ",
		},
		"arn:aws:iam::210987654321:role/partners/data/consign": {
			"aws iam create-role --path /partners/data/ --role-name consign ", "  name               = \"consign\"\n  path               = \"/partners/data/\"\n  assume_role_policy = ",
		},
	} {
		n.RoleARN = arn
		require.Contains(t, n.CLI(), want.cli)
		require.Contains(t, n.CLI(), "aws iam put-role-policy --role-name consign ")
		require.Contains(t, n.Terraform(), want.terraform)
	}
}

func TestOnlyARefusalIsMissingAStatement(t *testing.T) {
	t.Parallel()
	n := needs(grant.Place{Bucket: "acme", Prefix: "in", KMSKeyID: key})
	refusal := func(r upload.Right, cause error) error { return errors(&upload.Error{Right: r}, cause) }
	for name, tc := range map[string]struct {
		err           error
		where, action string
	}{
		"denied by the role":   {awsrole.ErrDenied, "trust policy", "sts:AssumeRole"},
		"denied by our role":   {awsrole.ErrOwnRole, "", ""},
		"an open role":         {awsrole.ErrOpenRole, "trust policy", "sts:AssumeRole"},
		"denied by the bucket": {refusal(upload.Right{Action: "s3:PutObject"}, upload.ErrAccessDenied), "permission policy", "s3:PutObject"},
		"denied by the key":    {refusal(upload.Right{Action: "kms:Decrypt"}, upload.ErrKMS), "key policy", "kms:Decrypt"},
		"no bucket":            {upload.ErrNoSuchBucket, "", ""},
		"a disabled key":       {upload.ErrKMS, "", ""},
	} {
		missing := n.Missing(tc.err)
		if tc.where == "" {
			require.Nil(t, missing, name)
			continue
		}
		require.Contains(t, missing.Where, tc.where, name)
		require.Equal(t, tc.action, missing.Action, name)
		require.NotEmpty(t, missing.Because)
	}
}

// Amazon does not always name the key: "to perform: kms:GenerateDataKey on this resource because the resource does not exist in
// this Region, no resource-based policies allow access, or ...".
func TestARefusalByAKeyThatNobodyNamesIsMissingAStatementToo(t *testing.T) {
	t.Parallel()
	missing := needs(grant.Place{Bucket: "acme", Prefix: "in"}).Missing(errors(&upload.Error{Right: upload.Right{Action: "kms:GenerateDataKey"}}, upload.ErrKMS))
	require.Equal(t, "the bucket's key", missing.Resource)
	require.Contains(t, missing.Policy.Statement[0].Action, "kms:GenerateDataKey")
}

func errors(detail, cause error) error { return fmt.Errorf("%w: %w", wrapped{detail}, cause) }

// wrapped hides the words of an error that has no cause of its own.
type wrapped struct{ error }

func (w wrapped) Error() string { return "refused" }
func (w wrapped) Unwrap() error { return w.error }

func TestKeysNeedNoTrust(t *testing.T) {
	t.Parallel()
	n := grant.Needs{Destination: "acme", Places: []grant.Place{{Bucket: "acme"}}, Days: 14}
	require.Nil(t, n.Trust())
	require.True(t, slices.ContainsFunc(allowed(n.Permission()), func(a string) bool { return a == "s3:PutObject on arn:aws:s3:::acme/*" }))
	require.NotContains(t, n.Terraform()+n.CLI(), "AssumeRole")
}
