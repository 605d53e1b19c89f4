package source

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
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
// later versions of it add are refused until somebody has looked at them. What is asked for here is the engine's own, and not
// a macro of the database that is called so.
func refusedFunctions(ctx context.Context, conn duck.Connection) (map[string]bool, string) {
	builtIn.Lock()
	defer builtIn.Unlock()
	if builtIn.refused != nil {
		return builtIn.refused, ""
	}
	var names []string
	if text := run(ctx, conn, "SELECT function_name FROM system.main.duckdb_functions() WHERE internal AND function_type = 'table'", &names); text != "" {
		return nil, text
	}
	refused := make(map[string]bool, len(names))
	for _, name := range names {
		refused[strings.ToLower(name)] = true
	}
	for _, name := range allowedFunctions {
		delete(refused, name)
	}
	builtIn.refused = refused
	return refused, ""
}

// viewsName is how refused views are told from functions.
const viewsName = "view "

// ownRefused returns the refused functions with the macros and the views of a database that call one of them, or each other:
// what is behind their names does not show in a query.
func ownRefused(ctx context.Context, conn duck.Connection, builtIn map[string]bool) (map[string]bool, string) {
	// No function and no operator of ours is in these: it may be a macro itself.
	macros, text := bodies(ctx, conn, "", "function_name", "macro_definition", "duckdb_functions() WHERE NOT internal AND macro_definition IS NOT NULL ORDER BY function_oid")
	if text != "" {
		return nil, text
	}
	views, text := bodies(ctx, conn, viewsName, "view_name", "sql", "duckdb_views() WHERE NOT internal ORDER BY view_oid")
	own, refused := append(macros, views...), maps.Clone(builtIn)
	for before := 0; before != len(refused); {
		before = len(refused)
		for _, o := range own {
			if mentions(o.body, refused) {
				refused[o.name] = true
			}
		}
	}
	return refused, text
}

type named struct{ name, body string }

// bodies returns what a database has of one kind.
func bodies(ctx context.Context, conn duck.Connection, prefix, name, body, from string) ([]named, string) {
	var names, texts []string
	from = " FROM system.main." + from + ", " + body
	if text := run(ctx, conn, "SELECT "+name+from, &names); text != "" {
		return nil, text
	}
	if text := run(ctx, conn, "SELECT "+body+from, &texts); text != "" {
		return nil, text
	}
	var all []named
	for i, name := range names {
		all = append(all, named{prefix + strings.ToLower(name), texts[i]})
	}
	return all, ""
}

// word finds the names in SQL as the engine writes it, and whether a bracket follows. Texts are passed over: a quote in one begins
// no name.
var word = regexp.MustCompile(`'[^']*'|"((?:[^"]|"")*)"(\()?|(\w+)(\()?`)

// mentions reports whether SQL calls a function of the set, or names one of its views.
func mentions(sql string, set map[string]bool) bool {
	for _, m := range word.FindAllStringSubmatch(sql, -1) {
		name := strings.ToLower(strings.ReplaceAll(m[1], `""`, `"`) + m[3])
		if set[viewsName+name] || m[2]+m[4] != "" && set[name] {
			return true
		}
	}
	return false
}

// checkFunctions parses the SQL with the engine's own parser, and refuses what is no select statement or calls a
// function of the refused. Nothing is bound or run.
func (q *query) checkFunctions(ctx context.Context) error {
	var trees []string
	if text := run(ctx, q.conn, "SELECT system.main.json_serialize_sql("+quoteText(q.sql)+")::VARCHAR", &trees); text != "" || len(trees) != 1 {
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

// calls returns the first function of the set that the syntax tree calls, or view that it reads.
func calls(tree any, set map[string]bool) string {
	var children iter.Seq[any]
	switch node := tree.(type) {
	case []any:
		children = slices.Values(node)
	case map[string]any:
		if name, ok := node["function_name"].(string); ok && set[strings.ToLower(name)] {
			return name
		}
		if name, ok := node["table_name"].(string); ok && set[viewsName+strings.ToLower(name)] {
			return name
		}
		children = maps.Values(node)
	default:
		return ""
	}
	for child := range children {
		if name := calls(child, set); name != "" {
			return name
		}
	}
	return ""
}
