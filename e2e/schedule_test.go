package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

// scheduling configures a site with orchestrations of one query. Users are configured, whom a schedule does not ask.
func (s *site) scheduling(orchestrations string) {
	s.t.Helper()
	s.configure(`
sources: [{name: data, type: duckdb, tables: [{name: rows, files: rows.parquet}]}]
queries: [{name: all, source: data, sql: SELECT * FROM rows}]
destinations:` + s.destination("acme", "platform", "prefix: in, file_format: csv, success_file: true") + `
data_templates: [{name: acme, destination: acme, settings: {filename: "{{orchestration_name}}_{{now|format:'yyyy-MM-dd_HHmm'}}.csv"}}]
users: [{name: dana, policies: [amp360-user]}]
orchestrations:
` + orchestrations)
}

func newScheduling(t *testing.T, orchestrations string) *site {
	t.Helper()
	s := newSite(t)
	s.data("rows.parquet", "SELECT i AS id FROM range(100) t(i)")
	s.scheduling(orchestrations)
	return s
}

const nightly = `  - {name: "nightly-{site}", query: all, data_template: acme, schedule: {cron: "30 6 * * *", time_zone: America/Los_Angeles, pause: true}}`

func (s *site) apply() string {
	s.t.Helper()
	a := s.starter("schedule", "apply")
	require.Equal(s.t, 0, a.code, a.err)
	return a.out
}

func (s *site) schedule() client.ScheduleHandle {
	return temporal.ScheduleClient().GetHandle(s.t.Context(), "consign/send/"+s.id("nightly"))
}

// backfill has the schedule do what it would have done in a time of the past.
func (s *site) backfill(from, to time.Time) {
	s.t.Helper()
	require.NoError(s.t, s.schedule().Backfill(s.t.Context(), client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{Start: from, End: to}}}))
}

// fired waits for the next ScheduledSend that the schedule starts after those that are known, and returns how it ended.
func (s *site) fired(known int) (at time.Time, started workflows.Scheduled, err error) {
	s.t.Helper()
	var action client.ScheduleActionResult
	eventually(s.t, "the schedule starts something", func() bool {
		is, err := s.schedule().Describe(s.t.Context())
		require.NoError(s.t, err)
		if len(is.Info.RecentActions) <= known {
			return false
		}
		action = is.Info.RecentActions[known]
		return true
	})
	run := action.StartWorkflowResult
	err = temporal.GetWorkflow(s.t.Context(), run.WorkflowID, run.FirstExecutionRunID).Get(s.t.Context(), &started)
	return action.ScheduleTime, started, err
}

func (s *site) sentBy(started workflows.Scheduled) workflows.Completion {
	s.t.Helper()
	var c workflows.Completion
	require.NoError(s.t, temporal.GetWorkflow(s.t.Context(), started.WorkflowID, "").Get(s.t.Context(), &c))
	return c
}

func TestAScheduleDeliversTheRunOfItsTimeOnce(t *testing.T) {
	t.Parallel()
	s := newScheduling(t, nightly)
	s.worker()
	require.Contains(t, s.apply(), "1 created")
	require.Contains(t, s.apply(), "nothing to do")

	friday := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC) // half past six in Los Angeles
	s.backfill(friday.Add(-time.Hour), friday.Add(25*time.Hour))
	for i, want := range []time.Time{friday, friday.AddDate(0, 0, 1)} {
		_, started, err := s.fired(i)
		require.NoError(t, err)
		require.True(t, started.Started)
		require.Equal(t, want.Format(time.RFC3339), started.RunKey)
		require.Equal(t, workflows.OrchestrationID(s.id("nightly"), want.Format(time.RFC3339)), started.WorkflowID)
		c := s.sentBy(started)
		require.Equal(t, "in/"+s.id("nightly")+want.Format("_2006-01-02_1504")+".csv", c.Objects[0].Key)
		require.EqualValues(t, 100, c.Rows)
	}
	keys := s.keys()
	require.Len(t, keys, 4, "two files, each with its .DONE")

	// The same time is the same run, though it is over.
	s.backfill(friday, friday)
	_, again, err := s.fired(2)
	require.NoError(t, err)
	require.False(t, again.Started)
	require.Equal(t, s.id("nightly")+"/"+friday.Format(time.RFC3339), again.WorkflowID[len("send/"):])
	require.Equal(t, keys, s.keys())
	s.nothingLeft()
}

// TestAScheduleStartsACampaignWhoseGroupsAreOfItsTime also sends the kept files of one of its groups again.
func TestAScheduleStartsACampaignWhoseGroupsAreOfItsTime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.sale("sale", s.bucket, `
    schedule: {cron: "30 6 * * *", time_zone: America/Los_Angeles, pause: true}`)
	s.edit("host_timeout: 20s", "host_timeout: 20s, keep: 1h")
	s.worker()
	require.Contains(t, s.apply(), "1 created")
	friday := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	key := friday.Format(time.RFC3339)
	schedule := temporal.ScheduleClient().GetHandle(t.Context(), "consign/campaign/"+s.id("sale"))
	require.NoError(t, schedule.Backfill(t.Context(), client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{Start: friday, End: friday}}}))
	id := workflows.CampaignID(s.id("sale"), key)
	eventually(t, "the schedule starts the campaign", func() bool {
		_, err := temporal.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil
	})
	var c workflows.CampaignCompletion
	require.NoError(t, temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), &c))
	require.Equal(t, key, c.RunKey)
	require.EqualValues(t, 50+50+100+50, c.Rows)
	require.Len(t, c.Groups, 4)
	delivered := s.sums()
	for _, d := range c.Groups[0].Deliveries {
		require.Equal(t, key, d.RunKey)
	}

	group := groupRun(s.id("sale"), "b", "mail") + "/" + key
	again := s.redeliver(group)
	require.Equal(t, workflows.RedeliveryID("send/"+group, 2), again.WorkflowID)
	require.Equal(t, s.id("sale"), again.Campaign)
	require.Equal(t, "b", again.Group)
	require.Equal(t, delivered, s.sums(), "the same bytes, in the same place")
}

func TestATriggerIsARunOfItsMomentByTheConfigurationOfItsMoment(t *testing.T) {
	t.Parallel()
	s := newScheduling(t, nightly)
	s.worker()
	s.apply()
	s.data("rows.parquet", "SELECT i AS id FROM range(7) t(i)")
	require.NoError(t, s.schedule().Trigger(t.Context(), client.ScheduleTriggerOptions{}), "also of a schedule that is paused")
	at, started, err := s.fired(0)
	require.NoError(t, err)
	require.True(t, started.Started)
	require.Equal(t, at.UTC().Truncate(time.Second), started.At)
	c := s.sentBy(started)
	require.EqualValues(t, 7, c.Rows)
	require.Equal(t, started.At.Format(time.RFC3339), c.RunKey)
	require.Equal(t, "in/"+s.id("nightly")+started.At.Format("_2006-01-02_1504")+".csv", c.Objects[0].Key)
}

func TestALeftOverScheduleFailsAndIsDeleted(t *testing.T) {
	t.Parallel()
	s := newScheduling(t, nightly)
	s.worker()
	s.apply()
	s.scheduling(`  - {name: "another-{site}", query: all, data_template: acme}`)
	require.NoError(t, s.schedule().Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	_, _, err := s.fired(0)
	var failed *sdk.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, activities.TypeNotScheduled, failed.Type())
	require.Contains(t, failed.Message(), `there is no orchestration "`+s.id("nightly")+`"`)
	require.Contains(t, failed.Message(), "starter schedule apply")
	require.Empty(t, s.keys())
	eventually(t, "it is listed", func() bool {
		a := s.starter("schedule", "apply", "--dry-run")
		require.Equal(t, 0, a.code, a.err)
		return a.out != "nothing to do: 0 schedules as the configuration says\n"
	})
	require.Contains(t, s.apply(), "1 deleted")
	_, err = s.schedule().Describe(t.Context())
	require.Error(t, err)
}
