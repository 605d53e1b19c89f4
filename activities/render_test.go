package activities

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
	"consign/internal/plan"
)

// counted plans a delivery of so many rows as one plain file.
func counted(t *testing.T, rows int) *fusing {
	t.Helper()
	dir := t.TempDir()
	openDuckDB(t).exec(t, fmt.Sprintf("COPY (SELECT i AS id FROM range(%d) t(i)) TO %s", rows, literal(filepath.Join(dir, "small.parquet"))))
	return newFusing(t, dir, archive.None, "none", "nobody")
}

// idle says that nothing of a Render holds up the next one: neither a place, nor an engine.
func (f *fusing) idle(t *testing.T) {
	t.Helper()
	require.Empty(t, f.steps.rendering, "others wait for its place")
	require.NoError(t, f.steps.options.Pool.Close())
	left, err := os.ReadDir(f.host.Spill())
	require.NoError(t, err)
	require.Empty(t, left, "its engine is not given back")
}

func TestTheNumberOfRowsDecidesWhatIsDelivered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows     int
		onEmpty  string
		alerts   plan.Alerts
		files    int
		warnings []string
		kind     string // of the failure
		says     string
	}{
		"some":                         {rows: 3, onEmpty: "write", files: 1},
		"some, where none are skipped": {rows: 3, onEmpty: "skip", files: 1},
		"some, where none fail":        {rows: 3, onEmpty: "fail", files: 1},
		"none":                         {onEmpty: "write", files: 1},
		"none, which are skipped":      {onEmpty: "skip"},
		"none, which fail":             {onEmpty: "fail", kind: "EmptyResult", says: "query small: the query returned no rows"},
		"as few as may be":             {rows: 3, alerts: plan.Alerts{FailBelow: 3, WarnBelow: 3}, files: 1},
		"fewer": {
			rows: 3, alerts: plan.Alerts{FailBelow: 4}, kind: "RowCountAlert",
			says: "query small: row count refused by an alert: 3 rows are fewer than fail_below, which is 4",
		},
		"so few that somebody is warned": {
			rows: 3, alerts: plan.Alerts{WarnBelow: 4}, files: 1, warnings: []string{"3 rows are fewer than warn_below, which is 4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := counted(t, c.rows)
			in := f.renderInput(true)
			in.OnEmpty, in.Alerts = c.onEmpty, c.alerts
			value, err := f.env.ExecuteActivity(f.steps.Render, in)
			f.idle(t)
			if c.kind != "" {
				require.Equal(t, c.kind, typeOf(t, err))
				require.True(t, parks(t, err), "no retry makes other rows")
				require.ErrorContains(t, err, c.says)
				require.NoDirExists(t, filepath.Join(f.host.Dir(), "runs", "r"))
				return
			}
			require.NoError(t, err)
			var got RenderResult
			require.NoError(t, value.Get(&got))
			require.Equal(t, c.files, got.Files)
			require.EqualValues(t, c.rows, got.Rows)
			require.Equal(t, c.files == 0, got.Empty)
			require.Equal(t, c.warnings, got.Warnings)
			require.Equal(t, f.host.ID(), got.Host)
		})
	}
}

// The answer to a Render may get lost, and the source be another when it is asked again.
func TestAFinishedRenderIsFoundAndHasItsPlace(t *testing.T) {
	t.Parallel()
	f := counted(t, 3)
	first := do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(true))
	require.True(t, f.host.Leased(f.run))
	require.NoError(t, f.host.Release(f.run))
	require.NoError(t, os.Remove(filepath.Join(f.dir, "small.parquet")))
	require.Equal(t, first, do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(true)))
	require.True(t, f.host.Leased(f.run))
}

// TestARenderThatFailsHoldsUpNoOther: as many may run at once as there are engines, and others wait for them.
func TestARenderThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*testing.T, *fusing, *RenderInput)
		kind  string
	}{
		"a query that was changed":      {func(_ *testing.T, _ *fusing, in *RenderInput) { in.Query.Digest = "of another" }, "PlanStale"},
		"a query that cannot be run":    {asking("SELECT nothing FROM small"), "QueryFailed"},
		"a query that fails on its way": {asking("SELECT CASE WHEN id < 2 THEN id ELSE error('no') END AS id FROM small"), "QueryFailed"},
		"a source that is gone": {func(t *testing.T, f *fusing, _ *RenderInput) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(f.dir, "small.parquet")))
		}, "SourceUnreadable"},
		"other columns": {func(_ *testing.T, _ *fusing, in *RenderInput) { in.Columns = []plan.Column{{Name: "email"}} }, "PlanStale"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := counted(t, 3)
			in := f.renderInput(true)
			c.spoil(t, f, &in)
			_, err := f.env.ExecuteActivity(f.steps.Render, in)
			require.Equal(t, c.kind, typeOf(t, err))
			require.True(t, parks(t, err))
			require.NoDirExists(t, filepath.Join(f.host.Dir(), "runs", "r"))
			f.idle(t)
		})
	}
}

func asking(sql string) func(*testing.T, *fusing, *RenderInput) {
	return func(t *testing.T, f *fusing, in *RenderInput) {
		t.Helper()
		f.asks(t, in, sql)
	}
}

// asks has another query planned.
func (f *fusing) asks(t *testing.T, in *RenderInput, sql string) {
	t.Helper()
	f.config(t).Queries[0].SQL = sql
	in.Query.Digest = plan.Digest(sql)
}

// TestARenderThatFailsLateTakesBackWhatItHasSent: a source may fail when most of the file is in the bucket already.
func TestARenderThatFailsLateTakesBackWhatItHasSent(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	in := e.input()
	e.asks(t, &in, "SELECT CASE WHEN i < 3000000 THEN i ELSE error('no') END AS id FROM range(3000001) t(i)")
	_, err := e.env.ExecuteActivity(e.steps.Render, in)
	require.Equal(t, "QueryFailed", typeOf(t, err))
	require.Empty(t, e.open(t))
	require.NoDirExists(t, filepath.Join(e.host.Dir(), "runs", "r"))
	e.idle(t)
}
