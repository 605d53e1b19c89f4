package redshift

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"

	"consign/internal/awsclient"
	"consign/internal/awserror"
)

// A load keeps its id, and with it its place in the ledger, when a run is reset and planned anew with another table. What
// was done for the old one is then neither taken for this one's, nor done again: one table may be written in two ways,
// vips and crm.vips, and would get every row twice. A person decides.
//
// Nor does the id alone tell that a load was not done: it counts the run's deliveries and what follows them. A run that was
// planned anew, and then reset, counts its deliveries from 1 again, and an item that was put before this one moves it. But a
// run loads one table once, so that what it has loaded into this one is this load, whatever it was called.

// lookSQL asks the ledger for the load.
func (o Options) lookSQL(columns string, l Load) string {
	ledger, _ := quoted(o.Ledger)
	return fmt.Sprintf("SELECT %s FROM %s WHERE load_id = %s OR (load_id LIKE %s AND LOWER(loaded_into) = %s)",
		columns, ledger, text(l.ID), text(l.Run+"-%"), text(strings.ToLower(o.Table)))
}

// noted asks the ledger whether the load is done, and how many rows it was. An error that wraps ErrElsewhere says that it
// is done, but into another table.
func (c *Client) noted(ctx context.Context, l Load) (rows int64, there bool, err error) {
	doing := "look into " + c.o.Ledger
	sql := c.o.lookSQL("loaded_rows, loaded_into", l)
	asked, err := c.api.ExecuteStatement(ctx, &redshiftdata.ExecuteStatementInput{
		Sql: &sql, ClusterIdentifier: awsclient.Optional(c.o.Cluster), WorkgroupName: awsclient.Optional(c.o.Workgroup),
		Database: &c.o.Database, DbUser: awsclient.Optional(c.o.DBUser), SecretArn: awsclient.Optional(c.o.SecretARN),
	})
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", doing, awserror.Translate(err))
	}
	out, err := c.end(ctx, aws.ToString(asked.Id))
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("%s: %w", doing, err)
	case out.Status != types.StatusStringFinished:
		return 0, false, fmt.Errorf("%s: %w: %s", doing, ErrFailed, c.o.said(l, aws.ToString(out.Error)))
	case out.ResultRows == 0:
		return 0, false, nil
	}
	result, err := c.api.GetStatementResult(ctx, &redshiftdata.GetStatementResultInput{Id: out.Id})
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", doing, awserror.Translate(err))
	}
	rows, err = c.o.entered(l, result.Records)
	return rows, err == nil, err
}

// entered reads the ledger's rows for a load: one, unless somebody has written into it.
func (o Options) entered(l Load, records [][]types.Field) (int64, error) {
	elsewhere := ""
	for _, record := range records {
		rows, into := l.Rows, ""
		for _, field := range record {
			switch is := field.(type) {
			case *types.FieldMemberLongValue:
				rows = is.Value
			case *types.FieldMemberStringValue:
				into = is.Value
			}
		}
		if into == "" || strings.EqualFold(into, o.Table) { // empty: somebody has entered it, and means this one
			return rows, nil
		}
		elsewhere = cmp.Or(elsewhere, into)
	}
	return 0, fmt.Errorf("load into %s: %s has load %s as done, into %s: %w", o.Table, o.Ledger, l.ID, elsewhere, ErrElsewhere)
}

var copied = regexp.MustCompile(`^COPY ("[^"]*"(?:\."[^"]*")?)`)

// ours returns an error if a statement that was found again, by its token or its name, has loaded another table.
func (o Options) ours(id string, parts []types.SubStatementData) error {
	for _, part := range parts {
		into := copied.FindStringSubmatch(aws.ToString(part.QueryString))
		if into != nil && !strings.EqualFold(into[1], o.TableSQL()) {
			return fmt.Errorf("load into %s: statement %s has loaded %s: %w", o.Table, id, strings.ReplaceAll(into[1], `"`, ""), ErrElsewhere)
		}
	}
	return nil
}
