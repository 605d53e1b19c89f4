package redshift

import (
	"regexp"
	"strings"
)

var (
	names   = regexp.MustCompile(`"((?:[^"]|"")*)"`)
	oneWord = regexp.MustCompile(`\S+`)
	// introduced is a name in quotes, with its schema's before it, behind the word for what it names.
	introduced = regexp.MustCompile(`(?i)\b(?:check|column|relation|schema|table)\s+((?:"(?:[^"]|"")*"|'[^']*')(?:\."(?:[^"]|"")*")*)`)
	oneQuoted  = regexp.MustCompile(`"(?:[^"]|"")*"|'[^']*'`)
	// systemTable is one in which Redshift tells somebody to look.
	systemTable = regexp.MustCompile(`^(?:stl|stv|svl|svv|sys)_[a-z_]+$`)
	// ending is how a message about a value may end. It has no room for one.
	ending = regexp.MustCompile(`\b(?:already exists|does not exist|(?:is )?out of range(?: for type (?:smallint|integer|bigint|real|double precision))?|system table for details)\.?\s*$`)
)

const (
	hidden = "…"
	// maxSaid bounds what is repeated of Redshift's own words.
	maxSaid = 300
)

// said returns Redshift's words about a failure without what may be a value of a row. A value begins with a quote, and
// where it ends nobody can tell: it may hold quotes and lines, and be cut off. So nothing is repeated from the first quote
// that is not around a name, but an ending that is Redshift's own. Before that, words with a digit or an @ are hidden.
func (o Options) said(l Load, words string) string {
	known := o.known(l)
	words = untilValue(words, known)
	words = oneWord.ReplaceAllStringFunc(words, func(word string) string {
		if strings.ContainsAny(word, "0123456789@") && !known[strings.ToLower(strings.Trim(word, `"'.,;:()`))] {
			return hidden
		}
		return word
	})
	if words = strings.TrimSpace(words); len(words) > maxSaid {
		words = strings.ToValidUTF8(words[:maxSaid], "") + "..."
	}
	return words
}

// known is the names that are no value, in small letters: those of the statement, of the table and of the ledger.
func (o Options) known(l Load) map[string]bool {
	known := map[string]bool{}
	for _, m := range names.FindAllStringSubmatch(l.Copy, -1) {
		known[strings.ToLower(m[1])] = true
	}
	for _, name := range []string{o.Table, o.Ledger} {
		name = strings.ToLower(name)
		known[name] = true
		for part := range strings.SplitSeq(name, ".") {
			known[part] = true
		}
	}
	delete(known, "")
	return known
}

// untilValue returns what comes before the first value in quotes, and the ending if that is harmless.
func untilValue(words string, known map[string]bool) string {
	for from := 0; ; {
		quote := strings.IndexAny(words[from:], `"'`)
		if quote < 0 {
			return words
		}
		name := introduced.FindStringSubmatchIndex(words[from:])
		if name == nil || name[2] != quote || !allKnown(words[from:][name[2]:name[3]], known) {
			mark := words[from+quote:][:1]
			return strings.TrimSpace(words[:from+quote] + mark + hidden + mark + " " + ending.FindString(words[from+quote:]))
		}
		from += name[1]
	}
}

// allKnown reports whether every name of the quoted ones is known.
func allKnown(quoted string, known map[string]bool) bool {
	for _, one := range oneQuoted.FindAllString(quoted, -1) {
		if one = strings.ToLower(one[1 : len(one)-1]); !known[one] && !systemTable.MatchString(one) {
			return false
		}
	}
	return true
}
