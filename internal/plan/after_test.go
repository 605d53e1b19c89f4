package plan_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/plan"
)

func TestAPlanShowsWhatFollowsTheDelivery(t *testing.T) {
	t.Parallel()
	c := write(t, "data_template: parts}", `data_template: parts, downstream: [
      {lambda: {function: "prepare:live", credential: acme-keys}},
      {redshift: {cluster: warehouse, database: dev, db_user: loader, table: crm.vips, iam_role: "arn:aws:iam::111122223333:role/load", ledger: crm.consign_loads}},
      {redshift: {workgroup: reports, database: dev, table: vips}}]}`)
	p, err := plan.Make(c, request("parts"), schema)
	require.NoError(t, err)
	text, err := json.MarshalIndent(p.Downstream, "", "  ")
	require.NoError(t, err)
	golden(t, "followed.json", string(text)+"\n")
	shown := plan.Plan{Downstream: p.Downstream}
	golden(t, "followed.txt", shown.String())
	require.Contains(t, p.String(), "after the delivery, 1: invoke prepare:live with the receipt, as acme-keys")
	p.Warnings = []string{"something"}
	require.Contains(t, p.String(), "\n\nwarning: something\n")
	require.NotContains(t, p.String(), "\n\n\n")

	statement, err := p.CopyStatement(p.Downstream[1], "eu-west-1")
	require.NoError(t, err)
	require.Equal(t, p.Downstream[1].Statement, statement, "Parquet is read from Redshift's own region only")
	p.Render.FileFormat = "csv" // whose COPY names the columns
	columns := len(p.Columns)
	for i := range 2000 {
		one := p.Columns[i%columns]
		one.Name += " with a name of more than fifty characters altogether"
		p.Columns = append(p.Columns, one)
	}
	_, err = p.CopyStatement(p.Downstream[1], "")
	require.ErrorContains(t, err, "the Data API takes 100000")
}
