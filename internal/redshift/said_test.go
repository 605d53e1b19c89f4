package redshift_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/redshift"
	"consign/internal/redshift/redshifttest"
)

// TestNoValueIsRepeatedWhateverItHolds: every Jane in them is a value's.
func TestNoValueIsRepeatedWhateverItHolds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ words, said string }{
		"a quote of its own kind":             {`ERROR: value 'O'Brien Jane' is out of range`, `ERROR: value '…' is out of range`},
		"a double quote in double quotes":     {`ERROR: invalid value "the "Jane" of Jane"`, `ERROR: invalid value "…"`},
		"the other kind":                      {`ERROR: value 'Jane "the" Jane' is out of range for type integer`, `ERROR: value '…' is out of range for type integer`},
		"the other kind around it":            {`ERROR: value "Jane O'Jane" already exists.`, `ERROR: value "…" already exists.`},
		"both, nested and unbalanced":         {`ERROR: value 'a "b' Jane" c' Jane`, `ERROR: value '…'`},
		"one quote, and cut off":              {`ERROR: value 'Jane of Jane is out of`, `ERROR: value '…'`},
		"two quotes, and cut off":             {`ERROR: value 'O'Jane of Jane`, `ERROR: value '…'`},
		"lines":                               {"ERROR: value 'O'Brien\nJane\nlives in 'Janesville'\nJane' is bad\nDETAIL: Jane", `ERROR: value '…'`},
		"a quote at the end of a line":        {"ERROR: value 'Jane'\nJane Jane\n' does not exist", `ERROR: value '…' does not exist`},
		"a name and a quote":                  {`ERROR: value 'vips' Jane' is out of range`, `ERROR: value '…' is out of range`},
		"the words before a name":             {`ERROR: value 'x' table 'vips' Jane' is bad`, `ERROR: value '…'`},
		"two values":                          {`ERROR: 'Jane' and 'Jane' of column "id"`, `ERROR: '…'`},
		"no word before it":                   {`"Jane" Jane`, `"…"`},
		"a name that is not of the statement": {`ERROR: column "Jane" of relation "vips" does not exist`, `ERROR: column "…" does not exist`},
		"a name with something else behind":   {`ERROR: column "id"."Jane" is bad`, `ERROR: column "…"`},
		"the name of a system table":          {`ERROR: value 'stl_load_errors' Jane`, `ERROR: value '…'`},
		"no quotes, but digits":               {`ERROR: Jane4 and jane@example.com do not fit (4711)`, `ERROR: … and … do not fit …`},
		"none: the message names names":       {`ERROR: column "e""mail" of relation "VIPS" is of type date`, `ERROR: column "e""mail" of relation "VIPS" is of type date`},
		"none: the table is named in full":    {`ERROR: relation "crm"."vips" is not like table 'crm.vips'`, `ERROR: relation "crm"."vips" is not like table 'crm.vips'`},
		"none: the ledger is not there":       {`ERROR: relation "consign_loads" does not exist`, `ERROR: relation "consign_loads" does not exist`},
		"none: the usual words, on two lines": {"ERROR: Load into table 'vips' failed.\nCheck 'stl_load_errors' system table for details.", "ERROR: Load into table 'vips' failed.\nCheck 'stl_load_errors' system table for details."},
		"none: nothing is in quotes":          {`ERROR: permission denied for relation others`, `ERROR: permission denied for relation others`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := warehouse(t)
			s.Read = func(redshifttest.Copy) (int64, error) { return 0, errors.New(c.words) }
			_, err := do(t, o, load())
			require.ErrorIs(t, err, redshift.ErrFailed)
			_, said, _ := strings.Cut(err.Error(), ": COPY (query 1003): ")
			require.Equal(t, c.said, said)
			require.NotContains(t, said, "Jane")
		})
	}
}
