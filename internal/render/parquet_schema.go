package render

import (
	"fmt"
	"math"
	"math/big"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"consign/internal/table"
)

// parquetRefusal says why a column of type t cannot be written to Parquet without losing its meaning, with the cast to
// write; empty if it can. Parquet has no integer above 64 bits, and its INTERVAL counts milliseconds and is unsigned.
func parquetRefusal(t table.Type) string {
	switch t.Kind {
	case table.HugeInt, table.UHugeInt:
		return t.String() + " has no Parquet type: cast it to DECIMAL(38,0), or to VARCHAR"
	case table.Interval:
		return "INTERVAL has no Parquet type that keeps its value: cast it to VARCHAR"
	case table.List:
		return parquetRefusal(*t.Elem)
	case table.Map:
		if why := parquetRefusal(*t.Key); why != "" {
			return why
		}
		return parquetRefusal(*t.Elem)
	case table.Struct:
		if len(t.Fields) == 0 {
			return "a STRUCT without fields has no Parquet type: leave the column out"
		}
		for _, f := range t.Fields {
			if why := parquetRefusal(f.Type); why != "" {
				return fmt.Sprintf("field %q: %s", f.Name, why)
			}
		}
		return ""
	case table.Invalid:
		return "the column has no type: cast it to one"
	default:
		return ""
	}
}

// mostLevels is the greatest level of a value: others count them in a byte, as parquetNode does.
const mostLevels = math.MaxUint8

// parquetLevels returns the definition level of a value of type t that no NULL is around.
func parquetLevels(t table.Type) int {
	switch t.Kind {
	case table.List:
		return 2 + parquetLevels(*t.Elem)
	case table.Map:
		return 2 + max(parquetLevels(*t.Key), parquetLevels(*t.Elem))
	case table.Struct:
		most := 0
		for _, f := range t.Fields {
			most = max(most, parquetLevels(f.Type))
		}
		return 1 + most
	default:
		return 1
	}
}

// A parquetNode is one node of the file's schema, with the levels that a value present at this node has.
type parquetNode struct {
	typ      table.Type
	required bool // only the keys of a map
	def, rep uint8
	children []*parquetNode
	leaf     *parquetLeaf // nil for groups
}

// A parquetLeaf is a column of the file as Parquet sees it: every scalar, however deep.
type parquetLeaf struct {
	path           []string
	typ            table.Type
	maxDef, maxRep uint8
	physical       format.Type
	width          int // bytes of a FIXED_LEN_BYTE_ARRAY
	order          valueOrder
	text           bool // UTF-8
}

// A parquetSchema is what the footer says about the columns, and the tree that batches are taken apart along.
type parquetSchema struct {
	elements []format.SchemaElement
	columns  []*parquetNode // one per column of the table
	leaves   []*parquetLeaf
}

// newParquetSchema returns the schema of columns that Options.Schema has not refused.
func newParquetSchema(in table.Schema) *parquetSchema {
	s := &parquetSchema{}
	s.elements = append(s.elements, format.SchemaElement{
		Name: "schema", NumChildren: thrift.New(int32(len(in))),
	})
	for _, c := range in {
		s.columns = append(s.columns, s.add(c.Name, c.Type, parquetNode{}, nil, false))
	}
	return s
}

// add appends the schema elements of one column or field and returns its node.
func (s *parquetSchema) add(name string, t table.Type, parent parquetNode, path []string, required bool) *parquetNode {
	n := &parquetNode{typ: t, required: required, def: parent.def, rep: parent.rep}
	e := format.SchemaElement{Name: name}
	e.RepetitionType.Set(format.Optional)
	if required {
		e.RepetitionType.Set(format.Required)
	} else {
		n.def++
	}
	path = append(path[:len(path):len(path)], name)
	switch t.Kind {
	case table.Struct:
		e.NumChildren.Set(int32(len(t.Fields)))
		s.elements = append(s.elements, e)
		for _, f := range t.Fields {
			n.children = append(n.children, s.add(f.Name, f.Type, *n, path, false))
		}
	case table.List, table.Map:
		s.addRepeated(e, n, path)
	default:
		n.leaf = &parquetLeaf{path: path, typ: t, maxDef: n.def, maxRep: n.rep}
		n.leaf.describe(&e)
		s.elements = append(s.elements, e)
		s.leaves = append(s.leaves, n.leaf)
	}
	return n
}

// addRepeated appends the three levels of a list or map: the group that may be NULL, the repeated group, the elements.
func (s *parquetSchema) addRepeated(e format.SchemaElement, n *parquetNode, path []string) {
	repeated := format.SchemaElement{Name: "list"}
	repeated.RepetitionType.Set(format.Repeated)
	e.NumChildren.Set(1)
	inside := parquetNode{def: n.def + 1, rep: n.rep + 1}
	if n.typ.Kind == table.List {
		e.ConvertedType.Set(deprecated.List)
		e.LogicalType.Value = &format.ListType{}
		repeated.NumChildren.Set(1)
		s.elements = append(s.elements, e, repeated)
		path = append(path, repeated.Name)
		n.children = []*parquetNode{s.add("element", *n.typ.Elem, inside, path, false)}
		return
	}
	e.ConvertedType.Set(deprecated.Map)
	e.LogicalType.Value = &format.MapType{}
	repeated.Name = "key_value"
	repeated.NumChildren.Set(2)
	s.elements = append(s.elements, e, repeated)
	path = append(path, repeated.Name)
	n.children = []*parquetNode{
		s.add("key", *n.typ.Key, inside, path, true),
		s.add("value", *n.typ.Elem, inside, path, false),
	}
}

// describe sets the physical type, and what the bytes mean: the logical type for today's readers and, where there is
// one, the converted type for older ones.
func (l *parquetLeaf) describe(e *format.SchemaElement) {
	switch l.typ.Kind {
	case table.Bool:
		l.physical = format.Boolean
	case table.Float32:
		l.physical, l.order = format.Float, floatOrder
	case table.Float64:
		l.physical, l.order = format.Double, floatOrder
	case table.Decimal:
		l.describeDecimal(e)
	case table.UUID:
		l.physical, l.width, l.order = format.FixedLenByteArray, 16, bytesOrder
		e.LogicalType.Value = &format.UUIDType{}
	case table.Date, table.Time, table.Timestamp, table.TimestampTZ:
		l.describeTime(e)
	case table.String, table.Enum, table.JSON, table.Blob:
		l.describeText(e)
	default:
		l.describeInteger(e)
	}
	e.Type.Set(l.physical)
	if l.width > 0 {
		e.TypeLength.Set(int32(l.width))
	}
}

func (l *parquetLeaf) describeInteger(e *format.SchemaElement) {
	k := l.typ.Kind
	signed := k <= table.Int64
	step := int(k - table.Int8)
	if !signed {
		step = int(k - table.Uint8)
		l.order = unsignedOrder
	}
	l.physical = format.Int32
	if step == 3 {
		l.physical = format.Int64
	}
	e.LogicalType.Value = &format.IntType{BitWidth: int8(8 << step), IsSigned: signed}
	converted := deprecated.Int8
	if !signed {
		converted = deprecated.Uint8
	}
	e.ConvertedType.Set(converted + deprecated.ConvertedType(step))
}

// describeDecimal uses the smallest carrier: 32 bits hold 9 digits, 64 bits hold 18, above that just enough bytes.
func (l *parquetLeaf) describeDecimal(e *format.SchemaElement) {
	precision, scale := int32(l.typ.Precision), int32(l.typ.Scale)
	switch {
	case precision <= 9:
		l.physical = format.Int32
	case precision <= 18:
		l.physical = format.Int64
	default:
		l.physical, l.width = format.FixedLenByteArray, decimalWidth(int(precision))
	}
	e.Precision.Set(precision)
	e.Scale.Set(scale)
	e.ConvertedType.Set(deprecated.Decimal)
	e.LogicalType.Value = &format.DecimalType{Precision: precision, Scale: scale}
}

// describeTime sets TIMESTAMP_S to milliseconds, since Parquet has no seconds. Timestamps without zone get the
// converted type of their unit too, as Spark's and DuckDB's own writers do: it is all that older readers know.
func (l *parquetLeaf) describeTime(e *format.SchemaElement) {
	l.physical = format.Int64
	micros := format.TimeUnit{Value: &format.MicroSeconds{}}
	switch l.typ.Kind {
	case table.Date:
		l.physical = format.Int32
		e.ConvertedType.Set(deprecated.Date)
		e.LogicalType.Value = &format.DateType{}
	case table.Time:
		e.ConvertedType.Set(deprecated.TimeMicros)
		e.LogicalType.Value = &format.TimeType{Unit: micros}
	case table.TimestampTZ:
		e.ConvertedType.Set(deprecated.TimestampMicros)
		e.LogicalType.Value = &format.TimestampType{IsAdjustedToUTC: true, Unit: micros}
	default:
		switch l.typ.Unit {
		case table.Second, table.Milli:
			e.ConvertedType.Set(deprecated.TimestampMillis)
			e.LogicalType.Value = &format.TimestampType{Unit: format.TimeUnit{Value: &format.MilliSeconds{}}}
		case table.Nano:
			e.LogicalType.Value = &format.TimestampType{Unit: format.TimeUnit{Value: &format.NanoSeconds{}}}
		default:
			e.ConvertedType.Set(deprecated.TimestampMicros)
			e.LogicalType.Value = &format.TimestampType{Unit: micros}
		}
	}
}

// describeText writes an ENUM as a string: many loaders read Parquet's own ENUM as plain bytes.
func (l *parquetLeaf) describeText(e *format.SchemaElement) {
	l.physical, l.order = format.ByteArray, bytesOrder
	l.text = l.typ.Kind != table.Blob
	switch l.typ.Kind {
	case table.Blob:
	case table.JSON:
		e.ConvertedType.Set(deprecated.Json)
		e.LogicalType.Value = &format.JsonType{}
	default:
		e.ConvertedType.Set(deprecated.UTF8)
		e.LogicalType.Value = &format.StringType{}
	}
}

// decimalWidth returns the bytes of a two's complement integer with the given number of decimal digits.
func decimalWidth(digits int) int {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	return (most.Sub(most, big.NewInt(1)).BitLen() + 8) / 8 // one more bit for the sign
}
