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
		if bad, err := c.shred(child, &v.Children[i], s, depth+2); bad != nil || err != nil {
			return bad, err
		}
	}
	return nil, nil
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
	width := max(1, w.leaf.width, 8) // of a value, roughly
	for i := 0; i < len(s.at); {
		first := i
		w.at = w.at[:0]
		for ; i < len(s.at); i++ {
			if s.rep[i] == 0 {
				if w.rows == pageRows || w.size >= pageBytes {
					break
				}
				w.rows++
			}
			w.size++
			w.def.add(s.def[i], 1)
			w.rep.add(s.rep[i], 1)
			if at := s.at[i]; at < 0 {
				w.nulls++
			} else {
				w.at = append(w.at, at)
				if w.text {
					w.size += 4 + len(v.Strings[at])
				} else {
					w.size += width
				}
			}
		}
		if bad, why := w.addAt(v); bad >= 0 {
			return &badValue{s.row(nthPresent(s.at[first:i], bad) + first), why}, nil
		}
		if i < len(s.at) {
			if err := w.closePage(); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// addAt adds the values at w.at.
func (w *leafWriter) addAt(v *table.Vector) (int, string) {
	if len(w.at) == 0 {
		return -1, ""
	}
	return w.store.add(v, rowsOf{at: w.at})
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
