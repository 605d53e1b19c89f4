package plan

import (
	"errors"
	"time"

	"consign/internal/config"
	"consign/internal/table"
)

// ErrRefused is wrapped by the error about a requester who may not start the run. Nothing but another requester, or
// another configuration, changes that.
var ErrRefused = errors.New("refused")

// ErrConfiguration is wrapped by every other error of Make: the run cannot be planned with the configuration as it is.
var ErrConfiguration = errors.New("the run cannot be planned")

// Request says which run to plan.
type Request struct {
	Orchestration string // or, of a campaign's group, the run's own name
	Campaign      string
	Group         string
	DataTemplate  string // of the group, which may have several
	RunKey        string
	RunID         string
	Now           time.Time
	RequestedBy   string // the name of a user; empty: nobody in particular
}

// QueryOf finds the query that the run of the request will ask.
func QueryOf(c *config.Config, r Request) (*config.Query, error) {
	return nil, ErrConfiguration
}

// Make resolves everything that the run will do. The schema is the query's, as its source has described it.
func Make(c *config.Config, r Request, schema table.Schema) (*Plan, error) {
	return nil, ErrConfiguration
}
