package redshift

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What can become of a load, beside the errors of the API, which are awserror's.
var (
	// ErrFailed: Redshift could not do a statement. The transaction was rolled back: nothing is loaded.
	ErrFailed = errors.New("Redshift could not load, and nothing is loaded") //nolint:staticcheck // a name
	// ErrRows: COPY read another number of rows than were delivered. The transaction was rolled back.
	ErrRows = errors.New("another number of rows than were delivered: rolled back, and nothing is loaded")
	// ErrStopped: somebody cancelled the statement, or Redshift did. The transaction was rolled back.
	ErrStopped = errors.New("the statement was cancelled at Redshift, and nothing is loaded")
	// ErrElsewhere: the load was done, into another table than the one that is asked for now.
	ErrElsewhere = errors.New("its rows were loaded into another table, and none into this one")
	// ErrUncertain: the Data API has forgotten the statement, so nobody here knows what became of it.
	ErrUncertain = errors.New("it cannot be told any more whether the rows are loaded")
)

// How long the Data API remembers.
const (
	// tokenSure is well within the time for which a client token is known (eight hours, it is said). For so long, asking
	// again under the same token answers with the same statement.
	tokenSure = time.Hour
	// remembered is a little less than the 24 hours for which a statement can be found by name:
	// https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
	remembered = 23 * time.Hour
)

// A Load is the objects of one delivery on their way into the table.
type Load struct {
	ID    string    // of the load: the same however often it is asked for
	Run   string    // whose load it is: ids of its loads begin so
	Round int       // how many statements have ended before without loading anything
	Copy  string    // the COPY statement
	Rows  int64     // that were delivered
	Since time.Time // since when this round may have been submitted
}

// A Loaded is a load that is done.
type Loaded struct {
	Rows  int64 // in the table now, by this load
	Query int64 // Redshift's id of the COPY, for its system tables; 0: not known
	Again bool  // it had been loaded before: the ledger has it
}

// name is what the statement is called in the Data API's list.
func (l Load) name() string { return fmt.Sprintf("consign/%s/%d", l.ID, l.Round) }

// token makes two submissions of one round one statement. The Data API takes 64 characters.
func (l Load) token() string {
	sum := sha256.Sum256([]byte(l.name()))
	return hex.EncodeToString(sum[:])
}

// The parts of a load's transaction.
type part int

const (
	partLock part = iota // keeps two loads from looking into the ledger at the same time
	partLook             // fails if the ledger cannot be read
	partOnce             // fails if the ledger has the load
	partCopy
	partCount // how many rows COPY has read: for a COPY, the Data API itself answers 0
	partRows  // fails if they are not those that were delivered
	partNote  // writes the load into the ledger
)

// String is what an error calls the part.
func (p part) String() string {
	return [...]string{"LOCK of the ledger", "look into the ledger", "look into the ledger", "COPY", "count of the rows", "count of the rows", "INSERT into the ledger"}[p]
}

// A statement is one part as SQL.
type statement struct {
	part part
	sql  string
}

// statements is the load's transaction. There is no IF in it, so what must hold is divided by: a division by zero ends
// the transaction, and by its place in the list one sees why.
func (o Options) statements(l Load) []statement {
	list := []statement{
		{partCopy, strings.TrimSuffix(strings.TrimSpace(l.Copy), ";")},
		{partCount, "SELECT pg_last_copy_count()"},
		{partRows, fmt.Sprintf("SELECT 1 / CASE WHEN pg_last_copy_count() = %d THEN 1 ELSE 0 END", l.Rows)},
	}
	ledger, kept := quoted(o.Ledger)
	if !kept {
		return list
	}
	list = append([]statement{
		{partLock, "LOCK " + ledger},
		{partLook, o.lookSQL("loaded_rows", l)},
		{partOnce, o.lookSQL("1 / CASE WHEN count(*) = 0 THEN 1 ELSE 0 END", l)},
	}, list...)
	return append(list, statement{partNote, fmt.Sprintf(
		"INSERT INTO %s (load_id, loaded_into, loaded_rows, loaded_at) VALUES (%s, %s, %d, GETDATE())", ledger, text(l.ID), text(o.Table), l.Rows)})
}
