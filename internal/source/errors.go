package source

import "errors"

// What goes wrong with a source. Errors name files, positions in the SQL, rows and columns, never a cell's value.
var (
	// ErrQuery: the query is wrong, or asks for what queries may not do. Only its author can mend it.
	ErrQuery = errors.New("the query cannot be run")
	// ErrData: a value in the data does not fit what the query does with it (a cast, a division, a date format).
	ErrData = errors.New("a value does not fit the query")
	// ErrUnsupportedType: a column has a type that no file can hold; the message has the cast to write.
	ErrUnsupportedType = errors.New("unsupported column type")
	// ErrUnreadable: a file of the source is missing, damaged, or may not be read.
	ErrUnreadable = errors.New("the source cannot be read")
	// ErrChanged: a file of the source was written or replaced while it was read, so that the rows may be of before and after.
	ErrChanged = errors.New("a file of the source changed while it was read")
	// ErrUnreachable: the source's server does not answer, or ends the connection. It may do so later.
	ErrUnreachable = errors.New("the source cannot be reached")
	// ErrLogin: the source's server does not accept the user, the password or the database's name.
	ErrLogin = errors.New("the source refuses the login")
	// ErrTimeout: the query took longer than statement_timeout, or somebody cancelled it at the server, which says the same.
	ErrTimeout = errors.New("the query took longer than statement_timeout, or somebody cancelled it at the source")
	// ErrOutOfMemory: the query needs more memory than the engine may use, even with what it can spill. It may be gone at the
	// next try: what the engine's threads hold at one moment differs.
	ErrOutOfMemory = errors.New("the query needs more memory")
	// ErrNoSpace: there is no room for what the query spills.
	ErrNoSpace = errors.New("no space left for the query's temporary files")
	// ErrClosed: the source or the result was closed before.
	ErrClosed = errors.New("the source is closed")
	// ErrEngine: the engine failed in a way that it does not blame on the query or the data.
	ErrEngine = errors.New("the query engine failed")
)
