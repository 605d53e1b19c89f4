package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"consign/internal/plan"
)

// ErrNoData means that there is no file to send.
var ErrNoData = errors.New("no Parquet or CSV file")

// ownFiles finds the files that a user has named: files, folders of them, or patterns.
func ownFiles(named []string) ([]string, error) {
	var files []string
	for _, name := range named {
		found, err := filesOf(name)
		if err == nil && len(found) == 0 {
			err = ErrNoData
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, found...)
	}
	return files, nil
}

func filesOf(name string) ([]string, error) {
	absolute, err := filepath.Abs(name) // the worker has a folder of its own
	if err != nil {
		return nil, err
	}
	found := []string{absolute}
	if info, statErr := os.Stat(absolute); statErr != nil { // what is there is no pattern, whatever it is called
		found, err = filepath.Glob(absolute)
	} else if info.IsDir() {
		found, err = inFolder(absolute)
	}
	return slices.DeleteFunc(found, func(f string) bool { return !isData(f) }), err
}

func inFolder(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		files = append(files, filepath.Join(dir, entry.Name()))
	}
	return files, err
}

// isData reports whether a path is a file that can be sent: a folder may end in .parquet, too.
func isData(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && readerOf(path) != ""
}

// plain is what a path must hold to mean one file to the engine: no character of patterns, and text.
func plain(path string) bool { return utf8.ValidString(path) && !strings.ContainsAny(path, "*?[") }

// linked gives plain names to files that have none: links in the demo's folder. Consign asks to rename such files.
func (w *world) linked(n narrator, files []string) ([]string, error) {
	files = slices.Clone(files)
	for i, file := range files {
		if plain(file) {
			continue
		}
		extension := filepath.Ext(file)
		base := strings.TrimSuffix(filepath.Base(file), extension)
		files[i] = w.path(filepath.Join("data", strconv.Itoa(i+1), unnamed.ReplaceAllString(base, "_")+extension))
		if err := errors.Join(os.MkdirAll(filepath.Dir(files[i]), 0o700), os.Symlink(file, files[i])); err != nil {
			return nil, err
		}
		n.line("%q is sent as %s: its path would be a pattern to Consign, or is no text.", filepath.Base(file), filepath.Base(files[i]))
	}
	return files, nil
}

// readerOf is the query that reads a file, "" if it is of no known kind. CSV is sampled whole and without comments, as our
// source does.
func readerOf(path string) string {
	name := strings.ToLower(path)
	switch {
	case strings.HasSuffix(name, ".parquet"):
		return "SELECT * FROM read_parquet(" + quoted(path) + ")"
	case strings.HasSuffix(name, ".csv"), strings.HasSuffix(name, ".csv.gz"):
		return "SELECT * FROM read_csv(" + quoted(path) + ", sample_size = -1, comment = '')"
	default:
		return ""
	}
}

// The three ways in which a user's file is sent: the names of destination and data template.
var ways = []struct{ name, about, settings, extension string }{
	{"csv", "CSV", "file_format: csv", ".csv"},
	{"encrypted", "CSV, compressed and encrypted", "file_format: csv, encoding: gzip, pgp_public_key: {file: " + keyFile + "}", ".csv.gz"},
	{"parquet", "Parquet", "file_format: parquet", ".parquet"},
}

// unnamed is what a name may not hold.
var unnamed = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// configuration is one for a user's files. Names and paths are quoted, as Go and YAML both do: bare, 2024 is a number
// and null nothing.
func (w *world) configuration(files []string) (text string, names []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "workspace: {dir: workspace}\ncredentials:\n  - {name: acme, type: iam-credential, access_key_id: {env: ACME_ACCESS_KEY_ID}, secret_access_key: {env: ACME_SECRET_ACCESS_KEY}}\n")
	b.WriteString("destinations:\n")
	for _, way := range ways {
		fmt.Fprintf(&b, "  - {name: %s, plugin: amazon-s3, credential: acme, settings: {bucket: %s, region: us-east-1, endpoint: %q, path_style: true, success_file: true, %s}}\n",
			way.name, bucket, w.stack.S3.Endpoint, way.settings)
	}
	b.WriteString("data_templates:\n")
	for _, way := range ways {
		fmt.Fprintf(&b, "  - {name: %s, destination: %s, settings: {filename: %q}}\n", way.name, way.name, "{{orchestration_name}}"+way.extension)
	}
	var sources, queries, orchestrations strings.Builder
	for i, file := range files {
		name := nameOf(file, i+1, names)
		names = append(names, name)
		fmt.Fprintf(&sources, "  - {name: %q, type: duckdb, tables: [{name: data, files: %q}]}\n", name, file)
		fmt.Fprintf(&queries, "  - {name: %q, source: %q, sql: SELECT * FROM data}\n", name, name)
		for _, way := range ways {
			fmt.Fprintf(&orchestrations, "  - {name: %q, query: %q, data_template: %s}\n", name+"-"+way.name, name, way.name)
		}
	}
	fmt.Fprintf(&b, "sources:\n%squeries:\n%sorchestrations:\n%s", &sources, &queries, &orchestrations)
	return b.String(), names
}

// nameOf makes a name of a file's that no other has. It is short, for more is added to it. Names that differ in upper
// and lower case alone are one on some disks.
func nameOf(file string, number int, taken []string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), ".csv") // of a.csv.gz, too
	own := strings.TrimLeft(unnamed.ReplaceAllString(base, "_"), "_.-")
	own = own[:min(len(own), 40)]
	name := own
	same := func(other string) bool { return strings.EqualFold(other, name) }
	for ; name == "" || slices.ContainsFunc(taken, same); number++ { // a file may be called 3-a, too
		name = strconv.Itoa(number) + "-" + own
	}
	return name
}

// own sends files of the user's, three ways each.
func (s *script) own(ctx context.Context, files []string) error {
	w := s.world
	if err := w.acme(ctx, s.narrator); err != nil {
		return err
	}
	s.title("Our side")
	files, err := w.linked(s.narrator, files)
	if err != nil {
		return err
	}
	text, names := w.configuration(files)
	if err := errors.Join(w.write("consign.yaml", []byte(text)), w.write(keyFile, w.keys.public)); err != nil {
		return err
	}
	w.some = names[0] + "-" + ways[0].name
	if err := w.startWorker(s.narrator); err != nil {
		return err
	}
	r, err := newReader(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.close() }() // it only reads
	lines := [][]string{{"", "rows", "checksum", "rows that differ", "read by"}}
	var bad error
	for i, file := range files {
		s.title(filepath.Base(file))
		more, err := s.threeWays(ctx, r, names[i], file)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		lines, bad = append(lines, more...), errors.Join(bad, err)
		if w.worker.died() {
			return bad
		}
	}
	if err := s.list(ctx); err != nil {
		return err
	}
	s.title("What Acme reads in it")
	s.table(lines, 1, 3)
	return bad
}

// threeWays sends one file in every way, and goes on after one that does not arrive, while there is a worker.
func (s *script) threeWays(ctx context.Context, r *reader, name, file string) (lines [][]string, bad error) {
	for i, way := range ways {
		if i > 0 {
			s.say("")
		}
		d := delivery{name: name + "-" + way.name, about: way.about}
		result, err := s.sendOwn(ctx, r, &d, file)
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("%s as %s: %w", filepath.Base(file), way.about, err))
			if s.world.worker.died() {
				break
			}
			continue
		}
		lines = append(lines, result.lines(d.name)...)
	}
	return lines, bad
}

// sendOwn plans first: a type that a format cannot hold is said by the plan, with what to write in the query.
func (s *script) sendOwn(ctx context.Context, r *reader, d *delivery, file string) (checked, error) {
	out, status := s.Starter(ctx, s.world.environment, "-o", "json", "plan", d.name)
	if status != 0 {
		return checked{}, ErrNotDelivered
	}
	if err := s.send(ctx, d); err != nil {
		return checked{}, err
	}
	expected, err := r.asPlanned(ctx, readerOf(file), out)
	if err != nil {
		return checked{}, err
	}
	c, err := s.check(ctx, r, *d, expected)
	if err == nil && !c.same() {
		err = fmt.Errorf("%w: %d rows differ", ErrDifferent, c.differ)
	}
	return c, err
}

// asPlanned returns the query that reads a file with those columns as text that the plan has as text: of a CSV file, our
// source reads columns so which the engine by itself takes for dates, numbers or truth values that they may not be.
func (r *reader) asPlanned(ctx context.Context, query string, planned []byte) (string, error) {
	var p plan.Plan
	if err := json.Unmarshal(planned, &p); err != nil {
		return "", fmt.Errorf("read the plan: %w", err)
	}
	columns, err := r.describe(ctx, query)
	if err != nil || !strings.Contains(query, "read_csv") {
		return query, err
	}
	var types []string
	for i, c := range columns {
		if c.kind != "VARCHAR" && i < len(p.Columns) && p.Columns[i].Type == "VARCHAR" {
			types = append(types, quoted(c.name)+": 'VARCHAR'")
		}
	}
	if types == nil {
		return query, nil
	}
	return strings.TrimSuffix(query, ")") + ", types = {" + strings.Join(types, ", ") + "})", nil
}
