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
