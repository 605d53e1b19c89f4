package render

import (
	"fmt"
	"io"
	"sync/atomic"
)

// An output is the files, one after the other.
type output struct {
	create                Create
	splitRows, splitBytes int64 // 0: no limit

	files   []File
	current io.WriteCloser // nil: none is open
	file    File           // the open one

	allRows, allBytes atomic.Int64
}

// begin opens the next file.
func (o *output) begin() error {
	number := len(o.files) + 1
	w, err := o.create(number)
	if err != nil {
		return fmt.Errorf("open file %d: %w", number, err)
	}
	o.current, o.file = w, File{Number: number}
	return nil
}

// Write appends to the open file.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.current.Write(p)
	o.file.Bytes += int64(n)
	o.allBytes.Add(int64(n))
	if err != nil {
		return n, fmt.Errorf("write file %d: %w", o.file.Number, err)
	}
	return n, nil
}

// count notes that rows have gone to the open file.
func (o *output) count(rows int) {
	o.file.Rows += int64(rows)
	o.allRows.Add(int64(rows))
}

// finish closes the open file.
func (o *output) finish() error {
	w := o.current
	o.current = nil
	if err := w.Close(); err != nil {
		return fmt.Errorf("close file %d: %w", o.file.Number, err)
	}
	o.files = append(o.files, o.file)
	return nil
}

// discard closes a file that is not whole. What is wrong with it is known already.
func (o *output) discard() {
	if o.current != nil {
		_ = o.current.Close()
		o.current = nil
	}
}
