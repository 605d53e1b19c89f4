package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/examples/campaign"
	"consign/workflows"
)

// sale is the configuration of a campaign of three groups that are delivered and one that is not. The group "late" goes
// to a bucket of its own.
func (s *site) sale(name, lateBucket, more string) {
	s.t.Helper()
	own := s.bucket
	late := func() string {
		s.bucket = lateBucket
		defer func() { s.bucket = own }()
		return s.destination("later", "platform", "file_format: csv, success_file: true")
	}()
	s.configure(source + `
segments:
  - {name: even, source: files, sql: "SELECT id, note FROM customers WHERE active ORDER BY id"}
  - {name: odd, source: files, sql: "SELECT id, note FROM customers WHERE NOT active ORDER BY id"}
destinations:` + s.destination("acme", "platform", "file_format: csv, success_file: true") + late + fmt.Sprintf(`
data_templates:
  - {name: mail, destination: acme, available_to_campaigns: true, settings: {filename: "{{campaign_name}}/{{group_name}}.csv"}}
  - {name: lake, destination: acme, available_to_campaigns: true, columns: [{from: id}, {to: group, value: "{{group_name}}"}], settings: {filename: "lake/{{campaign_name}}/{{group_name}}.csv"}}
  - {name: late, destination: later, available_to_campaigns: true, settings: {filename: "{{campaign_name}}/{{group_name}}.csv"}}
campaigns:
  - name: %s-{site}
    notify_timeout: 5s
    notify: [{workflow_id: "{site}-crm"}]
    groups:
      - {name: a, segment: even, data_templates: [mail, lake]}
      - {name: b, query: all, data_templates: [mail]}
      - {name: late, segment: odd, data_templates: [late]}
      - {name: control, segment: odd}%s
`, name, more))
}

func (s *site) saleID(name string) string { return workflows.CampaignID(s.id(name), "k") }

// groupID is the workflow id of the run of a campaign's group.
func (s *site) groupID(name, group, template string) string {
	return workflows.OrchestrationID(groupRun(s.id(name), group, template), "k")
}

func groupRun(name, group, template string) string { return name + "/" + group + "/" + template }

// saleKeys are the objects of a campaign in the site's own bucket.
func (s *site) saleKeys(name string) []string {
	n := s.id(name)
	return []string{
		"lake/" + n + "/a.csv", "lake/" + n + "/a.csv.DONE", n + "/a.csv", n + "/a.csv.DONE", n + "/b.csv", n + "/b.csv.DONE",
	}
}

// campaignOf reads what `starter campaign --wait -o json` has printed.
func campaignOf(t *testing.T, a answer) workflows.CampaignCompletion {
	t.Helper()
	var sent struct {
		Completion workflows.CampaignCompletion `json:"completion"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.out), &sent), a.out+a.err)
	return sent.Completion
}

// Heard is what a campaign system was told.
type Heard struct {
	Completed []workflows.CampaignCompletion
	Parked    []workflows.Completion
}

// crm starts a workflow that collects what the site's campaign tells it, and returns a function that ends it.
func (s *site) crm() func() Heard {
	s.t.Helper()
	return collects(s.t, s.name+"-crm", func(ctx workflow.Context, hears workflow.Selector, heard *Heard) {
		hears.AddReceive(into(ctx, workflows.SignalCampaignCompleted, &heard.Completed)).AddReceive(into(ctx, workflows.SignalParked, &heard.Parked))
	})
}

// children lists the runs that a campaign has started.
func (s *site) children(name string) []string {
	s.t.Helper()
	var ids []string
	for _, event := range eventsOf(s.t, s.saleID(name)) {
		if asked := event.GetStartChildWorkflowExecutionInitiatedEventAttributes(); asked != nil {
			ids = append(ids, asked.GetWorkflowId())
		}
	}
	return ids
}

// TestACampaignDeliversItsGroupsToACampaignSystemThatActs has the example's campaign system wait for the groups.
func TestACampaignDeliversItsGroupsToACampaignSystemThatActs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	db := s.data("data.parquet", nastyRows(1000))
	s.sale("sale", s.bucket, "")
	s.worker()
	crm := worker.New(temporal, s.name+"-crm", worker.Options{})
	crm.RegisterWorkflow(campaign.Experiment)
	require.NoError(t, crm.Start())
	t.Cleanup(crm.Stop)
	system, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: s.name + "-crm", TaskQueue: s.name + "-crm"}, campaign.Experiment, time.Hour)
	require.NoError(t, err)

	a := s.starter("campaign", s.id("sale"), "--run-key", "k", "--wait", "-o", "json")
	require.Equal(t, 0, a.code, "%s\n%s\n%s", a.out, a.err, s.logs)
	c := campaignOf(t, a)
	require.Equal(t, workflows.Completed, c.Status)
	require.EqualValues(t, 500+500+1000+500, c.Rows)
	require.Equal(t, 4, c.ObjectCount)
	require.Empty(t, c.NotNotified)
	name := s.id("sale")
	require.Equal(t, append(s.saleKeys("sale"), name+"/late.csv", name+"/late.csv.DONE"), s.keys())
	s.sameCSV(s.get(name + "/b.csv"))
	lake := s.get("lake/" + name + "/a.csv")
	require.EqualValues(t, 500, one[int64](t, db, `SELECT count(*) FROM read_csv(?) WHERE "group" = 'a' AND id % 2 = 0`, lake))

	var launched []campaign.Treatment
	require.NoError(t, system.Get(t.Context(), &launched))
	require.Equal(t, []campaign.Treatment{
		{Group: "a", Contacts: 1000, Files: []string{"s3://" + s.bucket + "/" + name + "/a.csv", "s3://" + s.bucket + "/lake/" + name + "/a.csv"}},
		{Group: "b", Contacts: 1000, Files: []string{"s3://" + s.bucket + "/" + name + "/b.csv"}},
		{Group: "late", Contacts: 500, Files: []string{"s3://" + s.bucket + "/" + name + "/late.csv"}},
		{Group: "control", Files: []string{}},
	}, launched)

	again := s.starter("campaign", s.id("sale"), "--run-key", "k", "--wait", "-o", "json")
	require.Equal(t, c.RunID, campaignOf(t, again).RunID, "the same key is the same run")
	eventually(t, "the campaign and its runs can be searched for", func() bool {
		found, err := temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: "default", Query: fmt.Sprintf("ConsignCampaign = '%s' AND ConsignState = 'completed' AND ConsignRunKey = 'k'", name),
		})
		return err == nil && len(found.GetExecutions()) == 5
	})
	s.nothingLeft()
}

func TestAParkedGroupIsRetriedAndTheCampaignCompletes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	later := s.bucket + "-later"
	s.sale("sale-parked", later, "")
	heard := s.crm()
	s.worker()
	a := s.starter("campaign", s.id("sale-parked"), "--run-key", "k", "--wait")
	require.Equal(t, 4, a.code, "%s\n%s", a.out, a.err)
	late := s.groupID("sale-parked", "late", "late")
	require.Contains(t, a.err, "starter retry "+groupRun(s.id("sale-parked"), "late", "late")+"/k")
	eventually(t, "the others go on", func() bool { return len(s.keys()) == 6 })
	require.Equal(t, s.saleKeys("sale-parked"), s.keys())
	eventually(t, "all look parked who are", func() bool {
		found, err := temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: "default", Query: fmt.Sprintf("ConsignCampaign = '%s' AND ConsignState = 'parked'", s.id("sale-parked")),
		})
		return err == nil && len(found.GetExecutions()) == 2
	})
	shown := s.starter("show", s.saleID("sale-parked"))
	require.Contains(t, shown.out, "group late to late is parked")
	retried := s.starter("retry", s.saleID("sale-parked"))
	require.Equal(t, 2, retried.code)
	require.Contains(t, retried.err, "retry "+late)

	require.NoError(t, stack.S3.MakeBucket(t.Context(), later))
	require.Equal(t, 0, s.starter("retry", groupRun(s.id("sale-parked"), "late", "late")+"/k").code)
	done := s.starter("campaign", s.id("sale-parked"), "--run-key", "k", "--wait", "-o", "json")
	for done.code == 4 { // the campaign hears of the retry a moment later
		done = s.starter("campaign", s.id("sale-parked"), "--run-key", "k", "--wait", "-o", "json")
	}
	require.Equal(t, 0, done.code, "%s\n%s", done.out, done.err)
	c := campaignOf(t, done)
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, later, c.Groups[2].Deliveries[0].Objects[0].Bucket)
	told := heard()
	require.Len(t, told.Completed, 1, "one signal")
	require.Equal(t, c.RunID, told.Completed[0].RunID)
	require.Len(t, told.Parked, 1)
	require.Equal(t, late, told.Parked[0].WorkflowID)
	require.Equal(t, "NoSuchBucket", told.Parked[0].Failure.Type)
	s.nothingLeft()
}

// TestACampaignIsAbortedWhileOneGroupIsParkedAndOthersUpload ends it in each way that there is.
func TestACampaignIsAbortedWhileOneGroupIsParkedAndOthersUpload(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]struct {
		abort  func(*site, string)
		closed enums.WorkflowExecutionStatus
		told   int
	}{
		"sale-aborted": {func(s *site, id string) {
			require.Equal(s.t, 0, s.starter("abort", id, "--reason", "wrong segment").code)
		}, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, 1},
		"sale-cancelled": {func(s *site, id string) {
			require.NoError(s.t, temporal.CancelWorkflow(s.t.Context(), id, ""))
		}, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, 1},
		"sale-terminated": {func(s *site, id string) {
			require.NoError(s.t, temporal.TerminateWorkflow(s.t.Context(), id, "", "a test"))
		}, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, heard := heldSale(t, name, 400_000) // each group more than a megabyte, which the gate holds
			a := s.starter("campaign", s.id(name), "--run-key", "k", "--wait")
			require.Equal(t, 4, a.code, "%s\n%s", a.out, a.err)
			b := s.groupID(name, "b", "mail")
			eventually(t, "a group uploads", func() bool { return s.progressOf(b).Step == "Upload" })
			way.abort(s, s.saleID(name))
			runs := []string{b, s.groupID(name, "a", "mail"), s.groupID(name, "a", "lake"), s.groupID(name, "late", "late")}
			for _, id := range runs {
				eventually(t, id+" ends", func() bool { return s.status(id) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED })
			}
			eventually(t, "the campaign ends", func() bool { return s.status(s.saleID(name)) == way.closed })
			ended := s.starter("campaign", s.id(name), "--run-key", "k", "--wait")
			require.Equal(t, 1, ended.code, "%s\n%s", ended.out, ended.err)
			require.Empty(t, s.keys())
			told := heard()
			require.Len(t, told.Completed, way.told)
			if way.told > 0 {
				require.Equal(t, workflows.Aborted, told.Completed[0].Status)
				for _, group := range told.Completed[0].Groups[:3] {
					require.Equal(t, workflows.Aborted, group.Deliveries[0].Status)
				}
			}
			s.nothingLeft()
		})
	}
}

func TestAWorkerKilledInTheMiddleOfACampaignGoesOnWithIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(200_000))
	g := s.gate("UploadPart", 2)
	s.sale("sale-killed", s.bucket, "")
	heard := s.crm()
	w := s.worker()
	require.Equal(t, 0, s.starter("campaign", s.id("sale-killed"), "--run-key", "k").code)
	eventually(t, "two parts sent", func() bool { return g.answered("UploadPart") >= 2 })
	w.kill()
	g.release()
	s.worker()
	a := s.starter("campaign", s.id("sale-killed"), "--run-key", "k", "--wait", "-o", "json")
	require.Equal(t, 0, a.code, "%s\n%s\n%s", a.out, a.err, s.logs)
	require.Equal(t, 4, campaignOf(t, a).ObjectCount)
	require.Len(t, s.keys(), 8)
	s.sameCSV(s.get(s.id("sale-killed") + "/b.csv"))
	require.Len(t, heard().Completed, 1, "one signal")
	require.Len(t, s.children("sale-killed"), 4)
	s.nothingLeft()
}

func TestACampaignThatItsRequesterMayNotSendIsRefusedWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(10))
	s.sale("sale-refused", s.bucket, "\nusers:\n  - {name: dana, policies: [amp360-user]}\n  - {name: ann, policies: [ampiq-user]}\n  - {name: omar, policies: [datagrid-operator]}")
	s.worker()
	for key, who := range map[string]string{"k": "dana", "k2": "ann"} {
		a := s.starter("campaign", s.id("sale-refused"), "--run-key", key, "--as", who, "--wait")
		require.Equal(t, 3, a.code, "%s: %s\n%s", who, a.out, a.err)
	}
	require.Empty(t, s.children("sale-refused"))

	// The worker decides, not the starter.
	run, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.CampaignID(s.id("sale-refused"), "k3"), TaskQueue: s.name},
		workflows.TypeCampaign, workflows.CampaignInput{Campaign: s.id("sale-refused"), RunKey: "k3", RequestedBy: activities.Requester{Name: "dana"}})
	require.NoError(t, err)
	require.ErrorContains(t, run.Get(t.Context(), nil), "no policy of dana allows to start campaigns")
	for _, key := range []string{"k", "k2", "k3"} {
		_, err := temporal.DescribeWorkflowExecution(t.Context(), workflows.OrchestrationID(groupRun(s.id("sale-refused"), "b", "mail"), key), "")
		var unknown *serviceerror.NotFound
		require.ErrorAs(t, err, &unknown)
	}
	require.Empty(t, s.keys())
	a := s.starter("campaign", s.id("sale-refused"), "--run-key", "k4", "--as", "omar", "--wait", "-o", "json")
	require.Equal(t, 0, a.code, "%s\n%s", a.out, a.err)
	require.Equal(t, []string{s.name + "-crm"}, campaignOf(t, a).NotNotified, "nobody waits for it")
}

func TestTwoRunsOfACampaignNeverDeliverOneGroupAtTheSameTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ overlap, says string }{
		"sale-waits": {"wait", ""}, "sale-refuses": {"refuse", "and overlap is refuse"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.data("data.parquet", nastyRows(100_000))
			g := s.gate("UploadPart", 0)
			s.sale(name, s.bucket, "\n    overlap: "+c.overlap)
			s.worker()
			require.Equal(t, 0, s.starter("campaign", s.id(name), "--run-key", "k").code)
			first := s.groupID(name, "b", "mail")
			eventually(t, "the first uploads", func() bool { return s.knownOf(first).Step == "Upload" })
			second := workflows.OrchestrationID(groupRun(s.id(name), "b", "mail"), "k2")
			if c.says == "" {
				require.Equal(t, 0, s.starter("campaign", s.id(name), "--run-key", "k2").code)
				eventually(t, "the second's group waits", func() bool { return s.knownOf(second).WaitsFor == first })
			} else {
				a := s.starter("campaign", s.id(name), "--run-key", "k2", "--wait")
				require.Equal(t, 1, a.code, "%s\n%s", a.out, a.err)
				require.Contains(t, a.err, s.saleID(name)+", "+c.says)
			}
			g.release()
			require.Equal(t, 0, s.starter("campaign", s.id(name), "--run-key", "k", "--wait").code)
			next := "k2"
			if c.says != "" {
				next = "k3"
			}
			a := s.starter("campaign", s.id(name), "--run-key", next, "--wait")
			require.Equal(t, 0, a.code, "%s\n%s", a.out, a.err)
			after := s.delivering(workflows.OrchestrationID(groupRun(s.id(name), "b", "mail"), next))
			require.False(t, after.from.Before(s.delivering(first).to))
			s.nothingLeft()
		})
	}
}
