package source

import (
	"cmp"
	"fmt"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// This is the one file that knows how to stream. DuckDB's C API marks its streaming calls as deprecated and offers
// nothing in their place: every other way holds the whole result in memory (four times the memory, two thirds of the
// speed, measured). When there is a successor, only this file changes.

// aheadShare is the part of the engine's memory that rows ahead of the fetching may take.
const aheadShare = 32

// streamAhead is the statement by which a connection's queries may have more rows ready than are fetched. The engine's
// own limit, 976 KiB, is less than 2,048 rows of many tables: its threads then wait for each other at every chunk.
func streamAhead(o Options) string {
	return fmt.Sprintf("SET SESSION streaming_buffer_size = '%dB'", cmp.Or(o.Memory, DefaultMemory)/aheadShare)
}

// startStreaming begins to run a statement whose rows are fetched while it runs.
func startStreaming(statement duck.PreparedStatement) (duck.PendingResult, string) {
	var pending duck.PendingResult
	if duck.PendingPreparedStreaming(statement, &pending) != duck.StateSuccess {
		text := duck.PendingError(pending)
		duck.DestroyPending(&pending)
		return duck.PendingResult{}, text
	}
	return pending, ""
}

// firstRows runs the statement until there are rows to fetch.
func firstRows(pending duck.PendingResult, result *duck.Result) string {
	if duck.ExecutePending(pending, result) != duck.StateSuccess {
		return duck.ResultError(result)
	}
	return ""
}

// fetch returns the next chunk; ok is false at the end, or if text says what went wrong.
func fetch(result *duck.Result) (chunk duck.DataChunk, ok bool, text string) {
	chunk = duck.FetchChunk(*result)
	if chunk.Ptr == nil {
		return chunk, false, duck.ResultError(result)
	}
	return chunk, true, ""
}
