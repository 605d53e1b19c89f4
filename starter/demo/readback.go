package demo

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// opened is a file that has arrived, down to its rows.
type opened struct {
	path string
	by   []string // the programs that opened it: gpg, gunzip, tar
}

// unwrap decrypts and unpacks a file as its name says, each into a file beside it.
func (w *world) unwrap(ctx context.Context, path string) (opened, error) {
	o := opened{path: path}
	for {
		var by, next string
		var err error
		switch {
		case strings.HasSuffix(o.path, ".pgp"):
			next = strings.TrimSuffix(o.path, ".pgp")
			by, err = w.keys.decrypt(ctx, o.path, next)
		case strings.HasSuffix(o.path, ".gz"):
			by, next = "gunzip", strings.TrimSuffix(o.path, ".gz")
			err = gunzip(o.path, next)
		case strings.HasSuffix(o.path, ".tgz"):
			by = "tar"
			next, err = untar(o.path)
		default:
			return o, nil
		}
		if err != nil {
			return o, err
		}
		o.path, o.by = next, append(o.by, by)
	}
}

// untar unpacks the one file of an archive.
func untar(path string) (_ string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	z, err := gzip.NewReader(in)
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", filepath.Base(path), err)
	}
	archive := tar.NewReader(z)
	header, err := archive.Next()
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", filepath.Base(path), err)
	}
	to := filepath.Join(filepath.Dir(path), filepath.Base(header.Name))
	if err := writeFile(to, archive); err != nil {
		return "", err
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("unpack %s: it holds more than one file", filepath.Base(path))
	}
	return to, nil
}

// arrivedSQL reads a file as the types of what was to be sent.
func arrivedSQL(path string, columns []column) string {
	if strings.HasSuffix(path, ".parquet") {
		list := make([]string, len(columns))
		for i, c := range columns {
			list[i] = fmt.Sprintf("%s::%s AS %s", named(c.name), c.kind, named(c.name))
		}
		return fmt.Sprintf("SELECT %s FROM read_parquet(%s)", strings.Join(list, ", "), quoted(path))
	}
	types := make([]string, len(columns))
	values := make([]string, len(columns))
	for i, c := range columns {
		number := strconv.Itoa(i + 1) // within the query: no variable of ours is called so, and a column may be called anything
		kind, value := textOf(c.kind, named(number))
		types[i] = fmt.Sprintf("%s: %s", quoted(number), quoted(kind))
		values[i] = value + " AS " + named(c.name)
	}
	// An empty field is NULL, a quoted empty field is an empty text.
	return fmt.Sprintf(`SELECT %s FROM read_csv(%s, columns = {%s}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
		nullstr = '', allow_quoted_nulls = false, parallel = false, max_line_size = 16777216)`,
		strings.Join(values, ", "), quoted(path), strings.Join(types, ", "))
}

// textOf says as what a column is read from text, and how its value is made of that, which is called from.
func textOf(kind, from string) (read, made string) {
	switch {
	case kind == "BLOB":
		return "VARCHAR", "from_base64(" + from + ")"
	case isNested(kind):
		return "VARCHAR", fromJSON.made(kind, "("+from+"::JSON::"+stands(kind)+")")
	case strings.HasPrefix(kind, "ENUM("):
		return "VARCHAR", from + "::" + kind
	default:
		return kind, from
	}
}

// sentSQL reads what was to be sent so that it can be compared with what has arrived in a file.
func sentSQL(path, query string, columns []column) string {
	if strings.HasSuffix(path, ".parquet") {
		return query
	}
	numbers := make([]string, len(columns)) // as in arrivedSQL
	values := make([]string, len(columns))
	for i, c := range columns {
		numbers[i] = named(strconv.Itoa(i + 1))
		value := numbers[i]
		if isNested(c.kind) {
			value = asSent.made(c.kind, value)
		}
		values[i] = value + " AS " + named(c.name)
	}
	return fmt.Sprintf("SELECT %s FROM (%s) AS sent(%s)", strings.Join(values, ", "), query, strings.Join(numbers, ", "))
}
