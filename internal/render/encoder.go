package render

import "consign/internal/table"

// A textEncoder turns rows into the bytes of a text format. It has no state, so that several goroutines can use it at once.
type textEncoder interface {
	// appendRows appends the rows of b from row from on, until all are there or dst holds enough bytes. It returns where
	// each row ends in dst, and the row it stopped at. firstRow is the number of the batch's first row, counted from 1.
	appendRows(dst []byte, ends []int, b *table.Batch, from int, firstRow int64, enough int) ([]byte, []int, int, error)
	frame() frame
}

// A frame is what stands around the rows of one text file.
type frame struct {
	head string // before the first row
	skip int    // bytes that the file's first row leaves out: the comma between the objects of a JSON array
	tail string // after the last row
}

// A fileWriter renders batches, in their order, into one file of a format that is not made of independent rows. It does
// its own work in parallel. After an error only abort is called.
type fileWriter interface {
	// write takes the batch over and releases it, at once or later, from any goroutine, also if it fails.
	// firstRow is the number of the batch's first row, counted from 1 over all files of the delivery.
	write(b *table.Batch, firstRow int64) error
	// size is about what the file would have if it were closed now: bytes written, and an estimate for what is buffered.
	// It decides where a file is split, so it depends on the rows alone and never on how far a goroutine has come: it
	// waits if it must. It is called between calls of write, and only when files are split by size.
	size() int64
	// fits returns how many of the batch's first rows are expected to take no more than room bytes in the file, which may
	// be none. It depends on what size does, and is called when size may be.
	fits(b *table.Batch, room int64) int
	// close writes all that is left, and the end of the file. It leaves the io.Writer open.
	close() error
	// abort stops the writer's goroutines, releases its batches and writes nothing more.
	abort()
}
