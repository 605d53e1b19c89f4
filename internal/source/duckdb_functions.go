package source

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// allowedFunctions are the engine's table functions that a query may call. Some of the others change the engine (a
// profile written to a file ends the whole process, because writing is locked), and some run a text as SQL, which
// cannot be looked into. Those that read files are here because the engine itself limits them to the tables' files.
var allowedFunctions = []string{
	"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
	"read_parquet", "parquet_scan", "read_csv", "read_csv_auto", "read_text", "read_blob",
	"read_json", "read_json_auto", "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto", "read_ndjson_objects",
}

// builtIn is what refusedFunctions has found out: the functions that the engine itself has are the same in every engine
// of this process, and asking for them takes half as long as all else that an engine needs to start.
var builtIn struct {
	sync.Mutex
	refused map[string]bool // never changed once it is there
}

// refusedFunctions asks the engine for its table functions, and returns those that are not allowed. Functions that
// later versions of it add are refused until somebody has looked at them.
func refusedFunctions(ctx context.Context, conn duck.Connection) (map[string]bool, string) {
	builtIn.Lock()
	defer builtIn.Unlock()
	if builtIn.refused != nil {
		return builtIn.refused, ""
	}
	var names []string
	if text := run(ctx, conn, "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE internal AND function_type = 'table'", &names); text != "" {
		return nil, text
	}
	refused := make(map[string]bool, len(names))
	for _, name := range names {
		refused[name] = true
	}
	for _, name := range allowedFunctions {
		delete(refused, name)
	}
	builtIn.refused = refused
	return refused, ""
}

// checkFunctions parses the SQL with the engine's own parser, and refuses what is no select statement or calls a
// function of the refused. Nothing is bound or run.
func (q *query) checkFunctions(ctx context.Context) error {
	var trees []string
	if text := run(ctx, q.conn, "SELECT json_serialize_sql("+quoteText(q.sql)+")::VARCHAR", &trees); text != "" || len(trees) != 1 {
		return fmt.Errorf("%w: it cannot be parsed", ErrQuery)
	}
	var tree struct {
		Error      bool `json:"error"`
		Statements any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(trees[0]), &tree); err != nil {
		return fmt.Errorf("%w: its syntax tree cannot be read: %w", ErrQuery, err)
	}
	if tree.Error {
		return errNoSelect()
	}
	if name := calls(tree.Statements, q.engine.refused); name != "" {
		return fmt.Errorf("%w: queries may not call %s", ErrQuery, name)
	}
	return nil
}

func errNoSelect() error {
	return fmt.Errorf("%w: only a SELECT may be run; queries read, and change nothing", ErrQuery)
}

// calls returns the first function of the set that the syntax tree calls.
func calls(tree any, set map[string]bool) string {
	switch node := tree.(type) {
	case []any:
		for _, child := range node {
			if name := calls(child, set); name != "" {
				return name
			}
		}
	case map[string]any:
		if name, ok := node["function_name"].(string); ok && set[strings.ToLower(name)] {
			return name
		}
		for _, child := range node {
			if name := calls(child, set); name != "" {
				return name
			}
		}
	}
	return ""
}
