package activities

import (
	"context"
	"errors"
	"fmt"

	"consign/internal/access"
	"consign/internal/config"
)

// BySchedule is who asks for a run that a schedule starts.
const BySchedule = access.Schedule

// ErrNotScheduled is wrapped if the configuration has nothing that a schedule starts.
var ErrNotScheduled = errors.New("not scheduled in the configuration")

// LookUpInput says what a schedule starts: an orchestration or a campaign.
type LookUpInput struct {
	Orchestration string `json:"orchestration,omitempty"`
	Campaign      string `json:"campaign,omitempty"`
}

// LookUpResult is empty: what is there is there.
type LookUpResult struct{}

// LookUp reads the configuration afresh and sees that what a schedule starts is still there, with a schedule. Temporal's
// schedules are made equal to the configuration when somebody says so, which may be later than the configuration.
func (s *Steps) LookUp(ctx context.Context, in LookUpInput) (_ LookUpResult, err error) {
	defer s.fail(ctx, "LookUp", &err)
	_, end := watched(ctx, "LookUp")
	defer end()
	c, err := s.options.Config()
	if err != nil {
		return LookUpResult{}, err
	}
	return LookUpResult{}, scheduled(c, in)
}

func scheduled(c *config.Config, in LookUpInput) error {
	what, name := "orchestration", in.Orchestration
	var schedule *config.Schedule
	var err error
	if in.Campaign == "" {
		var o *config.Orchestration
		if o, err = c.Orchestration(name); err == nil {
			schedule = o.Schedule
		}
	} else {
		what, name = "campaign", in.Campaign
		var o *config.Campaign
		if o, err = c.Campaign(name); err == nil {
			schedule = o.Schedule
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: there is no %s %q", ErrNotScheduled, what, name)
	case schedule == nil:
		return fmt.Errorf("%w: the %s %q is there, without a schedule", ErrNotScheduled, what, name)
	}
	return nil
}
