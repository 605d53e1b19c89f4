package render

import (
	"consign/internal/table"
)

// A columnWriter takes one column of the table apart into its leaf columns: one, or for nested types several.
type columnWriter struct {
	node   *parquetNode
	leaves map[*parquetLeaf]*leafWriter
	order  []*leafWriter
	depths []*slots // scratch, by depth
}

func newColumnWriter(n *parquetNode, pages *pageWriter) *columnWriter {
	c := &columnWriter{node: n, leaves: map[*parquetLeaf]*leafWriter{}}
	c.collect(n, pages)
	return c
}

func (c *columnWriter) collect(n *parquetNode, pages *pageWriter) {
	if n.leaf != nil {
		w := newLeafWriter(n.leaf, pages)
		c.leaves[n.leaf] = w
		c.order = append(c.order, w)
	}
	for _, child := range n.children {
		c.collect(child, pages)
	}
}

// free gives back the memory that another file's column can use. The writer is not used any more.
func (c *columnWriter) free() {
	for _, w := range c.order {
		if text, ok := w.store.(*textStore); ok {
			text.free()
		}
		w.store = nil
	}
}

// add adds the rows from lo to hi. badValue.index is a row of the vector.
func (c *columnWriter) add(v *table.Vector, lo, hi int) (*badValue, error) {
	if c.node.leaf != nil {
		return c.order[0].addFlat(v, lo, hi)
	}
	s := c.slots(0)
	for i := lo; i < hi; i++ {
		s.add(int32(i), 0, 0)
	}
	bad, err := c.shred(c.node, v, s, 1)
	if bad != nil {
		bad.index += lo
	}
	return bad, err
}

// slots are the places in which a node of the schema has a value or says that it has none, row after row: where the
// value is in the node's vector (-1: nowhere) and the levels that it has so far.
type slots struct {
	at       []int32
	def, rep []uint8
}

func (s *slots) add(at int32, def, rep uint8) {
	s.at, s.def, s.rep = append(s.at, at), append(s.def, def), append(s.rep, rep)
}

// row returns which row slot i belongs to, counted from 0.
func (s *slots) row(i int) int {
	row := -1
	for _, rep := range s.rep[:i+1] {
		if rep == 0 {
			row++
		}
	}
	return row
}

func (c *columnWriter) slots(depth int) *slots {
	for len(c.depths) <= depth {
		c.depths = append(c.depths, &slots{})
	}
	s := c.depths[depth]
	s.at, s.def, s.rep = s.at[:0], s.def[:0], s.rep[:0]
	return s
}

// shred writes the values of node n, which are in v at the parent's slots. badValue.index is a row.
func (c *columnWriter) shred(n *parquetNode, v *table.Vector, parent *slots, depth int) (*badValue, error) {
	s := c.slots(depth)
	for i, at := range parent.at {
		def := parent.def[i]
		switch {
		case at < 0:
		case !v.Null(int(at)):
			def = n.def
		case n.required:
			return &badValue{parent.row(i), "the key of a map is NULL"}, nil
		default:
			at = -1
		}
		s.add(at, def, parent.rep[i])
	}
	if n.leaf != nil {
		return c.leaves[n.leaf].addNested(v, s)
	}
	if n.typ.Kind != table.Struct {
		s = c.elements(n, v, s, depth+1)
	}
	for i, child := range n.children {
		if bad, err := c.shred(child, valuesOf(v, i), s, depth+2); bad != nil || err != nil {
			return bad, err
		}
	}
	return nil, nil
}

// valuesOf returns the values of a child. A list or map without elements may have none: nobody looks at them.
func valuesOf(v *table.Vector, child int) *table.Vector {
	if child < len(v.Children) {
		return &v.Children[child]
	}
	return &table.Vector{}
}

// elements returns the slots of the elements of a list or map. A list that is NULL or empty keeps one slot, and what
// its definition level says is which of the two it is.
func (c *columnWriter) elements(n *parquetNode, v *table.Vector, lists *slots, depth int) *slots {
	s := c.slots(depth)
	for i, at := range lists.at {
		rep := lists.rep[i]
		if at < 0 || v.Entries[at].Length == 0 {
			s.add(-1, lists.def[i], rep)
			continue
		}
		e := v.Entries[at]
		for j := range e.Length {
			s.add(int32(e.Offset+j), n.def+1, rep)
			rep = n.rep + 1
		}
	}
	return s
}

// addNested adds the values at the slots. Pages end between rows.
func (w *leafWriter) addNested(v *table.Vector, s *slots) (*badValue, error) {
	for first := 0; first < len(s.at); {
		next := w.addSlots(v, s, first)
		if len(w.at) > 0 {
			if bad, why := w.store.add(v, rowsOf{at: w.at}); bad >= 0 {
				return &badValue{s.row(first + nthPresent(s.at[first:next], bad)), why}, nil
			}
		}
		if next < len(s.at) {
			if err := w.closePage(); err != nil {
				return nil, err
			}
		}
		first = next
	}
	return nil, nil
}

// addSlots adds the levels of the slots from first on to the page, until it is full, and puts into w.at where their
// values are. It returns the slot that the next page begins with.
func (w *leafWriter) addSlots(v *table.Vector, s *slots, first int) (next int) {
	w.at = w.at[:0]
	for i := first; i < len(s.at); i++ {
		if s.rep[i] == 0 {
			if w.full() {
				return i
			}
			w.rows++
		}
		w.def.add(s.def[i], 1)
		w.rep.add(s.rep[i], 1)
		at := s.at[i]
		w.size += w.weigh(v, at)
		if at < 0 {
			w.nulls++
			continue
		}
		w.at = append(w.at, at)
	}
	return len(s.at)
}

// weigh returns roughly what a slot adds to the page.
func (w *leafWriter) weigh(v *table.Vector, at int32) int {
	const level, number = 1, 8
	switch {
	case at < 0:
		return level
	case w.text:
		return level + 4 + len(v.Strings[at])
	default:
		return level + max(w.leaf.width, number)
	}
}

// nthPresent returns the index of the slot that has the n-th value.
func nthPresent(at []int32, n int) int {
	for i := range at {
		if at[i] >= 0 {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return -1
}
