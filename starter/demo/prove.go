package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"consign/internal/config"
	"consign/starter/watch"
)

// prove shows that what arrived is what was sent.
func (s *script) prove(ctx context.Context, deliveries []delivery) error {
	if err := s.list(ctx); err != nil {
		return err
	}
	s.title("What Acme reads in it")
	r, err := newReader(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.close() }() // it only reads
	if err := r.exec(ctx, "CREATE VIEW customers AS FROM read_parquet("+quoted(s.world.path(tableFile))+")"); err != nil {
		return err
	}
	lines := [][]string{{"", "rows", "checksum", "rows that differ", "read by"}}
	var bad error
	for _, d := range deliveries {
		expected, err := s.world.expected(d.name)
		if err != nil {
			return err
		}
		result, err := s.check(ctx, r, d, expected)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		lines = append(lines, result.lines(d.name)...)
		if !result.same() {
			bad = errors.Join(bad, fmt.Errorf("%s: %w", d.name, ErrDifferent))
		}
	}
	s.table(lines, 1, 3)
	s.line("The checksum is of all values, in any order; a row differs if any value of it does.")
	return bad
}

// list says what is in the bucket, which must be whole: no upload may be left open.
func (s *script) list(ctx context.Context) error {
	s.title("What Acme finds in its bucket")
	c := s.world.stack.S3.Client()
	objects, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil {
		return fmt.Errorf("list %s: %w", bucket, err)
	}
	var lines [][]string
	for _, o := range objects.Contents {
		about := ""
		if strings.HasSuffix(*o.Key, ".DONE") {
			about = "written last: the file beside it is complete"
		}
		lines = append(lines, []string{*o.Key, watch.Bytes(*o.Size), about})
	}
	s.table(lines, 1)
	open, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil {
		return fmt.Errorf("list open uploads of %s: %w", bucket, err)
	}
	if len(open.Uploads) > 0 {
		return fmt.Errorf("%w: %d uploads are left open", ErrDifferent, len(open.Uploads))
	}
	return nil
}

// checked is the result of one delivery's check.
type checked struct {
	verdict
	by []string
}

func (c checked) lines(name string) [][]string {
	return [][]string{
		{name + ", sent", watch.Number(c.rows), c.sum},
		{strings.Repeat(" ", len(name)) + "  arrived", watch.Number(c.arrived), c.arrivedSum, watch.Number(c.differ), strings.Join(c.by, ", ")},
	}
}

// check fetches the objects of a delivery, opens them and compares them with the rows that the query gives.
func (s *script) check(ctx context.Context, r *reader, d delivery, expected string) (checked, error) {
	var c checked
	if len(d.done.Objects) != 1 {
		return c, fmt.Errorf("%w: %d objects instead of one", ErrDifferent, len(d.done.Objects))
	}
	file, err := s.world.fetch(ctx, d.name, d.done.Objects[0].Key)
	if err != nil {
		return c, err
	}
	o, err := s.world.unwrap(ctx, file)
	if err != nil {
		return c, err
	}
	columns, err := r.describe(ctx, expected)
	if err != nil {
		return c, err
	}
	if c.verdict, err = r.compare(ctx, sentSQL(o.path, expected, columns), arrivedSQL(o.path, columns)); err != nil {
		return c, err
	}
	c.by = append(o.by, "DuckDB")
	if path.Ext(o.path) == ".csv" {
		python, err := r.pythonAgrees(ctx, o.path, columns)
		if err != nil {
			return c, err
		}
		if python {
			c.by = append(c.by, "Python's csv")
		}
	}
	return c, nil
}

// fetch downloads an object as the bucket's owner.
func (w *world) fetch(ctx context.Context, folder, key string) (_ string, err error) {
	object, err := w.stack.S3.Client().GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", key, err)
	}
	defer func() { err = errors.Join(err, object.Body.Close()) }()
	to := w.path(filepath.Join("received", folder, path.Base(key)))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	return to, writeFile(to, io.Reader(object.Body))
}

// expected is the SQL of what an orchestration is to send: its query, and its template's columns.
func (w *world) expected(orchestration string) (string, error) {
	c, problems, err := config.Load(w.path("consign.yaml"), w.lookup)
	if err = errors.Join(err, problems.Err()); err != nil {
		return "", err
	}
	o, err := c.Orchestration(orchestration)
	if err != nil {
		return "", err
	}
	t, err := c.DataTemplate(o.DataTemplate)
	if err != nil {
		return "", err
	}
	query, err := c.Query(o.Query)
	if err != nil {
		return "", err
	}
	return "SELECT " + selected(t.Columns) + " FROM (" + strings.TrimRight(query.SQL, " ;\n") + ")", nil
}

func selected(columns []config.Column) string {
	if len(columns) == 0 {
		return "*"
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		from := named(c.From)
		if c.Value != nil {
			from = quoted(*c.Value)
		}
		list[i] = from + " AS " + named(cmp.Or(c.To, c.From))
	}
	return strings.Join(list, ", ")
}

func (w *world) lookup(name string) (string, bool) {
	if value, ok := w.environment[name]; ok {
		return value, true
	}
	return os.LookupEnv(name)
}
