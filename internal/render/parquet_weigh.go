package render

import "consign/internal/table"

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
