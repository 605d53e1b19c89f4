// Package redshift has Amazon Redshift load delivered objects into a table, through the Redshift Data API.
//
// A load is one transaction: all rows of the delivery or none. It is submitted under a token of its own, so that asking
// again finds it, and with a ledger (a table of the operator's) it is done once however late somebody asks again.
package redshift

import (
	"regexp"
	"strings"

	"consign/internal/awsclient"
	"consign/internal/problem"
)

// Options say where a table is and as whom the database is asked.
type Options struct {
	Cluster   string `json:"cluster,omitempty"`   // a provisioned cluster's identifier, or
	Workgroup string `json:"workgroup,omitempty"` // a serverless workgroup's name or ARN
	Database  string `json:"database"`
	DBUser    string `json:"db_user,omitempty"`    // of a cluster; empty: the secret's user, or the one named after the IAM identity
	SecretARN string `json:"secret_arn,omitempty"` // of Secrets Manager, which the Data API reads, not we
	Table     string `json:"table"`                // schema.table
	IAMRole   string `json:"iam_role,omitempty"`   // as which Redshift reads the bucket; several are chained; empty: its default
	Ledger    string `json:"ledger,omitempty"`     // schema.table: a row for each load that was done
	Region    string `json:"region,omitempty"`
	Endpoint  string `json:"endpoint,omitempty"` // empty: Amazon's
}

// identifier is what a schema or a table may be called here. Redshift takes more in quotes, and folds case all the same.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]{0,126}$`)

var (
	roleARN   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$`)
	secretARN = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$`)
	// workgroups are names or ARNs; clusters are names in small letters.
	clusterName   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	workgroupName = regexp.MustCompile(`^([a-z0-9-]{3,64}|arn:aws[a-z-]*:redshift-serverless:[a-z0-9-]+:[0-9]{12}:workgroup/[a-z0-9-]+)$`)
)

// defaultRole is the role that is attached to the cluster or workgroup as its default.
const defaultRole = "default"

// maxRoles is how many roles COPY takes in a chain.
const maxRoles = 10

// Validate reports everything that is wrong with the options.
func (o Options) Validate() problem.List {
	var l problem.List
	switch {
	case o.Cluster == "" && o.Workgroup == "":
		l.AddHint("cluster", "name a cluster: or a workgroup:", "is missing")
	case o.Cluster != "" && o.Workgroup != "":
		l.AddHint("workgroup", "keep one of them", "a database is in either a cluster or a workgroup, not both")
	case o.Cluster != "" && !clusterName.MatchString(o.Cluster):
		l.AddHint("cluster", "small letters, digits and -, up to 63", "%q is not the identifier of a cluster", o.Cluster)
	case o.Workgroup != "" && !workgroupName.MatchString(o.Workgroup):
		l.AddHint("workgroup", "its name, or its ARN", "%q is not a workgroup", o.Workgroup)
	}
	if o.Database == "" {
		l.AddHint("database", "the database that the table is in", "is missing")
	}
	switch {
	case o.DBUser != "" && o.SecretARN != "":
		l.AddHint("db_user", "keep one of them", "the user is the secret's")
	case o.DBUser != "" && o.Workgroup != "":
		l.AddHint("db_user", "leave it out: the user is the one of the IAM identity, or of secret_arn", "a workgroup takes no user")
	}
	if o.SecretARN != "" && !secretARN.MatchString(o.SecretARN) {
		l.AddHint("secret_arn", "write arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME", "is not the ARN of a secret")
	}
	o.names(&l)
	o.place(&l)
	return l
}

func (o Options) names(l *problem.List) {
	const hint = "write schema.table, each of letters, digits, _ and $"
	if o.Table == "" {
		l.AddHint("table", hint, "is missing")
	} else if _, ok := quoted(o.Table); !ok {
		l.AddHint("table", hint, "%q is not the name of a table", o.Table)
	}
	if o.Ledger == "" {
		return
	}
	if _, ok := quoted(o.Ledger); !ok {
		l.AddHint("ledger", hint, "%q is not the name of a table", o.Ledger)
	} else if strings.EqualFold(o.Ledger, o.Table) {
		l.AddHint("ledger", "name a table of its own: see docs/CONFIG.md for how to make it", "the loads are noted in another table than the one that is loaded")
	}
}

func (o Options) place(l *problem.List) {
	roles := strings.Split(o.IAMRole, ",")
	for _, role := range roles {
		if o.IAMRole != "" && o.IAMRole != defaultRole && !roleARN.MatchString(role) {
			l.AddHint("iam_role", "write default, or arn:aws:iam::ACCOUNT:role/NAME; several with commas and no spaces, to be assumed one by the other", "%q is not the ARN of a role", role)
		}
	}
	if len(roles) > maxRoles {
		l.Add("iam_role", "COPY takes %d roles at most", maxRoles)
	}
	if o.Region != "" && !awsclient.IsRegion(o.Region) {
		l.AddHint("region", "as in eu-west-1", "%q is not a region", o.Region)
	}
	if o.Endpoint != "" && !awsclient.IsServer(o.Endpoint) { // nor is it quoted
		l.AddHint("endpoint", "write https://host, or leave it out for Amazon's", "this is not the URL of a server alone")
	}
}

// SameTable reports whether rows of both options land in one table, however differently they get there. Nothing else
// counts: not as whom, and not with which ledger. Two regions do if both are given, for each has clusters of its own.
func (o Options) SameTable(other Options) bool {
	elsewhere := o.Region != "" && other.Region != "" && o.Region != other.Region
	return !elsewhere && o.Cluster == other.Cluster && o.Workgroup == other.Workgroup && o.Database == other.Database && strings.EqualFold(o.Table, other.Table)
}

// quoted returns a table's name as SQL, every part in quotes.
func quoted(name string) (string, bool) {
	parts := strings.Split(name, ".")
	if len(parts) > 2 {
		return "", false
	}
	for i, part := range parts {
		if !identifier.MatchString(part) {
			return "", false
		}
		parts[i] = `"` + part + `"`
	}
	return strings.Join(parts, "."), true
}

// TableSQL is the table's name as SQL, every part in quotes.
func (o Options) TableSQL() string {
	name, _ := quoted(o.Table) // Validate has seen it
	return name
}

// RoleSQL is what follows IAM_ROLE.
func (o Options) RoleSQL() string {
	if o.IAMRole == "" || o.IAMRole == defaultRole {
		return defaultRole
	}
	return text(o.IAMRole)
}

// text returns s as a string constant.
func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
