package source

import (
	"fmt"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"

	"consign/internal/table"
)

// plainTypes are the engine's types that need nothing but their name.
var plainTypes = map[duck.Type]table.Type{
	duck.TypeBoolean:     {Kind: table.Bool},
	duck.TypeTinyInt:     {Kind: table.Int8},
	duck.TypeSmallInt:    {Kind: table.Int16},
	duck.TypeInteger:     {Kind: table.Int32},
	duck.TypeBigInt:      {Kind: table.Int64},
	duck.TypeUTinyInt:    {Kind: table.Uint8},
	duck.TypeUSmallInt:   {Kind: table.Uint16},
	duck.TypeUInteger:    {Kind: table.Uint32},
	duck.TypeUBigInt:     {Kind: table.Uint64},
	duck.TypeHugeInt:     {Kind: table.HugeInt},
	duck.TypeUHugeInt:    {Kind: table.UHugeInt},
	duck.TypeFloat:       {Kind: table.Float32},
	duck.TypeDouble:      {Kind: table.Float64},
	duck.TypeVarchar:     {Kind: table.String},
	duck.TypeBlob:        {Kind: table.Blob},
	duck.TypeEnum:        {Kind: table.Enum},
	duck.TypeUUID:        {Kind: table.UUID},
	duck.TypeDate:        {Kind: table.Date},
	duck.TypeTime:        {Kind: table.Time},
	duck.TypeTimestamp:   {Kind: table.Timestamp},
	duck.TypeTimestampS:  {Kind: table.Timestamp, Unit: table.Second},
	duck.TypeTimestampMS: {Kind: table.Timestamp, Unit: table.Milli},
	duck.TypeTimestampNS: {Kind: table.Timestamp, Unit: table.Nano},
	duck.TypeTimestampTZ: {Kind: table.TimestampTZ},
	duck.TypeInterval:    {Kind: table.Interval},
	duck.TypeSQLNull:     {Kind: table.Int32}, // the engine's own choice for a column of bare NULLs
}

// refusedTypes are the engine's types that no file can hold, with the type to cast to.
var refusedTypes = map[duck.Type]struct{ name, cast string }{
	duck.TypeBit:      {"BIT", "VARCHAR"},
	duck.TypeTimeTZ:   {"TIME WITH TIME ZONE", "VARCHAR"},
	duck.TypeTimeNS:   {"TIME_NS", "TIME"},
	duck.TypeUnion:    {"UNION", "VARCHAR"},
	duck.TypeBigNum:   {"BIGNUM", "VARCHAR"},
	duck.TypeGeometry: {"GEOMETRY", "VARCHAR"},
	duck.TypeVariant:  {"VARIANT", "VARCHAR"},
}

// unsupported returns the error for a column that cannot be delivered as it is.
func unsupported(column, typeName, cast string) error {
	return fmt.Errorf("column %q: %w %s; write CAST(%s AS %s) AS %s in the query",
		column, ErrUnsupportedType, typeName, quoteName(column), cast, quoteName(column))
}

// typeOf returns the type of a column. It does not keep t.
func typeOf(column string, t duck.LogicalType) (table.Type, error) {
	id := duck.GetTypeId(t)
	if id == duck.TypeVarchar && strings.EqualFold(duck.LogicalTypeGetAlias(t), "json") {
		return table.Type{Kind: table.JSON}, nil
	}
	if plain, ok := plainTypes[id]; ok {
		return plain, nil
	}
	switch id {
	case duck.TypeDecimal:
		return table.Type{Kind: table.Decimal, Precision: duck.DecimalWidth(t), Scale: duck.DecimalScale(t)}, nil
	case duck.TypeList:
		return listOf(column, duck.ListTypeChildType(t))
	case duck.TypeArray:
		return listOf(column, duck.ArrayTypeChildType(t))
	case duck.TypeMap:
		return mapOf(column, t)
	case duck.TypeStruct:
		return structOf(column, t)
	}
	if refused, ok := refusedTypes[id]; ok {
		return table.Type{}, unsupported(column, refused.name, refused.cast)
	}
	return table.Type{}, unsupported(column, fmt.Sprintf("number %d of the engine", id), "VARCHAR")
}

func listOf(column string, elem duck.LogicalType) (table.Type, error) {
	defer duck.DestroyLogicalType(&elem)
	e, err := typeOf(column, elem)
	return table.Type{Kind: table.List, Elem: &e}, err
}

func mapOf(column string, t duck.LogicalType) (table.Type, error) {
	key, value := duck.MapTypeKeyType(t), duck.MapTypeValueType(t)
	defer duck.DestroyLogicalType(&key)
	defer duck.DestroyLogicalType(&value)
	k, err := typeOf(column, key)
	if err != nil {
		return table.Type{}, err
	}
	v, err := typeOf(column, value)
	return table.Type{Kind: table.Map, Key: &k, Elem: &v}, err
}

func structOf(column string, t duck.LogicalType) (table.Type, error) {
	out := table.Type{Kind: table.Struct}
	for i := range duck.StructTypeChildCount(t) {
		child := duck.StructTypeChildType(t, i)
		c, err := typeOf(column, child)
		duck.DestroyLogicalType(&child)
		if err != nil {
			return table.Type{}, err
		}
		name := duck.StructTypeChildName(t, i)
		if name == "" {
			return table.Type{}, fmt.Errorf("column %q: %w STRUCT with unnamed fields; name them: {'a': 1} instead of row(1)", column, ErrUnsupportedType)
		}
		out.Fields = append(out.Fields, table.Field{Name: name, Type: c})
	}
	return out, nil
}
