package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

//go:embed readback.py
var readbackPython string

// plainText are the types whose text in a file is what the engine itself writes. The others are compared as values.
var plainText = regexp.MustCompile(`^(VARCHAR|BOOLEAN|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,\d+\)|DATE|UUID)$`)

// pythonAgrees has Python's csv module read a file, and compares rows and texts with what was to be sent. checked is
// false where Python is not installed.
func (r *reader) pythonAgrees(ctx context.Context, path string, columns []column) (checked bool, err error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return false, nil //nolint:nilerr // a machine without Python proves it with the other readers
	}
	var indexes, texts []string
	for i, c := range columns {
		if plainText.MatchString(c.kind) {
			indexes = append(indexes, fmt.Sprint(i))
			texts = append(texts, "coalesce("+named(c.name)+"::VARCHAR, '')")
		}
	}
	if len(texts) == 0 {
		return false, nil
	}
	cmd := exec.CommandContext(ctx, python, "-c", readbackPython, path, fmt.Sprint(len(columns)), strings.Join(indexes, ","))
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return true, fmt.Errorf("python3 reads the file: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	var got struct {
		Names []string
		Rows  int64
		Sum   string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return true, fmt.Errorf("python3 reads the file: %w", err)
	}
	var rows int64
	var sum string
	err = r.conn.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(md5_number_lower(concat_ws(chr(31), "+strings.Join(texts, ", ")+"))), 0)::VARCHAR FROM expected").Scan(&rows, &sum)
	if err != nil {
		return true, err
	}
	for i, c := range columns {
		if i >= len(got.Names) || got.Names[i] != c.name {
			return true, fmt.Errorf("%w: Python reads the columns %q", ErrDifferent, got.Names)
		}
	}
	if got.Rows != rows || short(got.Sum) != short(sum) {
		err = fmt.Errorf("%w: Python reads %d rows of checksum %s, and there are %d of %s", ErrDifferent, got.Rows, short(got.Sum), rows, short(sum))
	}
	return true, err
}
