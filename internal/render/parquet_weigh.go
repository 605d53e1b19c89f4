package render

import (
	"sync"

	"consign/internal/table"
)

// A budget bounds what is in work at once.
type budget struct {
	mu          sync.Mutex
	less        sync.Cond
	used        int
	most, least int // in all, and for one
}

func newBudget(most, least int) *budget {
	b := &budget{most: most, least: least}
	b.less.L = &b.mu
	return b
}

// take waits until there is room for n, or nothing else.
func (b *budget) take(n int) {
	n = max(n, b.least)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > 0 && b.used+n > b.most {
		b.less.Wait()
	}
	b.used += n
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= max(n, b.least)
	b.less.Broadcast()
}

// drain waits until nothing is in work.
func (b *budget) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > 0 {
		b.less.Wait()
	}
}

// weigh returns roughly how many bytes the values from lo to hi take in Parquet before compression.
func weigh(t *table.Type, v *table.Vector, lo, hi int) int {
	switch t.Kind {
	case table.String, table.Blob, table.Enum, table.JSON:
		size := 4 * (hi - lo)
		if v.Valid == nil {
			for _, s := range v.Strings[lo:hi] {
				size += len(s)
			}
			return size
		}
		for i := lo; i < hi; i++ {
			if !v.Null(i) {
				size += len(v.Strings[i])
			}
		}
		return size
	case table.Struct:
		size := 0
		for i := range t.Fields {
			size += weigh(&t.Fields[i].Type, &v.Children[i], lo, hi)
		}
		return size
	case table.List, table.Map:
		return weighElements(t, v, lo, hi)
	case table.Int64, table.Uint64, table.Float64, table.Time, table.Timestamp, table.TimestampTZ:
		return 8 * (hi - lo)
	case table.UUID:
		return 16 * (hi - lo)
	case table.Decimal:
		return (4 + int(t.Precision)/10*4) * (hi - lo)
	default:
		return 4 * (hi - lo)
	}
}

func weighElements(t *table.Type, v *table.Vector, lo, hi int) int {
	size := 0
	for i := lo; i < hi; i++ {
		size += 2 // its levels
		if v.Null(i) || v.Entries[i].Length == 0 {
			continue
		}
		from, to := int(v.Entries[i].Offset), int(v.Entries[i].Offset+v.Entries[i].Length)
		if t.Kind == table.Map {
			size += weigh(t.Key, &v.Children[0], from, to) + weigh(t.Elem, &v.Children[1], from, to)
		} else {
			size += weigh(t.Elem, &v.Children[0], from, to)
		}
	}
	return size
}
