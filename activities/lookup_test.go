package activities

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/internal/config"
)

func TestOnlyWhatTheConfigurationSchedulesIsStartedByASchedule(t *testing.T) {
	t.Parallel()
	c := &config.Config{
		Orchestrations: []config.Orchestration{{Name: "weekly", Schedule: &config.Schedule{}}, {Name: "by hand"}},
		Campaigns:      []config.Campaign{{Name: "Sale", Schedule: &config.Schedule{Pause: true}}, {Name: "weekly"}},
	}
	for name, test := range map[string]struct {
		in   LookUpInput
		says string
	}{
		"an orchestration":            {LookUpInput{Orchestration: "weekly"}, ""},
		"a campaign that pauses":      {LookUpInput{Campaign: "Sale"}, ""},
		"an orchestration by hand":    {LookUpInput{Orchestration: "by hand"}, `not scheduled in the configuration: the orchestration "by hand" is there, without a schedule`},
		"a campaign by hand":          {LookUpInput{Campaign: "weekly"}, `not scheduled in the configuration: the campaign "weekly" is there, without a schedule`},
		"an orchestration that is no": {LookUpInput{Orchestration: "Sale"}, `not scheduled in the configuration: there is no orchestration "Sale"`},
		"a campaign that is no":       {LookUpInput{Campaign: "gone"}, `not scheduled in the configuration: there is no campaign "gone"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(Options{Config: func() (*config.Config, error) { return c, nil }})
			_, err := newEnvironment(s).ExecuteActivity(s.LookUp, test.in)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
			var application *temporal.ApplicationError
			require.ErrorAs(t, err, &application)
			require.Equal(t, TypeNotScheduled, application.Type())
			require.True(t, application.NonRetryable())
		})
	}
}

func TestAConfigurationThatCannotBeReadIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := New(Options{Config: func() (*config.Config, error) { return nil, errors.New("disk on fire") }})
	_, err := newEnvironment(s).ExecuteActivity(s.LookUp, LookUpInput{Orchestration: "weekly"})
	var application *temporal.ApplicationError
	require.ErrorAs(t, err, &application)
	require.False(t, application.NonRetryable())
}
