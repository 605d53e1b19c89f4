package source

import (
	"fmt"
	"slices"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"

	"consign/internal/table"
)

// changed returns the condition under which a value of the column becomes another in the type that the engine has taken for the
// files of all types; "" if none does.
func (c columnType) changed(conn duck.Connection, to string) string {
	if to == c.Type || to == "VARCHAR" || to == "JSON" {
		return ""
	}
	own, all := typeNamed(conn, c.Type), typeNamed(conn, to)
	name := quoteName(c.Name)
	there := "TRY_CAST(" + name + " AS " + to + ")"
	switch {
	case wholeNumber(own) && wholeNumber(all): // all is the wider
		return ""
	case otherMeaning(own, all):
		return name + " IS NOT NULL"
	case own.Kind == table.Decimal && (all.Kind == table.Float32 || all.Kind == table.Float64):
		there += "::VARCHAR" // its digits: the number itself, multiplied, may be rounded to what it was by chance
	}
	return fmt.Sprintf("%s IS DISTINCT FROM TRY_CAST(%s AS %s)", name, there, c.Type)
}

// typeNamed returns the type that the engine calls so; none if no file holds it.
func typeNamed(conn duck.Connection, name string) table.Type {
	var statement duck.PreparedStatement
	defer duck.DestroyPrepare(&statement)
	if duck.Prepare(conn, "SELECT CAST(NULL AS "+name+")", &statement) != duck.StateSuccess {
		return table.Type{}
	}
	t := duck.PreparedStatementColumnLogicalType(statement, 0)
	defer duck.DestroyLogicalType(&t)
	known, _ := typeOf("", t) // a query is told of another where it asks for it
	return known
}

func wholeNumber(t table.Type) bool { return t.Kind >= table.Int8 && t.Kind <= table.UHugeInt }

// otherMeaning reports whether all values of a type, or what is nested in them, would be delivered as something else: truth values
// as numbers, texts as the base64 of bytes, and times in no zone as times of UTC, or those of UTC as of none.
func otherMeaning(own, all table.Type) bool {
	switch {
	case own.Kind == table.Struct && all.Kind == table.Struct:
		return slices.ContainsFunc(own.Fields, func(f table.Field) bool {
			i := slices.IndexFunc(all.Fields, func(other table.Field) bool { return strings.EqualFold(other.Name, f.Name) })
			return i >= 0 && otherMeaning(f.Type, all.Fields[i].Type)
		})
	case own.Kind == table.List && all.Kind == table.List:
		return otherMeaning(*own.Elem, *all.Elem)
	case own.Kind == table.Map && all.Kind == table.Map:
		return otherMeaning(*own.Key, *all.Key) || otherMeaning(*own.Elem, *all.Elem)
	case own.Kind == all.Kind, all.Kind == table.String, all.Kind == table.JSON:
		return false
	default:
		return own.Kind == table.Bool || own.Kind == table.String && all.Kind == table.Blob || own.Kind == table.TimestampTZ || all.Kind == table.TimestampTZ
	}
}
