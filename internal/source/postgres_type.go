package source

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"consign/internal/table"
)

// pgColumn is a column of a result, and how to read its binary form.
type pgColumn struct {
	name string
	typ  table.Type
	read decoder
}

// appendValue appends value i, which is not NULL, to a vector.
func (c *pgColumn) appendValue(value []byte, i int, to *table.Vector) error {
	if to.Valid != nil {
		cover(to, i)
	}
	return c.read(value, to)
}

// appendNull appends a NULL as value i. A vector without one has no Valid.
func (c *pgColumn) appendNull(i int, to *table.Vector) {
	cover(to, i)
	to.Valid[i/64] &^= 1 << (i % 64)
	appendZero(&c.typ, to)
}

// cover makes Valid long enough for value i.
func cover(to *table.Vector, i int) {
	for len(to.Valid) <= i/64 {
		to.Valid = append(to.Valid, ^uint64(0))
	}
}

// appendZero appends what stands at the place of a NULL.
func appendZero(t *table.Type, to *table.Vector) {
	switch t.Kind {
	case table.Bool:
		to.Bools = append(to.Bools, false)
	case table.Int16:
		to.I16 = append(to.I16, 0)
	case table.Int32, table.Date:
		to.I32 = append(to.I32, 0)
	case table.Uint32:
		to.U32 = append(to.U32, 0)
	case table.Int64, table.Time, table.Timestamp, table.TimestampTZ:
		to.I64 = append(to.I64, 0)
	case table.Float32:
		to.F32 = append(to.F32, 0)
	case table.Float64:
		to.F64 = append(to.F64, 0)
	case table.Decimal:
		appendDecimal(to, int(t.Precision), table.Int128{})
	case table.UUID:
		to.UUIDs = append(to.UUIDs, [16]byte{})
	case table.Interval:
		to.Intervals = append(to.Intervals, table.IntervalValue{})
	case table.List:
		to.Entries = append(to.Entries, table.Entry{Offset: childLength(to)})
	default: // text, of any meaning
		to.Strings = append(to.Strings, "")
	}
}

func schemaOf(columns []pgColumn) table.Schema {
	var schema table.Schema
	for _, c := range columns {
		schema = append(schema, table.Column{Name: c.name, Type: c.typ})
	}
	return schema
}

// pgPlain are the server's own types that need nothing but their number.
var pgPlain = map[uint32]pgColumn{
	pgtype.BoolOID:        {typ: table.Type{Kind: table.Bool}, read: decodeBool},
	pgtype.Int2OID:        {typ: table.Type{Kind: table.Int16}, read: decodeInt16},
	pgtype.Int4OID:        {typ: table.Type{Kind: table.Int32}, read: decodeInt32},
	pgtype.Int8OID:        {typ: table.Type{Kind: table.Int64}, read: decodeInt64},
	pgtype.OIDOID:         {typ: table.Type{Kind: table.Uint32}, read: decodeUint32},
	pgtype.Float4OID:      {typ: table.Type{Kind: table.Float32}, read: decodeFloat32},
	pgtype.Float8OID:      {typ: table.Type{Kind: table.Float64}, read: decodeFloat64},
	pgtype.TextOID:        {typ: table.Type{Kind: table.String}, read: decodeText},
	pgtype.VarcharOID:     {typ: table.Type{Kind: table.String}, read: decodeText},
	pgtype.BPCharOID:      {typ: table.Type{Kind: table.String}, read: decodeText},
	pgtype.NameOID:        {typ: table.Type{Kind: table.String}, read: decodeText},
	pgtype.QCharOID:       {typ: table.Type{Kind: table.String}, read: decodeChar},
	pgtype.ByteaOID:       {typ: table.Type{Kind: table.Blob}, read: decodeText},
	pgtype.DateOID:        {typ: table.Type{Kind: table.Date}, read: decodeDate},
	pgtype.TimeOID:        {typ: table.Type{Kind: table.Time}, read: decodeInt64},
	pgtype.TimestampOID:   {typ: table.Type{Kind: table.Timestamp}, read: decodeTimestamp},
	pgtype.TimestamptzOID: {typ: table.Type{Kind: table.TimestampTZ}, read: decodeTimestamp},
	pgtype.IntervalOID:    {typ: table.Type{Kind: table.Interval}, read: decodeInterval},
	pgtype.UUIDOID:        {typ: table.Type{Kind: table.UUID}, read: decodeUUID},
	pgtype.JSONOID:        {typ: table.Type{Kind: table.JSON}, read: decodeText},
	pgtype.JSONBOID:       {typ: table.Type{Kind: table.JSON}, read: decodeJSONB},
}

// columnsOf returns how to read each column. Types that the server's owner made are looked up in its catalog.
func columnsOf(ctx context.Context, conn *pgconn.PgConn, fields []pgconn.FieldDescription) ([]pgColumn, error) {
	columns := make([]pgColumn, len(fields))
	for i, f := range fields {
		column, err := columnOf(ctx, conn, f.Name, f.DataTypeOID, f.TypeModifier, "")
		if err != nil {
			return nil, err
		}
		columns[i] = column
	}
	return columns, nil
}

// columnOf returns how to read a column of a type. array is what stands behind the type in a cast: [] for the elements of
// one.
func columnOf(ctx context.Context, conn *pgconn.PgConn, name string, oid uint32, modifier int32, array string) (pgColumn, error) {
	if plain, ok := pgPlain[oid]; ok {
		plain.name = name
		return plain, nil
	}
	if oid == pgtype.NumericOID {
		return numericColumn(name, modifier, array)
	}
	known, err := lookUp(ctx, conn, oid)
	if err != nil {
		return pgColumn{}, err
	}
	switch {
	case known.kind == "e":
		return pgColumn{name: name, typ: table.Type{Kind: table.Enum}, read: decodeText}, nil
	case known.category == "A" && known.elem != 0:
		elem, err := columnOf(ctx, conn, name, known.elem, modifier, "[]")
		if err != nil {
			return pgColumn{}, err
		}
		return pgColumn{name: name, typ: table.Type{Kind: table.List, Elem: &elem.typ}, read: decodeArray(elem)}, nil
	case known.kind == "b" && known.category == "S" && known.name == "citext": // sends itself as text
		return pgColumn{name: name, typ: table.Type{Kind: table.String}, read: decodeText}, nil
	case oid == pgtype.UnknownOID:
		return pgColumn{name: name, typ: table.Type{Kind: table.String}, read: decodeText}, nil
	case known.name == "money":
		return pgColumn{}, unsupported(name, known.name, "numeric(20,2)"+array)
	}
	return pgColumn{}, unsupported(name, known.name, "text"+array)
}

type catalogType struct {
	name, kind, category string
	elem                 uint32
}

func lookUp(ctx context.Context, conn *pgconn.PgConn, oid uint32) (catalogType, error) {
	result := conn.ExecParams(ctx, "SELECT typname::text, typtype::text, typcategory::text, typelem::bigint::text FROM pg_catalog.pg_type WHERE oid = $1::bigint::oid",
		[][]byte{[]byte(strconv.FormatUint(uint64(oid), 10))}, nil, nil, nil).Read()
	if result.Err != nil {
		return catalogType{}, serverError(ctx, "", result.Err)
	}
	if len(result.Rows) != 1 {
		return catalogType{}, fmt.Errorf("%w: type %d is not in the server's catalog", ErrEngine, oid)
	}
	row := result.Rows[0]
	elem, err := strconv.ParseUint(string(row[3]), 10, 32)
	if err != nil {
		return catalogType{}, fmt.Errorf("%w: type %d: %w", ErrEngine, oid, err)
	}
	return catalogType{name: string(row[0]), kind: string(row[1]), category: string(row[2]), elem: uint32(elem)}, nil
}

// maxPrecision is the greatest DECIMAL that files hold.
const maxPrecision = 38

// numericColumn returns the column of a numeric with a fixed number of digits. The server's numeric without one may
// hold 131,072 digits, and no file's type can.
func numericColumn(name string, modifier int32, array string) (pgColumn, error) {
	if modifier < 4 {
		return pgColumn{}, unsupported(name, "numeric without precision", "numeric(38,6)"+array)
	}
	precision := int(modifier-4) >> 16
	scale := (int(modifier-4)&0x7ff ^ 1024) - 1024 // eleven bits with a sign
	if precision > maxPrecision || scale < 0 || scale > precision {
		return pgColumn{}, unsupported(name, fmt.Sprintf("numeric(%d,%d)", precision, scale), "numeric(38,6)"+array)
	}
	typ := table.Type{Kind: table.Decimal, Precision: uint8(precision), Scale: uint8(scale)}
	return pgColumn{name: name, typ: typ, read: decodeNumeric(precision, scale)}, nil
}
