package render

import (
	"io"
	"sync"
	"sync/atomic"

	"consign/internal/table"
)

const (
	// groupRows is the greatest number of rows in a row group.
	groupRows = 1_000_000
	// groupBytes closes a row group earlier. It counts values before compression, so that it depends on the rows alone;
	// one row group is held in memory, compressed, while it is encoded, and the one before it while it is written.
	groupBytes = 64 << 20
	// leastGroupBytes is as small as row groups get when files are split by size.
	leastGroupBytes = 256 << 10
	// groupsPerSplit is how many row groups a file of the wanted size would have without compression: the size of a file
	// is known by the row group only.
	groupsPerSplit = 4
	// workBytes is how much of batches is in work at once: enough for every lane to have something to do, little enough
	// to stay in the processor's cache. A larger batch is in work alone.
	workBytes = 24 << 20
	// workBatches is the greatest number of batches in work for each thread.
	workBatches = 4
	// chunkOverhead is about what a column chunk takes beside its values: page headers, footer, page index.
	chunkOverhead = 300
)

// A parquetEncoder renders batches, in their order, into one Parquet file. Each column is a lane: the pieces of a lane are
// encoded one after the other, different lanes at once, by a fixed number of goroutines. So every byte depends on the rows
// and the options alone, and no more than one row group is being encoded and one written at a time. It ends with close or
// abort; after an error only abort is called.
//
// The page and column chunk level is this package's own, on parquet-go's formats and encodings: parquet-go's column
// writers take optional values only one by one in boxes, which cost a third of the time.
type parquetEncoder struct {
	file    *parquetFile
	schema  table.Schema
	lanes   []*lane
	ready   chan *lane // lanes with work that no goroutine has taken yet
	room    *budget
	groups  chan *rowGroup
	workers sync.WaitGroup
	flusher sync.WaitGroup

	group      *rowGroup   // that rows go into now
	groupBytes int         // limit
	unknown    []*rowGroup // handed over, but not yet counted in known
	known      rowGroup    // all row groups before those

	failure failure
}

// A rowGroup waits for its column chunks.
type rowGroup struct {
	rows   int
	weight int // of its values before compression
	chunks []*columnChunk
	open   atomic.Int32 // lanes that have not finished yet
	whole  chan struct{}
	size   int64 // in the file
}

// newParquetEncoder begins a Parquet file of the given columns.
func newParquetEncoder(w io.Writer, schema table.Schema, o Options) (*parquetEncoder, error) {
	o = o.withDefaults()
	pages, err := newPageWriter(o.ParquetCompression, o.Threads)
	if err != nil {
		return nil, err
	}
	tree := newParquetSchema(schema)
	e := &parquetEncoder{
		file: &parquetFile{w: w, schema: tree, codec: pages.codec}, schema: schema, groupBytes: groupBytes,
		ready: make(chan *lane, len(schema)), groups: make(chan *rowGroup),
		room: newBudget(workBytes, workBytes/(workBatches*o.Threads)),
	}
	if o.SplitMegabytes > 0 {
		e.groupBytes = int(min(groupBytes, max(leastGroupBytes, o.SplitMegabytes*bytesPerMegabyte/groupsPerSplit)))
	}
	first := 0
	for i, n := range tree.columns {
		l := &lane{index: i, first: first, writer: newColumnWriter(n, pages)}
		first += len(l.writer.order)
		e.lanes = append(e.lanes, l)
	}
	e.beginGroup()
	for range o.Threads {
		e.workers.Go(e.work)
	}
	e.flusher.Go(e.flush)
	return e, nil
}

func (e *parquetEncoder) beginGroup() {
	e.group = &rowGroup{chunks: make([]*columnChunk, len(e.file.schema.leaves)), whole: make(chan struct{})}
	e.group.open.Store(int32(len(e.lanes)))
}

// write takes the batch over and releases it, at once or later, from any goroutine, also if it fails. firstRow is the
// number of the batch's first row, counted from 1 over all files of the delivery.
func (e *parquetEncoder) write(b *table.Batch, firstRow int64) error {
	if err := e.failure.get(); err != nil {
		b.Release()
		return err
	}
	weight := e.weigh(b, 0, b.Rows)
	shared := &sharedBatch{Batch: b, weight: weight}
	shared.users.Store(1)
	e.room.take(weight)
	for lo := 0; lo < b.Rows; {
		hi, size := e.fill(b, lo, weight)
		weight -= size
		shared.users.Add(int32(len(e.lanes)))
		p := piece{batch: shared, lo: lo, hi: hi, first: firstRow}
		full := e.group.weight >= e.groupBytes || e.group.rows == groupRows
		if full {
			p.finish = e.group
		}
		e.push(p)
		if full {
			e.handOver()
		}
		lo = hi
	}
	e.drop(shared)
	return nil
}

// handOver passes the row group on to be written and begins the next.
func (e *parquetEncoder) handOver() {
	e.groups <- e.group
	e.unknown = append(e.unknown, e.group)
	// The flusher took this one because it was done with the one before: the sizes known depend on the rows alone.
	if len(e.unknown) > 1 {
		e.known.size += e.unknown[0].size
		e.known.weight += e.unknown[0].weight
		e.unknown = e.unknown[1:]
	}
	e.beginGroup()
}

// size is about what the file would have if it were closed now: bytes written, and an estimate for what is not: row groups
// that are not known yet count as if they shrank like those that are. It decides where a file is split, so it depends on
// the rows alone and never on how far a goroutine has come. It is called between calls of write.
func (e *parquetEncoder) size() int64 {
	weight := e.group.weight
	for _, g := range e.unknown {
		weight += g.weight
	}
	estimate := int64(weight)
	if e.known.weight > 0 {
		estimate = int64(float64(weight) * float64(e.known.size) / float64(e.known.weight))
	}
	return e.known.size + estimate + int64((len(e.unknown)+1)*len(e.file.schema.leaves)*chunkOverhead)
}

// fits returns how many of the batch's first rows are expected, by the same estimate, to take no more than room bytes in the
// file, which may be none.
func (e *parquetEncoder) fits(b *table.Batch, room int64) int {
	shrinks := 1.0
	if e.known.weight > 0 {
		shrinks = float64(e.known.size) / float64(e.known.weight)
	}
	most := float64(room) / shrinks // of weight
	if float64(e.weigh(b, 0, b.Rows)) <= most {
		return b.Rows
	}
	rows := 0
	for taken := 0; rows < b.Rows; rows++ {
		if taken += e.weigh(b, rows, rows+1); float64(taken) > most {
			break
		}
	}
	return rows
}

// fill takes the batch's rows from lo on, which weigh rest, into the present row group, as far as they fit. The row that
// reaches the limit is the last, wherever the batches end. It returns the row that it stopped at and what it took.
func (e *parquetEncoder) fill(b *table.Batch, lo, rest int) (hi, size int) {
	g := e.group
	if g.rows+b.Rows-lo <= groupRows && g.weight+rest < e.groupBytes {
		hi, size = b.Rows, rest
	} else {
		for hi = lo; hi < b.Rows && g.rows+hi-lo < groupRows && g.weight+size < e.groupBytes; hi++ {
			size += e.weigh(b, hi, hi+1)
		}
	}
	g.weight += size
	g.rows += hi - lo
	return hi, size
}

func (e *parquetEncoder) weigh(b *table.Batch, lo, hi int) int {
	size := 0
	for i := range b.Columns {
		size += weigh(&e.schema[i].Type, &b.Columns[i], lo, hi)
	}
	return size
}

// flush writes row groups in their order.
func (e *parquetEncoder) flush() {
	for g := range e.groups {
		<-g.whole
		if e.failure.failed.Load() {
			continue
		}
		before := e.file.written
		e.failure.set(e.file.addGroup(g.chunks))
		g.size = e.file.written - before
	}
}

// close writes all that is left, and the end of the file. It leaves the io.Writer open.
func (e *parquetEncoder) close() error {
	if e.group.rows > 0 {
		e.push(piece{finish: e.group})
		e.groups <- e.group
	}
	e.stop()
	if err := e.failure.get(); err != nil {
		return err
	}
	return e.file.close()
}

// abort stops the goroutines, releases the batches and writes nothing more.
func (e *parquetEncoder) abort() {
	e.failure.set(ErrAborted)
	e.stop()
}

// stop waits for the goroutines. The lanes are empty then: ready is closed only once no batch is in work.
func (e *parquetEncoder) stop() {
	e.room.drain()
	close(e.groups)
	e.flusher.Wait()
	close(e.ready)
	e.workers.Wait()
	for _, l := range e.lanes {
		l.writer.free()
	}
	e.lanes = nil
}
