package receipt

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// contained counts the rows of all files that an object holds.
func (f Format) contained(r io.Reader) (int64, error) {
	switch f.Encoding {
	case "", "none":
		return f.rows(r)
	case "gzip":
		return unzipped(r, f.rows)
	case "tar":
		return f.tarred(r)
	case "tgz":
		return unzipped(r, f.tarred)
	case "zip":
		return f.zipped(r)
	default:
		return 0, fmt.Errorf("%w: encoding %q is not known", errUncountable, f.Encoding)
	}
}

// seeks reports whether counting reads an object here and there, and so wants the file itself.
func (f Format) seeks() bool {
	plain := f.Encoding == "" || f.Encoding == "none"
	return f.Encoding == "zip" || plain && f.FileFormat == parquetFormat
}

// unzipped counts within gzip.
func unzipped(r io.Reader, count func(io.Reader) (int64, error)) (int64, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return 0, fmt.Errorf("reading gzip: %w", err)
	}
	content := named{z, "reading gzip"}
	rows, err := count(content)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, content) // a tar ends before its gzip does, whose checksum comes last
	return rows, err
}

// named says what was being read when reading fails.
type named struct {
	r    io.Reader
	what string
}

// Read reads.
func (n named) Read(p []byte) (int, error) {
	read, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", n.what, err)
	}
	return read, err
}

func (f Format) tarred(r io.Reader) (int64, error) {
	t := tar.NewReader(r)
	rows := int64(0)
	for {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return 0, fmt.Errorf("reading tar: %w", err)
		}
		n, err := f.rows(t)
		if err != nil {
			return 0, fmt.Errorf("entry %s: %w", header.Name, err)
		}
		rows += n
	}
}

func (f Format) zipped(r io.Reader) (rows int64, err error) {
	file, size, done, err := seekable(r)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, done()) }()
	z, err := zip.NewReader(file, size)
	if err != nil {
		return 0, fmt.Errorf("reading zip: %w", err)
	}
	for _, entry := range z.File {
		n, err := f.entry(entry)
		if err != nil {
			return 0, fmt.Errorf("entry %s: %w", entry.Name, err)
		}
		rows += n
	}
	return rows, nil
}

func (f Format) entry(e *zip.File) (rows int64, err error) {
	r, err := e.Open()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return f.rows(named{r, "reading zip"})
}
