package render

import (
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"consign/internal/table"
)

const (
	// pageRows is the greatest number of rows in a page: parquet-mr's default, small enough for page indexes to skip.
	pageRows = 20_000
	// pageBytes is what a page may hold before it is closed: parquet-mr's default too.
	pageBytes = 1 << 20
)

// A leafWriter makes the column chunks of one leaf column, page by page.
type leafWriter struct {
	leaf     *parquetLeaf
	pages    *pageWriter
	store    valueStore
	text     bool
	size     int // of the page's values, roughly
	rows     int
	nulls    int64
	def, rep levels
	chunk    *columnChunk
	spare    chan []byte // for the data of the next chunk
	at       []int32     // scratch
}

// A columnChunk is one leaf column of one row group, encoded.
type columnChunk struct {
	data         []byte // the data pages
	dictionary   []byte // the dictionary page, if there is one
	uncompressed int64
	rows         int64
	values       int64
	nulls        int64
	pages        []pageSummary
	bounds       pageBounds
	noIndex      bool          // the page index has nothing to say about this chunk
	spare        chan<- []byte // takes data back

	plainPages, dictionaryPages int32 // data pages with values, and with indexes
}

// A pageSummary is what the page index says about a page.
type pageSummary struct {
	size   int32
	row    int64 // its first
	nulls  int64
	bounds pageBounds
}

func newLeafWriter(l *parquetLeaf, pages *pageWriter) *leafWriter {
	w := &leafWriter{
		leaf: l, pages: pages, store: newValueStore(l), text: l.physical == format.ByteArray,
		def: levels{most: l.maxDef}, rep: levels{most: l.maxRep},
		spare: make(chan []byte, 2), // one for the row group in work, one for the one being written
	}
	w.beginChunk()
	return w
}

func (w *leafWriter) beginChunk() {
	w.chunk = &columnChunk{spare: w.spare}
	select {
	case w.chunk.data = <-w.spare:
	default:
	}
}

// A badValue is a value that cannot be written: where it is in what was to be added, and why.
type badValue struct {
	index int
	why   string
}

// addFlat adds the rows from lo to hi of a column that is not nested.
func (w *leafWriter) addFlat(v *table.Vector, lo, hi int) (*badValue, error) {
	for lo < hi {
		n := min(hi-lo, pageRows-w.rows)
		present := w.present(v, lo, lo+n)
		if w.text {
			count, size := textFits(v.Strings, present, pageBytes-w.size)
			w.size += size
			if w.size >= pageBytes {
				present = present.first(count)
				n = present.position(count-1) + 1 - lo
			}
		}
		if bad, why := w.store.add(v, present); bad >= 0 {
			return &badValue{present.position(bad), why}, nil
		}
		w.addFlatLevels(present, lo, n)
		w.rows += n
		if w.full() {
			if err := w.closePage(); err != nil {
				return nil, err
			}
		}
		lo += n
	}
	return nil, nil
}

// full reports whether the next row begins a page.
func (w *leafWriter) full() bool { return w.rows == pageRows || w.size >= pageBytes }

// present returns those of the rows from lo to hi that are not NULL.
func (w *leafWriter) present(v *table.Vector, lo, hi int) rowsOf {
	if v.Valid == nil {
		return rowsOf{lo: lo, hi: hi}
	}
	w.at = w.at[:0]
	for i := lo; i < hi; i++ {
		if !v.Null(i) {
			w.at = append(w.at, int32(i))
		}
	}
	if len(w.at) == hi-lo {
		return rowsOf{lo: lo, hi: hi}
	}
	if w.at == nil {
		w.at = make([]int32, 0, table.BatchRows) // nil means a range
	}
	return rowsOf{at: w.at}
}

func (w *leafWriter) addFlatLevels(present rowsOf, lo, n int) {
	if present.at == nil {
		w.def.add(1, n)
		return
	}
	w.nulls += int64(n - len(present.at))
	next := lo
	for i := 0; i < len(present.at); {
		first := int(present.at[i])
		w.def.add(0, first-next)
		run := 1
		for i+run < len(present.at) && int(present.at[i+run]) == first+run {
			run++
		}
		w.def.add(1, run)
		next, i = first+run, i+run
	}
	w.def.add(0, lo+n-next)
}

// closePage encodes the page that was filled and begins the next.
func (w *leafWriter) closePage() error {
	if w.rows == 0 {
		return nil
	}
	c := w.chunk
	p := pageSummary{row: c.rows, nulls: w.nulls, bounds: w.store.bounds()}
	values := w.def.n
	s := pageScratches.Get().(*pageScratch)
	defer s.free()

	body, err := w.rep.appendTo(s.body[:0], s)
	if err != nil {
		return err
	}
	if body, err = w.def.appendTo(body, s); err != nil {
		return err
	}
	body, encoding, err := w.store.appendPage(body)
	if err != nil {
		return err
	}
	s.body = body
	header := format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(format.DataPageHeader{
		NumValues: int32(values), Encoding: encoding,
		DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})}
	before := len(c.data)
	data, size, err := w.pages.append(c.data, body, header, s)
	if err != nil {
		return err
	}
	c.data = data
	p.size = int32(len(data) - before)
	c.bounds.widen(p.bounds, w.leaf)
	c.noIndex = !p.bounds.cut(w.leaf.text) || p.bounds.nan || c.noIndex
	c.pages = append(c.pages, p)
	c.uncompressed += size
	c.rows += int64(w.rows)
	c.values += int64(values)
	c.nulls += w.nulls
	if encoding == format.Plain {
		c.plainPages++
	} else {
		c.dictionaryPages++
	}
	w.rows, w.size, w.nulls = 0, 0, 0
	return nil
}

// finish returns the column chunk and begins the next.
func (w *leafWriter) finish() (*columnChunk, error) {
	if err := w.closePage(); err != nil {
		return nil, err
	}
	c := w.chunk
	w.beginChunk()
	entries, n := w.store.dictionary()
	if n == 0 {
		return c, nil
	}
	s := pageScratches.Get().(*pageScratch)
	defer s.free()
	header := format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{
		NumValues: int32(n), Encoding: format.Plain,
	})}
	var size int64
	var err error
	c.dictionary, size, err = w.pages.append(nil, entries, header, s)
	c.uncompressed += size
	return c, err
}
