package activities

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/lambda"
	"consign/internal/lambda/lambdatest"
	"consign/internal/plan"
	"consign/internal/redshift"
	"consign/internal/redshift/redshifttest"
	"consign/internal/render"
)

// What follows a delivery is asked for in its own region, or else beside the bucket, and what came of it is told.
func TestWhatFollowsADeliveryIsAskedForWhereItIs(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{"": "us-east-1", "eu-west-1": "eu-west-1"} {
		r := newRotation(t, "")
		p := &packer{steps: r.steps, env: r.env}
		functions, warehouse := lambdatest.New(), redshifttest.New(7, time.Now())
		t.Cleanup(functions.Close)
		t.Cleanup(warehouse.Close)

		told := do[LambdaResult](t, p, p.steps.InvokeLambda, LambdaInput{
			Target: r.target, Delivery: "d", ID: "d/1", Event: LambdaEvent{DeliveryID: "d", ReceiptKey: "in/x.receipt.json"},
			Downstream: plan.Downstream{Credential: "theirs", Lambda: &lambda.Options{Function: "f", Region: own, Endpoint: functions.URL}},
		})
		require.Equal(t, "7", told.Version)
		require.NotEmpty(t, told.Request)
		invoked := functions.Invocations()
		require.Equal(t, want, invoked[0].Region)
		require.Equal(t, "d/1", invoked[0].Event["idempotency_token"])

		load := loading(r.target, warehouse, own)
		load.Statement = do[CopyResult](t, p, p.steps.CopyToRedshift, load).Statement
		require.Equal(t, warehouse.Statement(0), load.Statement)
		done := do[CopyResult](t, p, p.steps.CopyToRedshift, load)
		require.Equal(t, load.Statement, done.Statement)
		require.EqualValues(t, 7, done.Rows)
		require.NotZero(t, done.Query)
		require.False(t, done.Again)
		once := load
		once.Statement, once.Round = "", 1 // nobody knows of the first any more, but the ledger
		once.Statement = do[CopyResult](t, p, p.steps.CopyToRedshift, once).Statement
		done = do[CopyResult](t, p, p.steps.CopyToRedshift, once)
		require.True(t, done.Again)
		require.EqualValues(t, 7, done.Rows)

		warehouse.With(func() { warehouse.Held = true })
		another := loading(r.target, warehouse, own)
		another.ID, another.Round = "d/3", 1
		another.Statement = do[CopyResult](t, p, p.steps.CopyToRedshift, another).Statement
		require.NotEqual(t, load.Statement, another.Statement)
		unheard := another
		unheard.Statement = "" // the answer got lost
		require.Equal(t, another.Statement, do[CopyResult](t, p, p.steps.CancelLoad, unheard).Statement)
		for _, operation := range []string{"BatchExecuteStatement", "DescribeStatement", "CancelStatement"} {
			for _, q := range warehouse.Requests(operation) {
				require.Equal(t, want, q.Region, operation)
			}
		}
		require.Len(t, warehouse.Requests("CancelStatement"), 1)
	}
}

// loading is the load of seven rows.
func loading(t Target, warehouse *redshifttest.Server, region string) CopyInput {
	return CopyInput{
		Target: t, ID: "d/2", Rows: 7, Since: time.Now().Add(-time.Minute),
		Plan: &plan.Plan{Render: render.Options{FileFormat: "csv"}, Columns: []plan.Column{{Name: "id", Type: "BIGINT"}}, ManifestKey: "in/x.manifest"},
		Downstream: plan.Downstream{Credential: "theirs", Target: "s.t", Redshift: &redshift.Options{
			Workgroup: "w", Database: "dev", Table: "s.t", Ledger: "s.l", Region: region, Endpoint: warehouse.URL,
		}},
	}
}

// TestALoadThatCannotBeWrittenAsSQLParks: no retry makes other files.
func TestALoadThatCannotBeWrittenAsSQLParks(t *testing.T) {
	t.Parallel()
	r := newRotation(t, "")
	warehouse := redshifttest.New(7, time.Now())
	t.Cleanup(warehouse.Close)
	load := loading(r.target, warehouse, "")
	load.Plan.Render.FileFormat = "json"
	told := r.told(r.steps.CopyToRedshift, load)
	require.Equal(t, "ConfigurationRefused", told.Type())
	require.True(t, told.NonRetryable())
	require.Contains(t, told.Message(), "copy into s.t: Amazon Redshift cannot load these files")
}

func TestAFunctionIsGivenAReceiptThatFits(t *testing.T) {
	t.Parallel()
	bare, err := encodeEvent(LambdaEvent{ReceiptKey: "k"})
	require.NoError(t, err)
	room := lambda.MaxEvent - len(bare) - len(`,"receipt":""`)
	for more, fits := range map[int]bool{-1: true, 0: true, 1: false} {
		text, err := encodeEvent(LambdaEvent{ReceiptKey: "k", Receipt: json.RawMessage(`"` + strings.Repeat("x", room+more) + `"`)})
		require.NoError(t, err)
		if fits {
			require.Len(t, text, lambda.MaxEvent+more)
		} else {
			require.Equal(t, bare, text)
		}
	}
}
