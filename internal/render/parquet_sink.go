package render

import "consign/internal/table"

// A parquetSink writes one Parquet file after the other, and cuts a batch where a file is full.
type parquetSink struct {
	out     *output
	failure *failure
	schema  table.Schema
	options Options
	writer  *parquetEncoder // nil: no file is open
}

func (s *parquetSink) write(b *table.Batch, firstRow int64) error {
	for b != nil {
		if err := s.room(b); err != nil {
			b.Release()
			return err
		}
		now, rest := s.cut(b)
		rows := now.Rows // now is given away
		if err := s.writer.write(now, firstRow); err != nil {
			if rest != nil {
				rest.Release()
			}
			return err
		}
		s.out.count(rows)
		firstRow += int64(rows)
		b = rest
	}
	return nil
}

// cut returns the part of the batch that the open file has room for, and the rest, which may be nil.
func (s *parquetSink) cut(b *table.Batch) (now, rest *table.Batch) {
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
func (s *parquetSink) room(b *table.Batch) error {
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
	s.writer, err = newParquetEncoder(s.out, s.schema, s.options)
	return err
}

func (s *parquetSink) full(b *table.Batch) bool {
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
func (s *parquetSink) growth() int64 {
	return min(s.writer.size()*table.BatchRows/max(s.out.file.Rows, 1), s.out.splitBytes/8)
}

func (s *parquetSink) finish() error {
	w := s.writer
	s.writer = nil
	if err := w.close(); err != nil {
		return err
	}
	return s.out.finish()
}

func (s *parquetSink) close() error {
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

func (s *parquetSink) abort() {
	if s.writer != nil {
		s.writer.abort()
		s.writer = nil
	}
}
