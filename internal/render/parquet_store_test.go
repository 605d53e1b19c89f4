package render

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// TestATextStoreThatIsUsedAgainWritesWhatANewOneDoes leaves stores in every state in which a file can end, also one that was
// given up half-way.
func TestATextStoreThatIsUsedAgainWritesWhatANewOneDoes(t *testing.T) {
	t.Parallel()
	distinct := make([]string, 3*dictionaryTrial)
	for i := range distinct {
		distinct[i] = strings.Repeat("z", 1+i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	next, unlike := []string{"b", "a", "b", "", "c", "b", "a", "a", "a", "b"}, []string{"q", "p", ""}
	repeats, plain := written(t, newStoreOfItsOwn(), next), written(t, newStoreOfItsOwn(), unlike)
	for name, before := range map[string]func(s *textStore){
		"repeats, half-way":        func(s *textStore) { add(s, next) },
		"repeats, a page":          func(s *textStore) { add(s, next); page(t, s) },
		"nothing alike, half-way":  func(s *textStore) { add(s, distinct) },
		"nothing alike, a page":    func(s *textStore) { add(s, distinct); page(t, s) },
		"a long value, half-way":   func(s *textStore) { add(s, []string{"a", strings.Repeat("x", dictionaryEntry+1), "b"}) },
		"a dictionary, and a page": func(s *textStore) { add(s, next); page(t, s); add(s, []string{"a", "zz"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStoreOfItsOwn()
			before(s)
			s.reset()
			require.Equal(t, repeats, written(t, s, next))
			before(s)
			s.reset()
			require.Equal(t, plain, written(t, s, unlike))
		})
	}
}

// TestATextStoreThatHeldAHugeValueIsNotKept: its page is gone by then, but the page's bounds are in buffers of the store.
func TestATextStoreThatHeldAHugeValueIsNotKept(t *testing.T) {
	t.Parallel()
	s := newStoreOfItsOwn()
	add(s, []string{"a", "b"})
	require.Less(t, s.memory(), keptText)
	add(s, []string{strings.Repeat("z", 4*pageBytes)})
	page(t, s)
	require.Greater(t, s.memory(), keptText)
}

// newStoreOfItsOwn is one that no other test can have after it.
func newStoreOfItsOwn() *textStore { return textStores.New().(*textStore) }

func add(s *textStore, values []string) {
	s.add(&table.Vector{Strings: values}, rowsOf{hi: len(values)})
}

func page(t *testing.T, s *textStore) []byte {
	t.Helper()
	b, _, err := s.appendPage(nil)
	require.NoError(t, err)
	return b
}

// written is all that comes out of a store for two pages of the values.
func written(t *testing.T, s *textStore, values []string) []any {
	t.Helper()
	var all []any
	for range 2 {
		add(s, values)
		all = append(all, s.bounds(), page(t, s))
	}
	entries, n := s.dictionary()
	return append(all, entries, n)
}
