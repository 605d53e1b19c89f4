package plan

import "fmt"

// Alerts are the row counts at which somebody wants to be warned, or nothing to be sent. 0: no alert.
type Alerts struct {
	WarnBelow int64 `json:"warn_below,omitempty"`
	FailBelow int64 `json:"fail_below,omitempty"`
	WarnAbove int64 `json:"warn_above,omitempty"`
	FailAbove int64 `json:"fail_above,omitempty"`
}

// Refuse reports whether there are numbers of rows of which nothing is to be sent.
func (a Alerts) Refuse() bool { return a.FailBelow > 0 || a.FailAbove > 0 }

// Check says what is remarkable about a number of rows: warnings, and an error if nothing is to be sent.
func (a Alerts) Check(rows int64) (warnings []string, err error) {
	switch {
	case a.FailBelow > 0 && rows < a.FailBelow:
		return nil, fmt.Errorf("%d rows are fewer than fail_below, which is %d", rows, a.FailBelow)
	case a.FailAbove > 0 && rows > a.FailAbove:
		return nil, fmt.Errorf("%d rows are more than fail_above, which is %d", rows, a.FailAbove)
	}
	if a.WarnBelow > 0 && rows < a.WarnBelow {
		warnings = append(warnings, fmt.Sprintf("%d rows are fewer than warn_below, which is %d", rows, a.WarnBelow))
	}
	if a.WarnAbove > 0 && rows > a.WarnAbove {
		warnings = append(warnings, fmt.Sprintf("%d rows are more than warn_above, which is %d", rows, a.WarnAbove))
	}
	return warnings, nil
}
