package source

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	duck "github.com/duckdb/duckdb-go-bindings"

	"consign/internal/table"
)

// An instance is an embedded DuckDB with a source's tables, locked down.
type instance struct {
	db      duck.Database
	refused map[string]bool // functions that queries may not call, and views
	files   []string        // that it may read
	was     []seen          // what they looked like before anything of them was read
	// stream is the connection that made the tables. It alone is set up to stream, for that cannot be set in a locked engine.
	stream duck.Connection
	lent   bool // a query has it
}

// An engine is an open source's instance. It is given back when the source, every result and every batch are.
type engine struct {
	*instance
	giveBack func(clean bool) error

	mu     sync.Mutex
	users  int // the source itself while it is open, and each result
	closed bool
	spoilt bool // something in it may be left of a query
}

func openDuckDB(ctx context.Context, o Options) (Source, error) {
	i, err := newInstance(ctx, o)
	if err != nil {
		return nil, err
	}
	return &engine{instance: i, users: 1, giveBack: func(bool) error { i.close(); return nil }}, nil
}

func newInstance(ctx context.Context, o Options) (*instance, error) {
	i, err := startEngine(o)
	if err != nil {
		return nil, err
	}
	err = i.prepareTables(ctx, o)
	if ctx.Err() != nil { // a statement may be over before the interrupt comes
		err = ctx.Err()
	}
	if err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

func startEngine(o Options) (*instance, error) {
	if err := checkFile(o.Database); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	var config duck.Config
	if duck.CreateConfig(&config) != duck.StateSuccess {
		return nil, fmt.Errorf("%w: no configuration", ErrEngine)
	}
	defer duck.DestroyConfig(&config)
	for _, s := range engineSettings(o) {
		if duck.SetConfig(config, s.name, s.value) != duck.StateSuccess {
			return nil, fmt.Errorf("%w: setting %s is not known to it", ErrEngine, s.name)
		}
	}
	i := &instance{}
	var text string
	if duck.OpenExt(cmp.Or(o.Database, ":memory:"), &i.db, config, &text) != duck.StateSuccess {
		duck.Close(&i.db)
		return nil, openError(o, text)
	}
	return i, nil
}

func openError(o Options, text string) error {
	failure := parseEngineError(text)
	if o.Database == "" {
		return fmt.Errorf("%w: %s", ErrEngine, failure.Message)
	}
	return fmt.Errorf("open database %s: %w: %s", o.Database, ErrUnreadable, failure.Message)
}

type setting struct{ name, value string }

// engineSettings are those that must hold before the engine starts.
func engineSettings(o Options) []setting {
	settings := []setting{
		{"memory_limit", strconv.FormatInt(cmp.Or(o.Memory, DefaultMemory), 10) + "B"},
		{"threads", strconv.Itoa(cmp.Or(o.Threads, runtime.GOMAXPROCS(0)))},
		{"temp_directory", o.TempDir},
		{"preserve_insertion_order", "true"},    // the same query gives its rows in the same order
		{"enable_external_file_cache", "false"}, // what it would keep grows with the files
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"allow_persistent_secrets", "false"},
	}
	if o.Database != "" {
		settings = append(settings, setting{"access_mode", "READ_ONLY"})
	}
	return settings
}

// prepareTables makes a view for each table, and then takes from the engine everything that a query does not need.
func (i *instance) prepareTables(ctx context.Context, o Options) error {
	conn, err := i.connect()
	if err != nil {
		return err
	}
	i.stream = conn
	if err := runAll(ctx, conn, "SET GLOBAL errors_as_json = true", streamAhead(o)); err != nil {
		return err
	}
	for _, t := range o.Tables {
		files, err := findFiles(ctx, conn, t)
		if err != nil {
			return err
		}
		i.was = append(i.was, lookAtAll(files)...)
		if err := checkDepths(ctx, t, files); err != nil {
			return err
		}
		if err := createView(ctx, conn, t, files); err != nil {
			return err
		}
		i.files = append(i.files, files...)
	}
	refused, text := refusedFunctions(ctx, conn)
	if text == "" && o.Database != "" {
		refused, text = ownRefused(ctx, conn, refused)
	}
	if text != "" {
		return sqlError("", text)
	}
	i.refused = refused
	return lockDown(ctx, conn, o, i.files)
}

// createView makes the table's view. That of NDJSON is made again if, as the engine finds out its columns, it would change
// values.
func createView(ctx context.Context, conn duck.Connection, t Table, files []string) error {
	r, _ := readerOf(t.Files)
	switch r.function {
	case csvReader:
		return createCSVView(ctx, conn, t, files)
	case parquetReader:
		return createParquetView(ctx, conn, t, files)
	}
	if err := t.view(ctx, conn, r.call(quoteTexts(files), "")); err != nil {
		return err
	}
	call, err := readJSON(ctx, conn, t, files)
	if err == nil && call != "" {
		err = t.view(ctx, conn, call)
	}
	return err
}

func (t Table) view(ctx context.Context, conn duck.Connection, call string) error {
	if text := run(ctx, conn, "CREATE OR REPLACE VIEW "+quoteName(t.Name)+" AS SELECT * FROM "+call, nil); text != "" {
		return fileError(t, text)
	}
	return nil
}

// findFiles returns the files of a table, sorted by name.
func findFiles(ctx context.Context, conn duck.Connection, t Table) ([]string, error) {
	pattern, err := filepath.Abs(t.Files)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w: %w", t.Name, ErrUnreadable, err)
	}
	files, err := t.ask(ctx, conn, "SELECT file FROM glob("+quoteText(pattern)+") ORDER BY file")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("table %s: %w: there is no file %s", t.Name, ErrUnreadable, t.Files)
	}
	for _, f := range files {
		if strings.ContainsAny(f, "*?[") {
			return nil, fmt.Errorf("table %s: %w: the name of file %s has a character of patterns (* ? [) in it; rename it", t.Name, ErrUnreadable, f)
		}
		if err := checkFile(f); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return files, nil
}

// checkFile refuses a pipe, or a device: the engine would wait for whoever writes into it, and nothing ends that.
func checkFile(name string) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a file", ErrUnreadable, name)
	}
	return nil
}

// lockDown leaves a query nothing but the tables: no other file, no network, no extension, no setting.
func lockDown(ctx context.Context, conn duck.Connection, o Options, allowed []string) error {
	var statements []string
	if o.TempBytes > 0 { // forgotten by the engine if it is set before the start
		statements = append(statements, fmt.Sprintf("SET GLOBAL %s = '%dB'", maxDiskSetting, o.TempBytes))
	}
	if len(allowed) > 0 { // none of a database's, in which even a list may be a macro
		statements = append(statements, "SET GLOBAL allowed_paths = "+quoteTexts(allowed))
	}
	return runAll(ctx, conn, append(statements,
		"SET GLOBAL TimeZone = 'UTC'",
		"SET GLOBAL enable_external_access = false",
		"SET GLOBAL lock_configuration = true",
	)...)
}

// runAll runs statements of our own that have no result.
func runAll(ctx context.Context, conn duck.Connection, statements ...string) error {
	for _, statement := range statements {
		if text := run(ctx, conn, statement, nil); text != "" {
			return sqlError("", text)
		}
	}
	return nil
}

// ask asks the engine about a table's files, and returns the texts of the first column.
func (t Table) ask(ctx context.Context, conn duck.Connection, sql string) ([]string, error) {
	var texts []string
	if text := run(ctx, conn, sql, &texts); text != "" {
		return nil, fileError(t, text)
	}
	return texts, nil
}

// run runs one statement of our own and collects the texts of its first column, if the caller wants them. It returns
// the engine's error.
func run(ctx context.Context, conn duck.Connection, sql string, texts *[]string) string {
	var result duck.Result
	defer duck.DestroyResult(&result)
	state := duck.StateError
	interruptible(ctx, conn, func() { state = duck.Query(conn, sql, &result) })
	if state != duck.StateSuccess {
		return duck.ResultError(&result)
	}
	for texts != nil {
		chunk, ok, text := fetch(&result)
		if !ok {
			return text
		}
		var v table.Vector
		readStrings(duck.DataChunkGetVector(chunk, 0), int(duck.DataChunkGetSize(chunk)), &v)
		for _, s := range v.Strings {
			*texts = append(*texts, strings.Clone(s))
		}
		duck.DestroyDataChunk(&chunk)
	}
	return ""
}

func (i *instance) connect() (duck.Connection, error) {
	var conn duck.Connection
	if duck.Connect(i.db, &conn) != duck.StateSuccess {
		return conn, fmt.Errorf("%w: no connection", ErrEngine)
	}
	return conn, nil
}

func (i *instance) close() {
	duck.Disconnect(&i.stream)
	duck.Close(&i.db)
}

// connectToStream returns the connection that is set up to stream or, while another query has that, a new one, which streams
// more slowly.
func (e *engine) connectToStream() (duck.Connection, error) {
	e.mu.Lock()
	lent := e.lent
	e.lent = true
	e.mu.Unlock()
	if !lent {
		return e.stream, nil
	}
	return e.connect()
}

func (e *engine) disconnect(conn duck.Connection) {
	if conn != e.stream {
		duck.Disconnect(&conn)
		return
	}
	e.mu.Lock()
	e.lent = false
	e.mu.Unlock()
}

// spoil says that the engine is not as it was before.
func (e *engine) spoil() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spoilt = true
}

// retain keeps the engine alive until the matching release.
func (e *engine) retain() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.users++
	return nil
}

func (e *engine) release() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users--; e.users > 0 {
		return nil
	}
	return e.giveBack(!e.spoilt)
}

// Close implements Source.
func (e *engine) Close() error {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if closed {
		return nil
	}
	return e.release()
}
