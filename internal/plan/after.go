package plan

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"consign/internal/lambda"
	"consign/internal/redshift"
)

// The steps that may follow a delivery, by their activities' names.
const (
	InvokeLambda   = "InvokeLambda"
	CopyToRedshift = "CopyToRedshift"
)

// Downstream is one thing that follows the delivery: a function, or a load.
type Downstream struct {
	Step       string            `json:"step"`                 // InvokeLambda or CopyToRedshift
	Target     string            `json:"target"`               // the function, or the table
	Credential string            `json:"credential,omitempty"` // its name; empty: the AWS default chain
	Lambda     *lambda.Options   `json:"lambda,omitempty"`
	Redshift   *redshift.Options `json:"redshift,omitempty"`
	Statement  string            `json:"statement,omitempty"` // the COPY, as far as it is known before the bucket's region is found
}

// follow resolves what follows the delivery. A campaign's groups have no such thing.
func (p *Plan) follow(j *job) error {
	if j.orchestration == nil {
		return nil
	}
	for _, d := range j.orchestration.Downstream {
		if d.Lambda != nil {
			o := d.Lambda.Options()
			p.Downstream = append(p.Downstream, Downstream{Step: InvokeLambda, Target: o.Function, Credential: d.Lambda.Credential, Lambda: &o})
			continue
		}
		o := d.Redshift.Options()
		one := Downstream{Step: CopyToRedshift, Target: o.Table, Credential: d.Redshift.Credential, Redshift: &o}
		var err error
		if one.Statement, err = p.CopyStatement(one, p.Upload.Region); err != nil {
			return err
		}
		p.Downstream = append(p.Downstream, one)
	}
	return nil
}

// maxStatement is how long a statement the Data API takes:
// https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
const maxStatement = 100_000

// CopyStatement is the COPY that loads the delivery's objects by their manifest. region is the bucket's, if it is known.
func (p *Plan) CopyStatement(d Downstream, region string) (string, error) {
	schema, err := p.schema()
	if err != nil {
		return "", fmt.Errorf("copy into %s: %w", d.Target, err)
	}
	at := p.location()
	at.Table, at.Role, at.Region = d.Redshift.TableSQL(), d.Redshift.RoleSQL(), region
	l := p.Render.Copy(schema, at)
	switch {
	case l.Impossible != "":
		return "", fmt.Errorf("copy into %s: Amazon Redshift cannot load these files: %s", d.Target, l.Impossible)
	case len(l.Statement) > maxStatement:
		return "", fmt.Errorf("copy into %s: the COPY statement has %d bytes, and the Data API takes %d: give the columns shorter names", d.Target, len(l.Statement), maxStatement)
	}
	return l.Statement, nil
}

func (p *Plan) printDownstream(w io.Writer) {
	for i, d := range p.Downstream {
		as := cmp.Or(d.Credential, "AWS's default chain")
		if d.Lambda != nil {
			fmt.Fprintf(w, "\nafter the delivery, %d: invoke %s with the receipt, as %s\n", i+1, d.Target, as)
			continue
		}
		o := d.Redshift
		where := "cluster " + o.Cluster
		if o.Workgroup != "" {
			where = "workgroup " + o.Workgroup
		}
		fmt.Fprintf(w, "\nafter the delivery, %d: load into %s of database %s, %s, as %s\n", i+1, d.Target, o.Database, where, as)
		if o.Ledger != "" {
			fmt.Fprintf(w, "  -- once: noted in %s\n", o.Ledger)
		}
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(d.Statement, "\n", "\n  "))
	}
}
