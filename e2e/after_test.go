package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"consign/activities"
	"consign/internal/lambda/lambdatest"
	"consign/internal/redshift/redshifttest"
	"consign/workflows"
)

// An aftermath is what follows the deliveries of a site: a Redshift that reads the site's bucket, and a Lambda.
type aftermath struct {
	*site
	redshift *redshifttest.Server
	lambda   *lambdatest.Server
	heard    func() []workflows.Completion
}

// followed configures an orchestration that is followed by a function and a load, and a campaign that waits for it.
func followed(t *testing.T, rows int) *aftermath {
	t.Helper()
	a := &aftermath{site: newSite(t), redshift: redshifttest.New(0, time.Now()), lambda: lambdatest.New()}
	t.Cleanup(a.redshift.Close)
	t.Cleanup(a.lambda.Close)
	a.redshift.Read = a.read
	a.data("data.parquet", nastyRows(rows))
	notify := a.name + "-campaign"
	a.heard = a.campaign(notify)
	a.configure(source + "destinations:" + a.destination("acme", "platform", "prefix: in, file_format: csv, encoding: gzip, success_file: true, manifest: true, receipt: true") + fmt.Sprintf(`
data_templates:
  - {name: t, destination: acme, settings: {filename: "all.csv.gz"}}
orchestrations:
  - name: weekly-{site}
    query: all
    data_template: t
    notify: [{workflow_id: %s}]
    downstream:
      - lambda: {function: "prepare:live", credential: platform, region: eu-west-1, endpoint: %q}
      - redshift: {workgroup: reports, database: dev, table: crm.everybody, ledger: crm.consign_loads, credential: platform, endpoint: %q}
`, notify, a.lambda.URL, a.redshift.URL))
	return a
}

const everybody = "crm.everybody"

// read is what a COPY reads: the objects of the manifest that it names.
func (a *aftermath) read(c redshifttest.Copy) (int64, error) {
	for option, want := range map[string]string{"FORMAT": "CSV", "IGNOREHEADER": "1", "REGION": "us-east-1"} {
		if c.Options[option] != want {
			return 0, fmt.Errorf("ERROR: %s is %q", option, c.Options[option])
		}
	}
	if _, unpacks := c.Options["GZIP"]; !unpacks || !hasOption(c, "MANIFEST") {
		return 0, errors.New("ERROR: the objects are no text")
	}
	text, err := a.object(c.From)
	if err != nil {
		return 0, err
	}
	var manifest struct {
		Entries []struct{ URL string } `json:"entries"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return 0, err
	}
	rows := int64(0)
	for _, entry := range manifest.Entries {
		content, err := a.object(entry.URL)
		if err != nil {
			return 0, err
		}
		path := a.path("copied.csv.gz")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return 0, err
		}
		var n int64
		err = duck(a.t).QueryRow(fmt.Sprintf("SELECT count(*) FROM read_csv('%s', header = true, all_varchar = true)", path)).Scan(&n)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

func hasOption(c redshifttest.Copy, name string) bool {
	_, there := c.Options[name]
	return there
}

// object reads s3://bucket/key.
func (a *aftermath) object(url string) ([]byte, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	out, err := a.s3.GetObject(a.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Body.Close() }()
	return io.ReadAll(out.Body)
}

// closed is how the run of the key was closed, if it was.
func (a *aftermath) closed(key string) enums.WorkflowExecutionStatus {
	a.t.Helper()
	return a.status(workflows.OrchestrationID(a.id("weekly"), key))
}

func (a *aftermath) delivered() []string {
	return []string{"in/all.csv.gz", "in/all.csv.gz.DONE", "in/all.csv.gz.manifest", "in/all.csv.gz.receipt.json"}
}

func TestAFunctionAndALoadFollowADelivery(t *testing.T) {
	t.Parallel()
	a := followed(t, 1234)
	a.lambda.Do = func(_ lambdatest.Invocation, n int) lambdatest.Answer {
		if n == 1 { // the function's concurrency is used up
			return lambdatest.Answer{Status: http.StatusTooManyRequests, Code: "TooManyRequestsException"}
		}
		if len(a.keys()) != 4 || len(a.redshift.Requests("BatchExecuteStatement")) > 0 {
			return lambdatest.Answer{Function: "Unhandled", Payload: `{"errorType": "TooEarlyOrTooLate"}`}
		}
		return lambdatest.Answer{Payload: "null"}
	}
	a.redshift.Refuse = func(operation string, n int) *redshifttest.Refusal {
		if operation == "BatchExecuteStatement" && n == 1 {
			return &redshifttest.Refusal{Status: http.StatusBadRequest, Code: "ExpiredTokenException", Message: "expired"}
		}
		return nil
	}
	shown := a.starter("plan", a.id("weekly"))
	require.Equal(t, 0, shown.code, shown.err)
	require.Contains(t, shown.out, "1: invoke prepare:live with the receipt, as platform")
	require.Contains(t, shown.out, `COPY "crm"."everybody" (`)
	require.Contains(t, shown.out, "FROM 's3://"+a.bucket+"/in/all.csv.gz.manifest'")
	require.Empty(t, a.redshift.Requests("BatchExecuteStatement"), "a plan touches nothing")

	a.worker()
	c := a.send(a.id("weekly"), "--run-key", "k")
	require.Equal(t, a.delivered(), a.keys())
	require.EqualValues(t, 1234, a.redshift.Rows(everybody))
	require.Len(t, c.Downstream, 2)
	require.Equal(t, "InvokeLambda", c.Downstream[0].Step)
	require.Equal(t, "done", c.Downstream[0].State)
	require.Equal(t, "7", c.Downstream[0].Version)
	require.Equal(t, "CopyToRedshift", c.Downstream[1].Step)
	require.Equal(t, everybody, c.Downstream[1].Target)
	require.EqualValues(t, 1234, c.Downstream[1].Rows)
	require.NotEmpty(t, c.Downstream[1].Statement)
	heard := a.heard()
	require.Len(t, heard, 1, "one completion, after all of it")
	require.Equal(t, c.Downstream, heard[0].Downstream)

	invoked := a.lambda.Invocations()
	require.Len(t, invoked, 2)
	event := invoked[1].Event
	require.Equal(t, "prepare:live", invoked[1].Function)
	require.Equal(t, "eu-west-1", invoked[1].Region)
	require.Equal(t, userKey, invoked[1].Key)
	require.Equal(t, c.DeliveryID+"/1", event["idempotency_token"])
	require.Equal(t, c.DeliveryID, event["delivery_id"])
	require.Equal(t, c.Receipt, event["receipt_key"])
	require.Equal(t, c.SuccessFile, event["success_file"])
	text, err := a.object("s3://" + a.bucket + "/" + c.Receipt)
	require.NoError(t, err)
	var receipt map[string]any
	require.NoError(t, json.Unmarshal(text, &receipt))
	require.Equal(t, receipt, event["receipt"], "the receipt as it lies there")

	load := a.redshift.Requests("BatchExecuteStatement")[1]
	require.Equal(t, "us-east-1", load.Region, "the bucket's")
	require.Equal(t, "reports", load.Body["WorkgroupName"])
	rows, noted := a.redshift.Noted(c.DeliveryID + "/2")
	require.True(t, noted)
	require.EqualValues(t, 1234, rows)
	a.nothingLeft()
}

func TestAWorkerThatIsKilledWhileRedshiftLoadsFindsTheLoadAgain(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.redshift.Held = true
	w := a.worker()
	a.begin("weekly", "k")
	eventually(t, "somebody waits for the load", func() bool { return len(a.redshift.Requests("DescribeStatement")) > 0 })
	w.kill()
	a.redshift.With(func() { a.redshift.Held = false })
	a.worker()
	c := a.send(a.id("weekly"), "--run-key", "k")
	require.EqualValues(t, 100, a.redshift.Rows(everybody), "and not twice as many")
	require.Len(t, a.redshift.Requests("BatchExecuteStatement"), 1)
	require.Equal(t, a.redshift.Statement(0), c.Downstream[1].Statement)
	require.Len(t, a.lambda.Invocations(), 1)
	require.Len(t, a.heard(), 1)
}

func TestAWorkerThatIsKilledBeforeItHearsOfTheLoadSubmitsTheSame(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.redshift.Lose = func(operation string, _ int) bool { return operation == "BatchExecuteStatement" }
	w := a.worker()
	a.begin("weekly", "k")
	eventually(t, "a load is submitted", func() bool { return len(a.redshift.Requests("BatchExecuteStatement")) > 0 })
	w.kill()
	a.redshift.With(func() { a.redshift.Lose = nil })
	a.worker()
	a.send(a.id("weekly"), "--run-key", "k")
	require.EqualValues(t, 100, a.redshift.Rows(everybody), "and not twice as many")
	asked := a.redshift.Requests("BatchExecuteStatement")
	require.Greater(t, len(asked), 1)
	for _, r := range asked {
		require.Equal(t, asked[0].Body["ClientToken"], r.Body["ClientToken"])
	}
	require.Len(t, a.heard(), 1)
}

func TestALoadThatFailsParksAndIsRetried(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.redshift.Read = func(redshifttest.Copy) (int64, error) {
		return 0, errors.New(`ERROR: Load into table 'everybody' failed at 'jane@example.com'. Check 'sys_load_error_detail' system table for details.`) //nolint:revive // as Redshift says it
	}
	a.worker()
	parked := a.parks("weekly")
	f := a.failure("weekly")
	require.Equal(t, activities.TypeLoadFailed, f.Type)
	require.Equal(t, activities.Configuration, f.Attribution)
	require.Equal(t, "CopyToRedshift", f.Step)
	said := parked.out + parked.err
	for _, want := range []string{"load into " + everybody, "table 'everybody' failed", "the delivery itself is complete", "sys_load_error_detail", "starter retry " + a.id("weekly") + "/k"} {
		require.Contains(t, said, want)
	}
	require.Equal(t, a.delivered(), a.keys(), "the delivery is there all the same")
	require.Zero(t, a.redshift.Rows(everybody))
	refused := a.starter("retry", a.id("weekly")+"/k", "--replan")
	require.NotEqual(t, 0, refused.code)
	require.Contains(t, refused.err, "the plan stays")

	a.redshift.With(func() { a.redshift.Read = a.read })
	require.Equal(t, 0, a.starter("retry", a.id("weekly")+"/k").code)
	c := a.send(a.id("weekly"), "--run-key", "k")
	require.EqualValues(t, 100, c.Downstream[1].Rows)
	require.EqualValues(t, 100, a.redshift.Rows(everybody))
	require.Len(t, a.redshift.Requests("BatchExecuteStatement"), 2)
	require.Len(t, a.lambda.Invocations(), 1, "what was done stays done")
	heard := a.heard()
	require.Len(t, heard, 1)
	require.Equal(t, workflows.Completed, heard[0].Status)
	require.NotContains(t, decoded(t, historyOf(t, a.workflow("weekly"))), "jane@")
	require.NotContains(t, a.logs.String(), "jane@")
}

func TestAnAbortAfterTheDeliveryLeavesTheDelivery(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.lambda.Do = func(lambdatest.Invocation, int) lambdatest.Answer {
		return lambdatest.Answer{Function: "Unhandled", Payload: `{"errorType": "KeyError", "errorMessage": "jane@example.com"}`}
	}
	a.worker()
	parked := a.parks("weekly")
	require.Equal(t, "FunctionFailed", a.failure("weekly").Type)
	require.Contains(t, parked.out+parked.err, "KeyError")
	require.Len(t, a.lambda.Invocations(), 1)
	require.Equal(t, 0, a.starter("abort", a.id("weekly")+"/k", "--reason", "not needed").code)
	eventually(t, "the run is closed", func() bool { return a.status(a.workflow("weekly")) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED })
	require.Equal(t, a.delivered(), a.keys())
	heard := a.heard()
	last := heard[len(heard)-1]
	require.Equal(t, workflows.Aborted, last.Status)
	require.Len(t, last.Objects, 1)
	require.Equal(t, "in/all.csv.gz.DONE", last.SuccessFile)
	require.Contains(t, last.Failure.Message, "the delivery itself is complete and stays as it is")
	require.Equal(t, "failed", last.Downstream[0].State)
	require.Equal(t, "waiting", last.Downstream[1].State)
	require.Empty(t, a.redshift.Requests("BatchExecuteStatement"))
	require.NotContains(t, decoded(t, historyOf(t, a.workflow("weekly"))), "jane@")
	require.NotContains(t, a.logs.String(), "jane@")
	a.nothingLeft()
}

func TestAnAbortCancelsTheLoadThatIsUnderWay(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.redshift.Held = true
	a.worker()
	a.begin("weekly", "under-way")
	eventually(t, "somebody waits for the load", func() bool { return len(a.redshift.Requests("DescribeStatement")) > 0 })
	require.Equal(t, 0, a.starter("abort", a.id("weekly")+"/under-way").code)
	eventually(t, "the run is closed", func() bool { return a.closed("under-way") == enums.WORKFLOW_EXECUTION_STATUS_CANCELED })
	require.Len(t, a.redshift.Requests("CancelStatement"), 1)
	require.Zero(t, a.redshift.Rows(everybody))
	require.Equal(t, a.delivered(), a.keys())
}

func TestAnAbortCancelsTheLoadOfWhichNobodyHasHeard(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.redshift.Held = true
	a.redshift.Lose = func(operation string, _ int) bool { return operation == "BatchExecuteStatement" }
	a.worker()
	a.begin("weekly", "unheard")
	eventually(t, "a load is submitted", func() bool { return len(a.redshift.Requests("BatchExecuteStatement")) > 0 })
	require.Equal(t, 0, a.starter("abort", a.id("weekly")+"/unheard").code)
	eventually(t, "the run is closed", func() bool { return a.closed("unheard") == enums.WORKFLOW_EXECUTION_STATUS_CANCELED })
	a.redshift.GoOn()
	require.Zero(t, a.redshift.Rows(everybody), "it was found by its name")
	canceled := a.redshift.Requests("CancelStatement")
	require.Len(t, canceled, 1)
	require.Equal(t, a.redshift.Statement(0), canceled[0].Body["Id"])
	require.Equal(t, a.delivered(), a.keys())
}

// resetWith changes the configuration and resets a run to before its plan.
func (a *aftermath) resetWith(workflowID, was, is string) {
	a.t.Helper()
	a.edit(was, is)
	reset(a.t, workflowID, "", a.taskAfter(workflowID, 1))
}

func TestARunThatIsResetWithOtherThingsBeforeItsLoadLoadsNothingTwice(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.worker()
	first := a.send(a.id("weekly"), "--run-key", "k")
	a.resetWith(first.WorkflowID, "      - lambda:", "      # - lambda:")
	c := a.send(a.id("weekly"), "--run-key", "k")
	require.Len(t, c.Downstream, 1)
	require.True(t, c.Downstream[0].Again)
	require.EqualValues(t, 100, c.Downstream[0].Rows)
	require.EqualValues(t, 100, a.redshift.Rows(everybody), "and not twice as many")
}

func TestARunThatIsResetWithAnotherTableIsNotDone(t *testing.T) {
	t.Parallel()
	a := followed(t, 100)
	a.worker()
	first := a.send(a.id("weekly"), "--run-key", "k")
	a.resetWith(first.WorkflowID, everybody, "crm.people")
	a.parks("weekly")
	require.Equal(t, activities.TypeLoadFailed, a.failure("weekly").Type)
	require.Contains(t, a.failure("weekly").Message, "load into crm.people: statement "+a.redshift.Statement(0)+" has loaded "+everybody)
	require.Equal(t, 0, a.starter("retry", a.id("weekly")+"/k").code)
	a.parks("weekly")
	load := first.DeliveryID + "/2"
	require.Contains(t, a.failure("weekly").Message, "load into crm.people: crm.consign_loads has load "+load+" as done, into "+everybody)
	require.Zero(t, a.redshift.Rows("crm.people"))

	a.redshift.Forget(load)
	require.Equal(t, 0, a.starter("retry", a.id("weekly")+"/k").code)
	c := a.send(a.id("weekly"), "--run-key", "k")
	require.EqualValues(t, 100, c.Downstream[1].Rows)
	require.EqualValues(t, 100, a.redshift.Rows("crm.people"))
	require.EqualValues(t, 100, a.redshift.Rows(everybody))
}
