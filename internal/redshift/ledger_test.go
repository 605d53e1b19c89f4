package redshift_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/redshift"
)

func TestWhatWasLoadedIntoAnotherTableIsNotDoneForThisOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		table  string
		ledger bool
		passes time.Duration // before it is asked for again, as by a run that was reset
		age    time.Duration // of the second submission
		round  int
		says   string // of where the rows are; empty: it is done
	}{
		"as another round, by the ledger":              {table: "crm.people", ledger: true, passes: time.Minute, round: 1, says: "crm.consign_loads has load " + loadID + " as done, into crm.vips"},
		"after days, by the ledger":                    {table: "crm.people", ledger: true, passes: 100 * time.Hour, says: "into crm.vips"},
		"at once, when the token is another request's": {table: "crm.people", ledger: true, says: "has loaded crm.vips"},
		"after hours, by the statement's name":         {table: "crm.people", ledger: true, passes: 9 * time.Hour, age: 2 * time.Hour, says: "has loaded crm.vips"},
		"without a ledger too":                         {table: "crm.people", passes: 9 * time.Hour, age: 2 * time.Hour, says: "has loaded crm.vips"},
		"nor if it may be the same one":                {table: "vips", ledger: true, passes: time.Minute, round: 1, says: "into crm.vips"},
		"but for the same in capitals, by the ledger":  {table: "CRM.Vips", ledger: true, passes: time.Minute, round: 1},
		"but for the same in capitals, by its name":    {table: "CRM.Vips", ledger: true, passes: 9 * time.Hour, age: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := warehouse(t)
			if !c.ledger {
				o.Ledger = ""
			}
			_, err := do(t, o, load())
			require.NoError(t, err)
			s.Pass(c.passes)
			o.Table = c.table
			l := into(o)
			l.Round, l.Since = c.round, now.Add(c.passes-c.age)
			id, err := client(o).Submit(t.Context(), l, now.Add(c.passes))
			require.NoError(t, err)
			done, err := client(o).Wait(t.Context(), l, id)
			require.EqualValues(t, 7, s.Rows("crm.vips"))
			require.Zero(t, s.Rows(c.table))
			if c.says == "" {
				require.NoError(t, err)
				require.EqualValues(t, 7, done.Rows)
				return
			}
			require.ErrorIs(t, err, redshift.ErrElsewhere)
			require.ErrorContains(t, err, "load into "+c.table)
			require.ErrorContains(t, err, c.says)

			s.Forget(loadID)
			l.Round++
			done, err = do(t, o, l)
			require.NoError(t, err, "somebody has decided")
			require.EqualValues(t, 7, done.Rows)
			require.EqualValues(t, 7, s.Rows(c.table))
		})
	}
}

func TestARunLoadsATableOnceHoweverItCountsItsLoads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second, run, table string
		again                     bool
	}{
		"reset after it was planned anew: its first delivery": {first: "-2/1", second: runID + "-1/1", run: runID, table: "crm.vips", again: true},
		"reset with something before the load":                {first: "-1/1", second: runID + "-1/2", run: runID, table: "crm.vips", again: true},
		"and with the table in capitals":                      {first: "-1/2", second: runID + "-1/1", run: runID, table: "CRM.Vips", again: true},
		"but another table of the run is loaded":              {first: "-1/1", second: runID + "-1/2", run: runID, table: "crm.people"},
		"and the same one by another run":                     {first: "-1/1", second: "another-run-1/1", run: "another-run", table: "crm.vips"},
		"and by one whose id begins in the same way":          {first: "-1/1", second: "0197f3a2-1/1", run: "0197f3a", table: "crm.vips"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := warehouse(t)
			l := load()
			l.ID = runID + c.first
			_, err := do(t, o, l)
			require.NoError(t, err)
			o.Table = c.table
			l = into(o)
			l.ID, l.Run = c.second, c.run
			done, err := do(t, o, l)
			require.NoError(t, err)
			require.EqualValues(t, 7, done.Rows)
			require.Equal(t, c.again, done.Again)
			_, noted := s.Noted(c.second)
			require.Equal(t, !c.again, noted)
			if c.again {
				require.EqualValues(t, 7, s.Rows("crm.vips"), "and not twice as many")
			}
		})
	}
}

// into is the load into the options' table.
func into(o redshift.Options) redshift.Load {
	l := load()
	l.Copy = strings.Replace(l.Copy, `"crm"."vips"`, o.TableSQL(), 1)
	return l
}
