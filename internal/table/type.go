// Package table is what passes between a source and a file: columns with types, and rows in columnar batches.
package table

import "fmt"

// Kind is the meaning of a column's values.
type Kind uint8

// The kinds. The comment names the slice of a Vector that holds the values.
const (
	Invalid     Kind = iota
	Bool             // Bools
	Int8             // I8
	Int16            // I16
	Int32            // I32
	Int64            // I64
	Uint8            // U8
	Uint16           // U16
	Uint32           // U32
	Uint64           // U64
	HugeInt          // I128
	UHugeInt         // I128, read as unsigned
	Float32          // F32
	Float64          // F64
	Decimal          // I16 up to 4 digits of Precision, I32 up to 9, I64 up to 18, I128 up to 38: DuckDB's own carriers
	String           // Strings: UTF-8
	Blob             // Strings: any bytes
	Enum             // Strings
	JSON             // Strings: one JSON text
	UUID             // UUIDs, big-endian
	Date             // I32: days since 1970-01-01; DateInfinity and DateNegInfinity
	Time             // I64: microseconds since midnight, 0 to 86,400,000,000
	Timestamp        // I64: units since 1970-01-01 00:00:00 (Type.Unit) without zone; TimestampInfinity and TimestampNegInfinity
	TimestampTZ      // I64: microseconds since 1970-01-01 00:00:00 UTC
	Interval         // Intervals
	List             // Entries into Children[0]
	Struct           // Children, one per field, row by row
	Map              // Entries into Children[0] (keys) and Children[1] (values)
)

var kindNames = [...]string{
	"INVALID", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
	"HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "BLOB", "ENUM", "JSON", "UUID", "DATE", "TIME",
	"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "INTERVAL", "LIST", "STRUCT", "MAP",
}

// String returns the SQL name of the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Numeric reports whether the values are typed numbers, which `quote_mode: non_numeric` leaves bare.
func (k Kind) Numeric() bool {
	return k >= Int8 && k <= Decimal
}

// The values that sources use for a date or timestamp before or after every other.
const (
	DateInfinity         = int32(1<<31 - 1)
	DateNegInfinity      = -DateInfinity
	TimestampInfinity    = int64(1<<63 - 1)
	TimestampNegInfinity = -TimestampInfinity
)

// Unit is the resolution of a timestamp without zone.
type Unit uint8

// The units. Micro is the zero value.
const (
	Micro Unit = iota
	Second
	Milli
	Nano
)

// A Type is a kind with what belongs to it.
type Type struct {
	Kind      Kind
	Precision uint8   // Decimal: digits, 1 to 38
	Scale     uint8   // Decimal: digits behind the point
	Unit      Unit    // Timestamp
	Elem      *Type   // List: the element; Map: the value
	Key       *Type   // Map
	Fields    []Field // Struct
}

// A Field is a named part of a struct.
type Field struct {
	Name string
	Type Type
}

// String returns the type as SQL: DECIMAL(18,2), VARCHAR[], STRUCT("a" INTEGER).
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case List:
		return t.Elem.String() + "[]"
	case Map:
		return fmt.Sprintf("MAP(%s, %s)", t.Key, t.Elem)
	case Struct:
		s := "STRUCT("
		for i, f := range t.Fields {
			if i > 0 {
				s += ", "
			}
			s += fmt.Sprintf("%q %s", f.Name, f.Type)
		}
		return s + ")"
	case Timestamp:
		return "TIMESTAMP" + [...]string{"", "_S", "_MS", "_NS"}[t.Unit]
	default:
		return t.Kind.String()
	}
}

// Nested reports whether the type holds other types.
func (t Type) Nested() bool {
	return t.Kind == List || t.Kind == Struct || t.Kind == Map
}

// A Column is a named, typed column of a result. Every column may hold NULL.
type Column struct {
	Name string
	Type Type
}

// A Schema is the columns of a result, in order.
type Schema []Column

// Index returns the position of the column called name, and -1 if there is none. Names are compared exactly.
func (s Schema) Index(name string) int {
	for i, c := range s {
		if c.Name == name {
			return i
		}
	}
	return -1
}
