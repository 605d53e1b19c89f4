package demo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// people is a table with what CSV files get wrong.
const people = `SELECT * FROM (VALUES
	(1, 'Ada', NULL, 1.50::DECIMAL(9, 2), true),
	(2, 'say "hi", all', '', NULL, false),
	(3, E'two\r\nlines', ' x ', -0.07::DECIMAL(9, 2), NULL)) AS t(id, name, note, amount, flag)`

// asCSV is people as it has to arrive: NULL bare, the empty text quoted.
const asCSV = "id,name,note,amount,flag\n1,Ada,,1.50,true\n2,\"say \"\"hi\"\", all\",\"\",,false\n3,\"two\r\nlines\",\" x \",-0.07,\n"

func readers(t *testing.T) *reader {
	t.Helper()
	r, err := newReader(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.close()) })
	return r
}

func csvFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestAFileThatIsRightIsFoundRight(t *testing.T) {
	t.Parallel()
	r := readers(t)
	columns, err := r.describe(t.Context(), people)
	require.NoError(t, err)
	path := csvFile(t, asCSV)
	v, err := r.compare(t.Context(), people, arrivedSQL(path, columns))
	require.NoError(t, err)
	require.True(t, v.same(), "%+v", v)
	require.EqualValues(t, 3, v.arrived)

	python, err := r.pythonAgrees(t.Context(), path, columns)
	require.NoError(t, err)
	require.True(t, python)
}

func TestAFileThatIsWrongIsFoundWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		python bool // Python's csv does not tell NULL from an empty text, and ends a line at both line endings
	}{
		"a value differs":           {"id,name,note,amount,flag\n1,Ada,,1.51,true\n2,\"say \"\"hi\"\", all\",\"\",,false\n3,\"two\r\nlines\",\" x \",-0.07,\n", true},
		"a row is missing":          {"id,name,note,amount,flag\n1,Ada,,1.50,true\n2,\"say \"\"hi\"\", all\",\"\",,false\n", true},
		"a row is there twice":      {asCSV + "1,Ada,,1.50,true\n", true},
		"NULL became an empty text": {"id,name,note,amount,flag\n1,Ada,\"\",1.50,true\n2,\"say \"\"hi\"\", all\",\"\",,false\n3,\"two\r\nlines\",\" x \",-0.07,\n", false},
		"a text became NULL":        {"id,name,note,amount,flag\n1,Ada,,1.50,true\n2,\"say \"\"hi\"\", all\",,,false\n3,\"two\r\nlines\",\" x \",-0.07,\n", false},
		"white space was lost":      {"id,name,note,amount,flag\n1,Ada,,1.50,true\n2,\"say \"\"hi\"\", all\",\"\",,false\n3,\"two\r\nlines\",\"x\",-0.07,\n", true},
		"a line ending was lost":    {"id,name,note,amount,flag\n1,Ada,,1.50,true\n2,\"say \"\"hi\"\", all\",\"\",,false\n3,\"two\nlines\",\" x \",-0.07,\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := readers(t)
			columns, err := r.describe(t.Context(), people)
			require.NoError(t, err)
			path := csvFile(t, c.text)
			v, err := r.compare(t.Context(), people, arrivedSQL(path, columns))
			require.NoError(t, err)
			require.False(t, v.same())
			require.NotZero(t, v.differ)
			_, err = r.pythonAgrees(t.Context(), path, columns)
			if c.python {
				require.ErrorIs(t, err, ErrDifferent)
			}
		})
	}
}

func TestWrongColumnNamesAreFound(t *testing.T) {
	t.Parallel()
	r := readers(t)
	columns, err := r.describe(t.Context(), people)
	require.NoError(t, err)
	path := csvFile(t, "id,NAME"+asCSV[len("id,name"):])
	_, err = r.compare(t.Context(), people, arrivedSQL(path, columns))
	require.NoError(t, err)
	_, err = r.pythonAgrees(t.Context(), path, columns)
	require.ErrorIs(t, err, ErrDifferent)
}

func TestTheChecksumDoesNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	r := readers(t)
	v, err := r.compare(t.Context(), people, "SELECT * FROM ("+people+") ORDER BY id DESC")
	require.NoError(t, err)
	require.True(t, v.same())
	v, err = r.compare(t.Context(), people+" WHERE false", people+" WHERE false")
	require.NoError(t, err)
	require.True(t, v.same())
	require.Equal(t, "0000000000000000", v.sum)
}

func TestTheCustomersAreNastyAndTheSameEveryTime(t *testing.T) {
	t.Parallel()
	r := readers(t)
	first, second := filepath.Join(t.TempDir(), "it's.parquet"), filepath.Join(t.TempDir(), "b.parquet")
	rows, size, err := makeCustomers(t.Context(), first)
	require.NoError(t, err)
	require.EqualValues(t, 100_000, rows)
	require.Greater(t, size, int64(1<<20))
	_, _, err = makeCustomers(t.Context(), second)
	require.NoError(t, err)
	v, err := r.compare(t.Context(), readerOf(first), readerOf(second))
	require.NoError(t, err)
	require.True(t, v.same())
	for what, condition := range map[string]string{
		"quotes": `notes LIKE '%"%'`, "commas": `full_name LIKE '%,%'`, "line breaks": `notes LIKE '%' || chr(10) || '%'`,
		"Windows line breaks": `notes LIKE '%' || chr(13) || chr(10) || '%'`, "NULL": "notes IS NULL", "empty texts": "notes = ''",
		"what COPY takes for its end": `notes = '\.'`, "a marker of NULL": `notes = '\N'`, "formulas": "notes = '=1+1'", "Chinese": "full_name LIKE '%美咲%'",
		"right-to-left": "full_name LIKE '%محمد%'", "blanks at the ends": "notes LIKE '  %  '", "combining accents": "notes LIKE '%' || chr(769) || '%'",
		"negative decimals": "balance < 0", "microseconds": "microsecond(registered_at) % 1000 > 0",
	} {
		var n int64
		require.NoError(t, r.conn.QueryRowContext(t.Context(), "SELECT count(*) FROM ("+readerOf(first)+") WHERE "+condition).Scan(&n))
		require.Positive(t, n, what)
	}
}
