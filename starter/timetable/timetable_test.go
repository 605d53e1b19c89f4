package timetable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"consign/internal/config"
	"consign/workflows"
)

func TestApplyingTwiceFindsNothingToDo(t *testing.T) {
	t.Parallel()
	one, two := entry("twice-a", "0 6 * * MON", "America/Los_Angeles"), entry("twice b", "*/15 8-18 * * mon-fri", "")
	three := Entry{workflows.ScheduledInput{Campaign: "Twice Sale"}, &config.Schedule{Cron: "0 9 1 * *", TimeZone: "Europe/Berlin", Jitter: time.Minute, CatchUp: time.Hour, Pause: true}}
	first := apply(t, "twice", one, two, three)
	require.Len(t, first.Changes, 3)
	for _, c := range first.Changes {
		require.Equal(t, Create, c.Do)
	}
	second := apply(t, "twice", one, two, three)
	require.Empty(t, second.Changes)
	require.Equal(t, 3, second.Unchanged)
	require.Empty(t, second.Kept)
}

func TestAScheduleIsMadeAsItWasMeant(t *testing.T) {
	t.Parallel()
	e := Entry{workflows.ScheduledInput{Campaign: "Meant Sale"}, &config.Schedule{Cron: "0 9 1 * *", TimeZone: "Europe/Berlin", Jitter: time.Minute, CatchUp: time.Hour, Pause: true}}
	apply(t, "meant", e)
	is := describe(t, e)
	require.Equal(t, "Europe/Berlin", is.Schedule.Spec.TimeZoneName)
	require.Equal(t, time.Minute, is.Schedule.Spec.Jitter)
	require.Equal(t, "0 9 1 * *", is.Schedule.Spec.Calendars[0].Comment)
	require.Equal(t, client.SchedulePolicies{Overlap: enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL, CatchupWindow: time.Hour}, *is.Schedule.Policy)
	require.Equal(t, client.ScheduleState{Paused: true, Note: pausedByUs}, *is.Schedule.State)
	action := is.Schedule.Action.(*client.ScheduleWorkflowAction)
	require.Equal(t, workflows.TypeScheduledSend, action.Workflow)
	require.Equal(t, "scheduled/campaign/Meant Sale", action.ID)
	require.Equal(t, "meant", action.TaskQueue)
	require.JSONEq(t, `{"campaign": "Meant Sale"}`, text(action.Args))
}

func TestEveryDifferenceIsShownAndMended(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*config.Schedule)
		want   Difference
	}{
		"cron":     {func(s *config.Schedule) { s.Cron = "0 7 * * MON-WED,SUN" }, Difference{"cron", "0 6 * * 1", "0 7 * * 0-3"}},
		"zone":     {func(s *config.Schedule) { s.TimeZone = "Europe/Berlin" }, Difference{"time_zone", "America/Los_Angeles", "Europe/Berlin"}},
		"jitter":   {func(s *config.Schedule) { s.Jitter = time.Minute }, Difference{"jitter", "0s", "1m0s"}},
		"catch-up": {func(s *config.Schedule) { s.CatchUp = time.Hour }, Difference{"catch_up", "24h0m0s", "1h0m0s"}},
		"pause":    {func(s *config.Schedule) { s.Pause = true }, Difference{"pause", "false", "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := entry("differs-"+name, "0 6 * * MON", "America/Los_Angeles")
			apply(t, e.Orchestration, e)
			c.change(e.Schedule)
			table := apply(t, e.Orchestration, e)
			require.Len(t, table.Changes, 1)
			require.Equal(t, Update, table.Changes[0].Do)
			require.Equal(t, []Difference{c.want}, table.Changes[0].Differences)
			require.Empty(t, apply(t, e.Orchestration, e).Changes)
		})
	}
}

// TestWhatSomebodyChangedInTemporalIsChangedBack leaves alone only a pause.
func TestWhatSomebodyChangedInTemporalIsChangedBack(t *testing.T) {
	t.Parallel()
	e := entry("by-hand", "0 6 * * MON", "UTC")
	apply(t, "by-hand", e)
	require.NoError(t, handle(t, e).Update(t.Context(), client.ScheduleUpdateOptions{DoUpdate: func(is client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		s := is.Description.Schedule
		s.Spec.Intervals = []client.ScheduleIntervalSpec{{Every: time.Hour}}
		s.Spec.EndAt = day("2030-01-01")
		s.Spec.Calendars[0].Year = []client.ScheduleRange{{Start: 2027, End: 2028}}
		s.State.LimitedActions, s.State.RemainingActions = true, 3
		s.Policy.Overlap, s.Policy.PauseOnFailure = enums.SCHEDULE_OVERLAP_POLICY_SKIP, true
		s.Action.(*client.ScheduleWorkflowAction).TaskQueue = "elsewhere"
		return &client.ScheduleUpdate{Schedule: &s}, nil
	}}))
	eventually(t, func() bool { return describe(t, e).Schedule.State.LimitedActions })
	table := apply(t, "by-hand", e)
	require.Len(t, table.Changes, 1)
	require.Equal(t, []Difference{
		{"cron", "0 6 * * 1 in the years 2027-2028", "0 6 * * 1"},
		{"overlap", "Skip", "BufferAll"},
		{"pause on failure", "true", "false"},
		{"starts", `ScheduledSend{"orchestration":"by-hand"} as scheduled/send/by-hand on elsewhere`, `ScheduledSend{"orchestration":"by-hand"} as scheduled/send/by-hand on by-hand`},
		{"limits", "1 intervals, not after 2030-01-01T00:00:00Z, 3 starts left", "none"},
	}, table.Changes[0].Differences)
	require.Empty(t, apply(t, "by-hand", e).Changes)
}

func TestAPauseBelongsToWhoHasPaused(t *testing.T) {
	t.Parallel()
	e := entry("pauses", "0 6 * * MON", "UTC")
	apply(t, "pauses", e)
	state := func() client.ScheduleState { return *describe(t, e).Schedule.State }

	// A person's pause stays, and is told of, also when something else is changed.
	require.NoError(t, handle(t, e).Pause(t.Context(), client.SchedulePauseOptions{Note: "acme is on holiday"}))
	eventually(t, func() bool { return state().Paused }) // Temporal answers before it has done so
	table := apply(t, "pauses", e)
	require.Empty(t, table.Changes)
	require.Equal(t, []Kept{{Schedule: "consign/send/pauses", Orchestration: "pauses", Note: "acme is on holiday"}}, table.Kept)
	e.Cron = "0 7 * * MON"
	table = apply(t, "pauses", e)
	require.Len(t, table.Changes, 1)
	require.Len(t, table.Kept, 1)
	require.Equal(t, client.ScheduleState{Paused: true, Note: "acme is on holiday"}, state())

	// Nor does the configuration take it over: it stays the person's when the configuration pauses and resumes.
	e.Pause = true
	table = apply(t, "pauses", e)
	require.Empty(t, table.Changes)
	require.Empty(t, table.Kept)
	e.Pause = false
	require.Len(t, apply(t, "pauses", e).Kept, 1)
	require.True(t, state().Paused)

	// The configuration resumes what it has paused, and pauses again what a person has resumed.
	require.NoError(t, handle(t, e).Unpause(t.Context(), client.ScheduleUnpauseOptions{Note: "back"}))
	eventually(t, func() bool { return !state().Paused })
	e.Pause = true
	require.Equal(t, []Difference{{"pause", "false", "true"}}, apply(t, "pauses", e).Changes[0].Differences)
	require.NoError(t, handle(t, e).Unpause(t.Context(), client.ScheduleUnpauseOptions{Note: "just once"}))
	eventually(t, func() bool { return !state().Paused })
	require.Equal(t, []Difference{{"pause", "false", "true"}}, apply(t, "pauses", e).Changes[0].Differences)
	e.Pause = false
	require.Equal(t, []Difference{{"pause", "true", "false"}}, apply(t, "pauses", e).Changes[0].Differences)
	require.Equal(t, client.ScheduleState{}, state())
}

func TestOnlyOurOwnAreDeleted(t *testing.T) {
	t.Parallel()
	mine, theirs, gone := entry("mine", "0 6 * * *", "UTC"), entry("theirs", "0 6 * * *", "UTC"), entry("gone", "0 6 * * *", "UTC")
	apply(t, "own", mine, gone)
	apply(t, "another", theirs)
	for _, id := range []string{"consign/send/by-a-person", "nightly", "consign/other/x"} {
		create(t, client.ScheduleOptions{ID: id, Memo: map[string]any{"by": "hand"}})
	}
	eventually(t, func() bool { // all are listed
		table, err := Look(t.Context(), temporal.ScheduleClient(), nil, "own")
		require.NoError(t, err)
		return len(table.Changes) == 2
	})
	table := apply(t, "own", mine)
	require.Equal(t, []Change{{Do: Delete, Schedule: "consign/send/gone", Orchestration: "gone"}}, table.Changes)
	require.Empty(t, apply(t, "own", mine).Changes, "also while it is still listed")
	require.Len(t, apply(t, "own").Changes, 1)
	describe(t, theirs)
	for _, id := range []string{"consign/send/by-a-person", "nightly", "consign/other/x"} {
		_, err := temporal.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
		require.NoError(t, err)
	}
}

func TestSomebodyElsesScheduleOfThatNameIsRefused(t *testing.T) {
	t.Parallel()
	e := entry("taken", "0 6 * * *", "UTC")
	apply(t, "first", e)
	_, err := Look(t.Context(), temporal.ScheduleClient(), []Entry{e}, "second")
	require.ErrorIs(t, err, ErrForeign)
	require.ErrorContains(t, err, "consign/send/taken, which belongs to the configuration with the task queue first")
	create(t, client.ScheduleOptions{ID: "consign/send/by-nobody"})
	_, err = Look(t.Context(), temporal.ScheduleClient(), []Entry{entry("by-nobody", "0 6 * * *", "UTC")}, "q")
	require.ErrorIs(t, err, ErrForeign)
}

func TestTheConfigurationsOrderIsKept(t *testing.T) {
	t.Parallel()
	s := &config.Schedule{Cron: "0 6 * * *"}
	wanted := Wanted(&config.Config{
		Orchestrations: []config.Orchestration{{Name: "b", Schedule: s}, {Name: "by hand"}, {Name: "a", Schedule: s}},
		Campaigns:      []config.Campaign{{Name: "Sale", Schedule: s}, {Name: "none"}},
	})
	var ids []string
	for _, e := range wanted {
		ids = append(ids, e.id())
		in, ok := named(e.id())
		require.True(t, ok)
		require.Equal(t, e.ScheduledInput, in)
	}
	require.Equal(t, []string{"consign/send/b", "consign/send/a", "consign/campaign/Sale"}, ids)
	for _, id := range []string{"", "consign/", "consign/send/", "consign/other/x", "send/x", "nightly"} {
		_, ok := named(id)
		require.False(t, ok, id)
	}
}
