package redshifttest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Copy is a COPY statement as Amazon describes it: https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
type Copy struct {
	Table   []string // without quotes: schema, table
	Columns []string // nil: all, in their order
	From    string
	Role    string            // default, or ARNs
	Options map[string]string // in capitals, with their values as they read
}

// values says which of COPY's parameters take what.
var values = map[string]func(*scanner) (string, error){
	"FORMAT": (*scanner).format, "QUOTE": (*scanner).asText, "NULL": (*scanner).asText, "DELIMITER": (*scanner).text, "REGION": (*scanner).text,
	"DATEFORMAT": (*scanner).text, "TIMEFORMAT": (*scanner).text, "ENCODING": (*scanner).word, "IGNOREHEADER": (*scanner).word,
	"GZIP": (*scanner).nothing, "MANIFEST": (*scanner).nothing, "ESCAPE": (*scanner).nothing, "SERIALIZETOJSON": (*scanner).nothing,
}

// ParseCopy reads a COPY statement, and nothing else: a parameter that is not known, that comes twice or that does not go
// with the format is an error, and so is anything behind the statement.
func ParseCopy(sql string) (Copy, error) {
	c := Copy{Options: map[string]string{}}
	s, err := scan(sql)
	if err != nil {
		return c, err
	}
	if err := c.head(s); err != nil {
		return c, err
	}
	for len(s.tokens) > 0 {
		name, err := s.word()
		if err != nil {
			return c, err
		}
		read, known := values[name]
		if _, twice := c.Options[name]; !known || twice {
			return c, fmt.Errorf("syntax error at or near %s", name)
		}
		if c.Options[name], err = read(s); err != nil {
			return c, err
		}
	}
	return c, c.goesTogether()
}

func (c *Copy) head(s *scanner) (err error) {
	if err := s.expect("COPY"); err != nil {
		return err
	}
	if c.Table, err = s.list("."); err != nil {
		return err
	}
	if len(s.tokens) > 0 && s.tokens[0] == "(" {
		s.next()
		if c.Columns, err = s.list(","); err != nil {
			return err
		}
		if err := s.expect(")"); err != nil {
			return err
		}
	}
	if err := s.expect("FROM"); err != nil {
		return err
	}
	if c.From, err = s.text(); err != nil {
		return err
	}
	if err := s.expect("IAM_ROLE"); err != nil {
		return err
	}
	if c.Role = "default"; len(s.tokens) > 0 && s.tokens[0] == "DEFAULT" {
		return s.expect("DEFAULT")
	}
	c.Role, err = s.text()
	return err
}

// goesTogether refuses what Redshift refuses: CSV has no ESCAPE, and Parquet takes only a few parameters and no columns:
// https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
func (c *Copy) goesTogether() error {
	if c.Options["FORMAT"] == "PARQUET" && c.Columns != nil {
		return errors.New("a list of columns is not supported for PARQUET")
	}
	for name := range c.Options {
		switch {
		case c.Options["FORMAT"] == "PARQUET" && !slices.Contains([]string{"FORMAT", "MANIFEST", "SERIALIZETOJSON"}, name):
			return fmt.Errorf("%s is not supported for PARQUET", name)
		case c.Options["FORMAT"] == "CSV" && name == "ESCAPE":
			return errors.New("CSV is not compatible with ESCAPE")
		case c.Options["FORMAT"] != "CSV" && name == "QUOTE":
			return errors.New("QUOTE needs CSV")
		}
	}
	if !strings.HasPrefix(c.From, "s3://") {
		return fmt.Errorf("%q is no object", c.From)
	}
	return nil
}

// A scanner reads the tokens of a statement. Names in quotes keep one in front, string constants a single one.
type scanner struct{ tokens []string }

var token = regexp.MustCompile(`^(?:("(?:[^"]|"")+")|('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_]*|[0-9]+)|([(),.=/*]))`)

func scan(sql string) (*scanner, error) {
	s := &scanner{}
	for {
		if sql = strings.TrimLeft(sql, " \n"); sql == "" {
			return s, nil
		}
		m := token.FindStringSubmatch(sql)
		if m == nil {
			return nil, fmt.Errorf("syntax error at or near %.20q", sql)
		}
		switch sql = sql[len(m[0]):]; {
		case m[1] != "":
			s.tokens = append(s.tokens, `"`+strings.ReplaceAll(m[1][1:len(m[1])-1], `""`, `"`))
		case m[2] != "":
			s.tokens = append(s.tokens, `'`+strings.ReplaceAll(m[2][1:len(m[2])-1], `''`, `'`))
		default:
			s.tokens = append(s.tokens, strings.ToUpper(m[0]))
		}
	}
}

func (s *scanner) next() string {
	if len(s.tokens) == 0 {
		return ""
	}
	one := s.tokens[0]
	s.tokens = s.tokens[1:]
	return one
}

func (s *scanner) expect(words ...string) error {
	for _, want := range words {
		if got := s.next(); got != want {
			return fmt.Errorf("syntax error at or near %q: %s is expected", got, want)
		}
	}
	return nil
}

// list reads names in quotes between separators.
func (s *scanner) list(separator string) ([]string, error) {
	var names []string
	for {
		name, quoted := strings.CutPrefix(s.next(), `"`)
		if !quoted {
			return nil, fmt.Errorf("a name in quotes is expected, and not %q", name)
		}
		names = append(names, name)
		if len(s.tokens) == 0 || s.tokens[0] != separator {
			return names, nil
		}
		s.next()
	}
}

func (s *scanner) text() (string, error) {
	text, quoted := strings.CutPrefix(s.next(), "'")
	if !quoted {
		return "", fmt.Errorf("a string constant is expected, and not %q", text)
	}
	return text, nil
}

func (s *scanner) asText() (string, error) {
	if err := s.expect("AS"); err != nil {
		return "", err
	}
	return s.text()
}

func (s *scanner) word() (string, error) {
	word := s.next()
	if word == "" || strings.ContainsAny(word[:1], `"'(),.=/*`) {
		return "", fmt.Errorf("syntax error at or near %q", word)
	}
	return word, nil
}

func (s *scanner) nothing() (string, error) { return "", nil }

func (s *scanner) format() (string, error) {
	if err := s.expect("AS"); err != nil {
		return "", err
	}
	word, err := s.word()
	if err == nil && word == "JSON" {
		_, err = s.text()
	}
	return word, err
}
