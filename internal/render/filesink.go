package render

import (
	"io"

	"consign/internal/table"
)

// A fileSink gives batches to one fileWriter after the other, and cuts a batch where a file is full.
type fileSink struct {
	out     *output
	failure *failure
	open    func(io.Writer) (fileWriter, error)
	writer  fileWriter // nil: no file is open
}

func newFileSink(out *output, f *failure, open func(io.Writer) (fileWriter, error)) *fileSink {
	return &fileSink{out: out, failure: f, open: open}
}

func (s *fileSink) write(b *table.Batch, firstRow int64) error {
	for b != nil {
		var rest *table.Batch
		err := s.room(b)
		if err == nil {
			b, rest = s.cut(b)
			rows := b.Rows
			err = s.writer.write(b, firstRow)
			s.out.count(rows)
			firstRow += int64(rows)
		} else {
			b.Release()
		}
		if err != nil {
			s.failure.set(err)
			if rest != nil {
				rest.Release()
			}
			return s.failure.get()
		}
		b = rest
	}
	return nil
}

// cut returns the part of the batch that the open file has room for, and the rest, which may be nil.
func (s *fileSink) cut(b *table.Batch) (now, rest *table.Batch) {
	room := b.Rows
	if s.out.splitRows > 0 {
		room = int(min(int64(room), s.out.splitRows-s.out.file.Rows))
	}
	if s.out.splitBytes > 0 {
		room = max(1, s.writer.fits(b, s.out.splitBytes-s.writer.size()))
	}
	if room >= b.Rows {
		return b, nil
	}
	return cutBatch(b, room)
}

// room makes sure that a file is open which can take the batch's first row. Where a file is split by size, the decision
// falls between batches, and within those that are too large for any file: how large a row becomes inside Parquet is known
// only when its row group is encoded.
func (s *fileSink) room(b *table.Batch) error {
	if s.writer != nil && s.full(b) {
		if err := s.finish(); err != nil {
			return err
		}
	}
	if s.writer != nil {
		return nil
	}
	if err := s.out.begin(); err != nil {
		return err
	}
	var err error
	s.writer, err = s.open(s.out)
	return err
}

func (s *fileSink) full(b *table.Batch) bool {
	if s.out.splitRows > 0 && s.out.file.Rows >= s.out.splitRows {
		return true
	}
	if s.out.splitBytes == 0 || s.out.file.Rows == 0 {
		return false
	}
	size := s.writer.size()
	return size+s.growth() > s.out.splitBytes || s.writer.fits(b, s.out.splitBytes-size) == 0
}

// growth is what the next batch is expected to add: as much as the average batch so far. A large one would be cut, which
// is worth it while there is room for more than a few rows.
func (s *fileSink) growth() int64 {
	return min(s.writer.size()*table.BatchRows/max(s.out.file.Rows, 1), s.out.splitBytes/8)
}

func (s *fileSink) finish() error {
	w := s.writer
	s.writer = nil
	if err := w.close(); err != nil {
		return err
	}
	return s.out.finish()
}

func (s *fileSink) close() error {
	if err := s.failure.get(); err != nil {
		s.abort()
		return err
	}
	if s.writer == nil {
		if err := s.room(nil); err != nil {
			return err
		}
	}
	return s.finish()
}

func (s *fileSink) abort() {
	if s.writer != nil {
		s.writer.abort()
		s.writer = nil
	}
}
