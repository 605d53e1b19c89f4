package demo

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNestedTypesStandInJSONAndComeBack(t *testing.T) {
	t.Parallel()
	r, err := newReader(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.close()) })
	for name, c := range map[string]struct{ value, json string }{
		"a list":                        {`[1, NULL, 3]`, `[1,null,3]`},
		"a list of lists":               {`[['a'], NULL, []]`, `[["a"],null,[]]`},
		"a struct":                      {`{'a b': 1, 'c': 'x, y'}`, `{"a b":1,"c":"x, y"}`},
		"a map by text":                 {`MAP {'a': 1}`, `{"a":1}`},
		"a map by number":               {`MAP {1: true, 2: NULL}`, `[{"key":1,"value":true},{"key":2,"value":null}]`},
		"a map of maps":                 {`MAP {'a': MAP {1: true}}`, `{"a":[{"key":1,"value":true}]}`},
		"a struct that holds such maps": {`{'m': [MAP {1: 'x'}], "n": DECIMAL '1.50'}`, `{"m":[[{"key":1,"value":"x"}]],"n":1.50}`},
		"a list of NULL structs":        {`[{'m': MAP {1: 2}}, NULL]`, `[{"m":[{"key":1,"value":2}]},null]`},
		"bytes in a list":               {`['ab'::BLOB, '\xFF\x00'::BLOB, NULL, ''::BLOB]`, `["YWI=","/wA=",null,""]`},
		"bytes in a map and a struct":   {`{'m': MAP {'a'::BLOB: ['b'::BLOB]}, 't': MAP {'k': 'c'::BLOB}}`, `{"m":[{"key":"YQ==","value":["Yg=="]}],"t":{"k":"Yw=="}}`},
		"JSON in a list":                {`['{"a": 1}'::JSON, NULL, 'null'::JSON, '"x"'::JSON, '12345678901234567890123 '::JSON]`, `[{"a": 1},null,null,"x",12345678901234567890123 ]`},
		"JSON in a map and a struct":    {`{'m': MAP {1: ' [1.10 , {}]'::JSON}, 't': MAP {'k': 'true'::JSON}}`, `{"m":[{"key":1,"value": [1.10 , {}]}],"t":{"k":true}}`},
		"a long decimal":                {`[999999999999.999999::DECIMAL(18, 6), -0.000001, NULL]`, `[999999999999.999999,-0.000001,null]`},
		"NULL of a nested type":         {`NULL::MAP(INTEGER, MAP(DATE, VARCHAR[]))`, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			columns, err := r.describe(t.Context(), "SELECT "+c.value+" AS v")
			require.NoError(t, err)
			path := csvFile(t, "v\n\""+strings.ReplaceAll(c.json, `"`, `""`)+"\"\n")
			verdict, err := r.compare(t.Context(), sentSQL(path, "SELECT "+c.value+" AS v", columns), arrivedSQL(path, columns))
			require.NoError(t, err)
			require.True(t, verdict.same(), "%+v", verdict)
		})
	}
}

func TestNestedValuesThatDifferAreFound(t *testing.T) {
	t.Parallel()
	r := readers(t)
	for sent, arrived := range map[string]string{
		`['ab'::BLOB]`:                      `["YWM="]`,
		`['{"a": 1}'::JSON]`:                `[{"a": "1"}]`,
		`['"null"'::JSON]`:                  `[null]`,
		`MAP {1: '[]'::JSON}`:               `[{"key":2,"value":[]}]`,
		`{'m': MAP {'k': ''::BLOB}}`:        `{"m":{"k":null}}`,
		`[9999999999.99999::DECIMAL(18,6)]`: `[9999999999.99998]`,
	} {
		columns, err := r.describe(t.Context(), "SELECT "+sent+" AS v")
		require.NoError(t, err)
		path := csvFile(t, "v\n\""+strings.ReplaceAll(arrived, `"`, `""`)+"\"\n")
		verdict, err := r.compare(t.Context(), sentSQL(path, "SELECT "+sent+" AS v", columns), arrivedSQL(path, columns))
		require.NoError(t, err)
		require.EqualValues(t, 2, verdict.differ, sent)
	}
}

func TestAColumnMayBeCalledAsAVariable(t *testing.T) {
	t.Parallel()
	r := readers(t)
	const expected = `SELECT MAP {1: 'k'} AS "e", [MAP {2: {'key': 3}}] AS "x", 4 AS "2", 5 AS "1"`
	columns, err := r.describe(t.Context(), expected)
	require.NoError(t, err)
	path := csvFile(t, `e,x,2,1`+"\n"+`"[{""key"":1,""value"":""k""}]","[[{""key"":2,""value"":{""key"":3}}]]",4,5`+"\n")
	v, err := r.compare(t.Context(), expected, arrivedSQL(path, columns))
	require.NoError(t, err)
	require.True(t, v.same(), "%+v", v)
}

func TestTypesAreCutAtTheirCommas(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"VARCHAR", "MAP(INTEGER, BOOLEAN)"}, split("VARCHAR, MAP(INTEGER, BOOLEAN)"))
	require.Equal(t, []string{`"a, (b" INTEGER`, "c DECIMAL(18,2)[]"}, split(`"a, (b" INTEGER, c DECIMAL(18,2)[]`))
	name, kind := field(`"a ""b" STRUCT(x INTEGER)`)
	require.Equal(t, `"a ""b"`, name)
	require.Equal(t, "STRUCT(x INTEGER)", kind)
}
