// Package lib has the result codes that Temporal's plugin knows.
package lib

// Result codes: https://www.sqlite.org/rescode.html
const (
	SQLITE_CONSTRAINT            = 19
	SQLITE_CONSTRAINT_PRIMARYKEY = 1555
	SQLITE_CONSTRAINT_UNIQUE     = 2067
)
