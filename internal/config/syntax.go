package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"consign/internal/problem"
)

// syntax reports text that is not YAML.
func (r *reader) syntax(file string, text []byte, err error) {
	line := lineOf(text, err)
	r.list = append(r.list, problem.Problem{
		Where: file + ":" + strconv.Itoa(line.number), Message: "this is not YAML: " + yamlLine.ReplaceAllString(err.Error(), ""), Hint: line.hint(),
	})
}

// yamlLine matches what the parser says of the place. That is the line before the block or list with the mistake, perhaps
// hundreds of lines above it, or no line at all.
var yamlLine = regexp.MustCompile(`^yaml: (line \d+: )?`)

type line struct {
	number int
	text   string
}

// lineOf finds the line at which the parser has failed: it fails in the same way with the lines up to that one, and with more.
func lineOf(text []byte, failure error) line {
	lines := bytes.SplitAfter(text, []byte("\n"))
	at := sort.Search(len(lines)-1, func(i int) bool {
		err := parse(bytes.Join(lines[:i+1], nil))
		return err != nil && err.Error() == failure.Error()
	})
	return line{at + 1, string(lines[at])}
}

// parse reads all documents of a text.
func parse(text []byte) error {
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		if err := decoder.Decode(new(yaml.Node)); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// bare matches a value that begins with something that has another meaning in YAML.
var bare = regexp.MustCompile(`:\s+(\*|%|@|` + "`" + `|\{\{)`)

func (l line) hint() string {
	switch found := bare.FindStringSubmatch(l.text); {
	case found != nil:
		return "put a value that begins with " + found[1] + " in quotes"
	case strings.HasPrefix(strings.TrimLeft(l.text, " "), "\t"):
		return "indent with spaces: YAML takes no tabs there"
	default:
		return ""
	}
}
