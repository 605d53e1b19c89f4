package config

import (
	"regexp"
	"slices"
	"strings"

	"consign/internal/awsclient"
	"consign/internal/source"
)

var (
	roleARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	anyARN     = regexp.MustCompile(`^arn:[^:\s]+:iam:[^\s]+$`) // of stores that speak Amazon's language
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
)

// The lengths of an external ID: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const (
	minExternalID = 2
	maxExternalID = 1224
)

func (k *checker) credentials() {
	for i := range k.c.Credentials {
		c, at := &k.c.Credentials[i], item("credentials", i)
		switch c.Type {
		case RoleToRole:
			k.roleToRole(c, at)
		case KeyPair:
			k.keyPair(c, at)
		default:
			k.oneOf(at+".type", c.Type, RoleToRole, KeyPair)
		}
		k.role(c, at)
		if c.Base != "" && k.refers(at+".base", c.Base, "credential", "credentials") {
			k.cycle(c, at)
		}
	}
}

func (k *checker) roleToRole(c *Credential, at string) {
	if c.RoleARN == "" {
		k.missing(at+".role_arn", "the role of the bucket's owner: arn:aws:iam::ACCOUNT:role/NAME")
	}
	if c.ExternalID == "" {
		k.missing(at+".external_id", "agree on one with the bucket's owner; it keeps others from using our role for theirs")
	}
	for key, s := range map[string]Secret{"access_key_id": c.AccessKeyID, "secret_access_key": c.SecretAccessKey, "session_token": c.SessionToken} {
		if !s.IsZero() {
			k.add(at+"."+key, "use type: iam-credential for keys", "does not go with %s", RoleToRole)
		}
	}
}

func (k *checker) keyPair(c *Credential, at string) {
	if c.AccessKeyID.IsZero() {
		k.missing(at+".access_key_id", "write {env: NAME} or {file: path}")
	}
	if c.SecretAccessKey.IsZero() {
		k.missing(at+".secret_access_key", "write {env: NAME} or {file: path}")
	}
	if c.Base != "" {
		k.add(at+".base", "leave it out, or use type: iam-role-to-role", "a credential with keys of its own needs no base")
	}
}

// sts checks who is asked for a role, if there is one. Of Amazon's own the region becomes a part of the address.
func (k *checker) sts(c *Credential, at string) {
	endpoint := k.orUnread(c.STSEndpoint, at+".sts_endpoint")
	if endpoint == "" {
		if c.RoleARN != "" && c.Region != "" && !awsclient.IsRegion(c.Region) {
			k.add(at+".region", "as in eu-west-1", "%q is not a region", c.Region)
		}
		return
	}
	if !awsclient.IsServer(endpoint) {
		k.add(at+".sts_endpoint", "as in https://sts.example.com", "this is not the URL of a server alone")
	}
}

// role checks what belongs to a role that is assumed, with either type.
func (k *checker) role(c *Credential, at string) {
	allowed, hint := roleARN, "arn:aws:iam::ACCOUNT:role/NAME"
	if k.orUnread(c.STSEndpoint, at+".sts_endpoint") != "" {
		allowed = anyARN
	}
	k.sts(c, at)
	if c.RoleARN != "" && !allowed.MatchString(c.RoleARN) {
		k.add(at+".role_arn", hint, "%q is not the ARN of a role", c.RoleARN)
	}
	if k.orUnread(c.RoleARN, at+".role_arn") == "" && c.ExternalID != "" && c.Type == KeyPair {
		k.add(at+".external_id", "", "an external ID belongs to a role_arn")
	}
	if n := len(c.ExternalID); n > 0 && (n < minExternalID || n > maxExternalID || !externalID.MatchString(c.ExternalID)) {
		k.add(at+".external_id", "2 to 1224 letters, digits and _ + = , . @ : / -", "this is not an external ID that Amazon accepts")
	}
	if c.VerifyExternalID != nil && *c.VerifyExternalID && k.orUnread(c.ExternalID, at+".external_id") == "" {
		k.add(at+".verify_external_id", "", "there is no external_id to verify")
	}
}

// cycle refuses a credential that would have to be assumed before itself.
func (k *checker) cycle(c *Credential, at string) {
	chain := []string{c.Name}
	for next := k.c.credential(c.Base); next != nil; next = k.c.credential(next.Base) {
		chain = append(chain, next.Name)
		if next.Name == c.Name {
			k.add(at+".base", "the last of a chain has no base", "a credential cannot be its own base: %s", strings.Join(chain, " needs "))
			return
		}
		if len(chain) > len(k.c.Credentials) {
			return // a cycle that others are in, and that is reported there
		}
	}
}

func (k *checker) sources() {
	for i := range k.c.Sources {
		s, at := &k.c.Sources[i], item("sources", i)
		if !k.oneOf(at+".type", s.Type, source.TypeDuckDB, source.TypePostgres) {
			continue
		}
		o := s.options()
		o.Database = k.orUnread(o.Database, at+".database")
		if !s.DSN.IsZero() {
			o.DSN = present // where it is, is enough here
		}
		for _, p := range o.Validate() {
			p.Key = at + "." + p.Key
			k.put(p)
		}
	}
}

// options are what the source is, without its secret.
func (s *Source) options() source.Options {
	o := source.Options{Type: s.Type, Database: s.Database, StatementTimeout: s.StatementTimeout}
	for _, t := range s.Tables {
		o.Tables = append(o.Tables, source.Table{Name: t.Name, Files: t.Files})
	}
	return o
}

func (k *checker) queries() {
	for i := range k.c.Queries {
		k.query(&k.c.Queries[i], item("queries", i))
	}
	for i := range k.c.Segments {
		k.query(&k.c.Segments[i], item("segments", i))
	}
}

func (k *checker) query(q *Query, at string) {
	k.refers(at+".source", q.Source, "source", "sources")
	_, hasSQL := k.where[at+".sql"]
	_, hasFile := k.where[at+".sql_file"]
	switch {
	case hasSQL && q.SQLFile != "":
		k.add(at+".sql_file", "keep one of them", "a query has either sql or sql_file, not both")
	case !hasSQL && !hasFile, hasSQL && strings.TrimSpace(q.SQL) == "":
		k.missing(at+".sql", "write sql: SELECT ..., or sql_file: query.sql")
	}
	for j, column := range q.PII {
		if slices.Contains(q.PII[:j], column) {
			k.add(item(at+".pii", j), "", "%q is listed twice", column)
		}
	}
	k.alerts(q.Alerts, at+".alerts")
}

func (k *checker) alerts(a Alerts, at string) {
	for key, n := range map[string]int64{"warn_below": a.WarnBelow, "fail_below": a.FailBelow, "warn_above": a.WarnAbove, "fail_above": a.FailAbove} {
		if n < 0 {
			k.add(at+"."+key, "0 is no alert", "%d is less than 0", n)
		}
	}
	if a.FailAbove > 0 && a.FailBelow > a.FailAbove {
		k.add(at+".fail_below", "", "no number of rows is at least %d and at most fail_above, %d", a.FailBelow, a.FailAbove)
	}
	if a.WarnBelow > 0 && a.WarnBelow <= a.FailBelow {
		k.warn(at+".warn_below", "never warns: fewer than %d rows fail already", a.FailBelow)
	}
	if a.FailAbove > 0 && a.WarnAbove >= a.FailAbove {
		k.warn(at+".warn_above", "never warns: more than %d rows fail already", a.FailAbove)
	}
}
