package naming

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// A scanner walks through the text of a template.
type scanner struct {
	text   string
	offset int
}

const (
	opening = "{{"
	closing = "}}"
)

func (s *scanner) done() bool   { return s.offset == len(s.text) }
func (s *scanner) rest() string { return s.text[s.offset:] }

// part reads the literal text up to the next expression, or the expression that begins here.
func (s *scanner) part() (part, error) {
	if strings.HasPrefix(s.rest(), opening) {
		e, err := s.expression()
		return part{expression: e}, err
	}
	literal, _, _ := strings.Cut(s.rest(), opening)
	if stray := strings.Index(literal, closing); stray >= 0 {
		return part{}, at(s.text, s.offset+stray, "}} without the {{ that begins an expression")
	}
	s.offset += len(literal)
	return part{literal: literal}, nil
}

func (s *scanner) expression() (*expression, error) {
	begin := s.offset
	s.offset += len(opening)
	s.blanks()
	e := &expression{offset: s.offset}
	name := s.word()
	for i := range variables {
		if variables[i].name == name {
			e.variable = &variables[i]
		}
	}
	if e.variable == nil {
		return nil, at(s.text, e.offset, "%s the variables are %s", unknownVariable(name), variableNames())
	}
	for {
		s.blanks()
		switch {
		case s.take(closing):
			return e, nil
		case s.take("|"):
			if err := s.filter(e); err != nil {
				return nil, err
			}
		case s.done():
			return nil, at(s.text, begin, "{{ without the }} that ends the expression")
		default:
			found, _ := utf8.DecodeRuneInString(s.rest())
			return nil, at(s.text, s.offset, "%q is not expected here: write | before a filter or }} to end the expression", found)
		}
	}
}

// filter reads what follows "|" and adds it to e.
func (s *scanner) filter(e *expression) error {
	s.blanks()
	begin := s.offset
	name := s.word()
	if name == "" {
		return at(s.text, begin, "the name of a filter is missing after |: local, next_day or format")
	}
	s.blanks()
	var argument *string
	var inside int // where the argument's text begins
	if s.take(":") {
		s.blanks()
		inside = s.offset + 1
		value, err := s.quoted()
		if err != nil {
			return err
		}
		argument = &value
	}
	err := e.filter(name, argument)
	if wrong := new(patternError); errors.As(err, &wrong) {
		return at(s.text, s.locate(inside, wrong.offset), "%w", err)
	}
	if err != nil {
		return at(s.text, begin, "%w", err)
	}
	return nil
}

// quoted reads an argument in single or double quotes. The quote itself is written twice inside it.
func (s *scanner) quoted() (string, error) {
	begin := s.offset
	if s.done() || !strings.ContainsRune(`'"`, rune(s.text[s.offset])) {
		return "", at(s.text, begin, "the argument of a filter stands in quotes: format:'yyyy-MM-dd'")
	}
	quote := s.text[s.offset]
	var b strings.Builder
	for i := begin + 1; i < len(s.text); i++ {
		if s.text[i] != quote {
			b.WriteByte(s.text[i])
			continue
		}
		if i+1 < len(s.text) && s.text[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		s.offset = i + 1
		return b.String(), s.afterQuote(quote)
	}
	return "", at(s.text, begin, "the quote that ends the argument is missing")
}

// afterQuote catches 'yyyy'T'HH', which people write when they mean text inside a pattern.
func (s *scanner) afterQuote(quote byte) error {
	rest := strings.TrimLeft(s.rest(), " \t")
	if rest == "" || rest[0] == '|' || strings.HasPrefix(rest, closing) {
		return nil
	}
	return at(s.text, s.offset, "only | or }} may follow the argument; a quote inside it is written twice: %[1]c%[1]c", quote)
}

// locate returns the place in the text of the argument's byte n, given where the argument begins: doubled quotes take
// two bytes of text for one of argument.
func (s *scanner) locate(begin, n int) int {
	quote := s.text[begin-1]
	i := begin
	for ; n > 0; n-- {
		if s.text[i] == quote {
			i++
		}
		i++
	}
	return i
}

// word reads letters, digits and underscores.
func (s *scanner) word() string {
	end := strings.IndexFunc(s.rest(), func(r rune) bool { return r != '_' && !letter(r) && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s.rest())
	}
	word := s.rest()[:end]
	s.offset += end
	return word
}

func (s *scanner) blanks() {
	s.offset = len(s.text) - len(strings.TrimLeft(s.rest(), " \t"))
}

func (s *scanner) take(token string) bool {
	if !strings.HasPrefix(s.rest(), token) {
		return false
	}
	s.offset += len(token)
	return true
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func unknownVariable(name string) string {
	if name == "" {
		return "the name of a variable is missing:"
	}
	return "there is no variable \"" + name + "\":"
}

func variableNames() string {
	names := make([]string, len(variables))
	for i, v := range variables {
		names[i] = v.name
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
