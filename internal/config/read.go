package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"consign/internal/problem"
	"consign/internal/secret"
)

// ErrNoConfig says that there is no configuration where one was looked for.
var ErrNoConfig = errors.New("no configuration")

// maxFile bounds a configuration file: a wrong path may name anything.
const maxFile = 16 << 20

// locate finds the files of the configuration.
func locate(path string, environment func(string) (string, bool)) ([]string, error) {
	if path == "" {
		path, _ = environment("CONSIGN_CONFIG")
	}
	if path == "" {
		for _, usual := range []string{"consign.yaml", "consign"} {
			if _, err := os.Stat(usual); err == nil {
				path = usual
				break
			}
		}
	}
	if path == "" {
		return nil, fmt.Errorf("%w: name it with --config or $CONSIGN_CONFIG, or write ./consign.yaml or ./consign/", ErrNoConfig)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNoConfig, err)
	case info.IsDir():
		return filesIn(path)
	default:
		return []string{path}, nil
	}
}

// filesIn returns the YAML files of a folder, in name order. Hidden ones are the work of editors.
func filesIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConfig, err)
	}
	var paths []string
	for _, e := range entries {
		extension := filepath.Ext(e.Name())
		if (extension == ".yaml" || extension == ".yml") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: the folder %s holds no .yaml file", ErrNoConfig, folder)
	}
	return paths, nil
}

// A reader joins the files of a configuration.
type reader struct {
	*report
	environment func(string) (string, bool)
	config      *Config
	sections    map[string]string // the sections that are no lists: where they are
	sums        []string          // what the digest is made of
}

func (r *reader) read(paths []string) error {
	r.sections = map[string]string{}
	offset := map[string]int{}
	for _, f := range fields(reflect.TypeFor[Config]()) {
		if f.typ.Kind() == reflect.Slice {
			offset[f.name] = 0
		}
	}
	for _, path := range paths {
		text, err := readFile(path)
		if err != nil {
			return err
		}
		r.sums = append(r.sums, filepath.Base(path), string(text))
		w := &walker{report: r.report, file: path, folder: filepath.Dir(path), offset: offset}
		if document := r.document(w, text); document != nil {
			if err := r.join(document); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	if err := r.override(); err != nil {
		return err
	}
	r.defaults(filepath.Dir(paths[0]))
	for i := range r.config.Segments {
		r.config.Segments[i].Segment = true
	}
	r.readQueries()
	r.bind()
	return nil
}

// byteOrderMark is what some editors begin a file with: it is no part of a query, and PostgreSQL takes it for a letter.
const byteOrderMark = "\ufeff"

func readFile(path string) ([]byte, error) { return readInto(new(bytes.Buffer), path) }

// readInto reads a file into memory that is used again: what it returns is gone with the next call.
func readInto(b *bytes.Buffer, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConfig, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConfig, err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %s: %d bytes are too many for a configuration", ErrNoConfig, path, info.Size())
	}
	b.Reset()
	b.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := b.ReadFrom(f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConfig, err)
	}
	return bytes.TrimPrefix(b.Bytes(), []byte(byteOrderMark)), nil
}

// document parses one file and returns what of it can be decoded; nil if nothing can.
func (r *reader) document(w *walker, text []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		r.syntax(w.file, text, err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		r.list = append(r.list, problem.Problem{
			Where: w.place(&second), Message: "a file holds one YAML document, and a second one begins here",
			Hint: "put it in a file of its own, in the same folder",
		})
	} else if !errors.Is(err, io.EOF) {
		r.syntax(w.file, text, err)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" || !w.section(root, reflect.TypeFor[Config](), "") {
		return nil
	}
	r.once(w, root)
	return root
}

// once refuses a section in two files: only lists are joined.
func (r *reader) once(w *walker, root *yaml.Node) {
	for i := 0; i < len(root.Content); {
		key := root.Content[i]
		if root.Content[i+1].Kind == yaml.SequenceNode {
			i += 2
			continue
		}
		if first, ok := r.sections[key.Value]; ok {
			w.wrong(key, key.Value, "keep one of them", "is written in two files, first in %s", first)
			root.Content = slices.Delete(root.Content, i, i+2)
			continue
		}
		r.sections[key.Value] = w.place(key)
		i += 2
	}
}

// join decodes a document and appends its lists to those of the files before.
func (r *reader) join(document *yaml.Node) error {
	var part Config
	if err := decode(document, &part); err != nil {
		return err
	}
	from, to := reflect.ValueOf(&part).Elem(), reflect.ValueOf(r.config).Elem()
	for i := range from.NumField() {
		switch {
		case !to.Type().Field(i).IsExported() || from.Field(i).IsZero():
		case from.Field(i).Kind() == reflect.Slice:
			to.Field(i).Set(reflect.AppendSlice(to.Field(i), from.Field(i)))
		default:
			to.Field(i).Set(from.Field(i))
		}
	}
	return nil
}

// decode reads a document that the walker has found decodable. viper still refuses what it does not know. It is not
// written as text again for viper to read: yaml.v3 writes some of the text blocks otherwise than it has read them.
func decode(document *yaml.Node, into *Config) error {
	var values map[string]any
	if err := document.Decode(&values); err != nil {
		return err
	}
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00")) // a point in a key is a point
	if err := v.MergeConfigMap(values); err != nil {
		return err
	}
	return v.UnmarshalExact(into)
}

// readQueries reads every sql_file, so that a query is what it was when the configuration was loaded.
func (r *reader) readQueries() {
	for list, queries := range map[string][]Query{"queries": r.config.Queries, "segments": r.config.Segments} {
		for i := range queries {
			q := &queries[i]
			if q.SQLFile == "" || q.SQL != "" {
				continue
			}
			q.SQL = r.statement(q.SQLFile, item(list, i)+".sql_file")
		}
	}
	for _, q := range slices.Concat(r.config.Queries, r.config.Segments) {
		if q.SQLFile != "" {
			r.sums = append(r.sums, q.Name, q.SQL)
		}
	}
}

// statement reads a query from a file; the problems with it are those of the key at.
func (r *reader) statement(file, at string) string {
	text, err := readFile(file)
	switch {
	case err != nil:
		r.add(at, "a relative path is relative to the configuration's file", "%s", fileReason(err))
	case len(bytes.TrimSpace(text)) == 0:
		r.add(at, "write the statement into it", "%s is empty", file)
	}
	return string(text)
}

// fileReason is an error about a file without the words of the system call.
func fileReason(err error) string {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return pathError.Path + ": " + pathError.Err.Error()
	}
	return err.Error()
}

// bind gives every {env:} secret its value of now.
func (r *reader) bind() {
	r.config.secrets(func(_ string, s *Secret) {
		if value, set := r.environment(s.Env); set && s.Env != "" {
			text := secret.New(value)
			s.value = &text
		}
	})
}

// sum is the digest of all that was read.
func (r *reader) sum() string {
	h := sha256.New()
	for _, s := range r.sums {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}
