package config

import (
	"slices"
	"strings"
)

// didYouMean begins a hint that knows better.
const didYouMean = "did you mean "

// suggest returns "did you mean x?" if one of names is close to what was written, and otherwise what there is.
func suggest(written string, names []string) string {
	best, least := "", len(written)/3+2 // farther away is another word
	for _, name := range names {
		if d := distance(strings.ToLower(written), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	switch {
	case best != "":
		return didYouMean + best + "?"
	case len(names) == 0:
		return "there are none yet"
	default:
		names = slices.Clone(names)
		if len(names) > 12 {
			names = append(names[:12], "...")
		}
		return "there are: " + strings.Join(names, ", ")
	}
}

// distance is how many letters have to be added, removed or replaced to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
