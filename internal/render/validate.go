package render

import "consign/internal/problem"

// Validate returns what is wrong with the options. Open settings are not a problem: a destination is checked alone.
func (o Options) Validate() problem.List { return nil }
