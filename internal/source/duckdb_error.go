package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// engineError is what DuckDB says about a failure when errors_as_json is set.
type engineError struct {
	Type     string `json:"exception_type"`
	Message  string `json:"exception_message"`
	Position string `json:"position"` // byte offset in the SQL
	Errno    string `json:"errno"`    // of a failed system call
}

// parseEngineError reads the JSON that the engine answers. The parser puts a readable prefix before it.
func parseEngineError(text string) engineError {
	var e engineError
	begin := strings.IndexByte(text, '{')
	if begin >= 0 && json.Unmarshal([]byte(text[begin:]), &e) == nil && e.Type != "" {
		return e
	}
	// The API's own refusals (a parameter without a value, say) are plain text: "Invalid Input Error: …".
	kind, message, found := strings.Cut(text, " Error: ")
	if !found {
		return engineError{Type: "Unknown", Message: text}
	}
	return engineError{Type: kind, Message: message}
}

// maxDiskSetting is in the engine's message when the limit for temporary files is reached: it has no code of its own.
const maxDiskSetting = "max_temp_directory_size"

const valueHint = "the value is not shown: run the query at the source to see it"

const errnoNoSpace = "28" // ENOSPC on every system that is built for

// causes tells what a type of exception means. Only where words is set may the engine's own words be repeated: the
// others quote values of the data ("Could not convert string 'jane@example.com' to INT32").
var causes = map[string]struct {
	cause error
	words bool
}{
	"Parser":                 {ErrQuery, true},
	"Syntax":                 {ErrQuery, true},
	"Binder":                 {ErrQuery, true},
	"Catalog":                {ErrQuery, true},
	"Planner":                {ErrQuery, true},
	"Permission":             {ErrQuery, true},
	"Not implemented":        {ErrQuery, true},
	"Missing Extension":      {ErrQuery, true},
	"Extension Autoloading":  {ErrQuery, true},
	"Settings":               {ErrQuery, true},
	"Invalid Configuration":  {ErrQuery, true},
	"Dependency":             {ErrQuery, true},
	"Parameter Not Resolved": {ErrQuery, true},
	"Parameter Not Allowed":  {ErrQuery, true},
	"IO":                     {ErrUnreadable, true},
	"HTTP":                   {ErrUnreadable, true},
	"Serialization":          {ErrUnreadable, false},
	"Conversion":             {ErrData, false},
	"Out of Range":           {ErrData, false},
	"Invalid Input":          {ErrData, false},
	"Mismatch Type":          {ErrData, false},
	"Divide by Zero":         {ErrData, false},
	"Decimal":                {ErrData, false},
	"Invalid type":           {ErrData, false},
	"Object Size":            {ErrData, false},
	"Expression":             {ErrData, false},
	"Constraint":             {ErrData, false},
	"Sequence":               {ErrData, false},
	"Out of Memory":          {ErrOutOfMemory, true},
	"TransactionContext":     {ErrEngine, false},
	"INTERNAL":               {ErrEngine, false},
	"FATAL":                  {ErrEngine, false},
}

// sqlError turns a failure of the operator's query into an error of this package.
func sqlError(sql, text string) error {
	e := parseEngineError(text)
	known, ok := causes[e.Type]
	switch {
	case !ok:
		return fmt.Errorf("%w: %s error%s", ErrEngine, e.Type, place(sql, e.Position))
	case e.Errno == errnoNoSpace, errors.Is(known.cause, ErrOutOfMemory) && strings.Contains(e.Message, maxDiskSetting):
		return fmt.Errorf("%w; make room, or give the query less to sort or join", ErrNoSpace)
	case errors.Is(known.cause, ErrOutOfMemory):
		return fmt.Errorf("%w than its limit; raise worker.memory, or give the query less to sort or join", ErrOutOfMemory)
	case known.words:
		return fmt.Errorf("%w: %s%s", known.cause, discreet(sql, strings.TrimSpace(e.Message)), place(sql, e.Position))
	case errors.Is(known.cause, ErrUnreadable):
		return fmt.Errorf("%w: damaged file", ErrUnreadable)
	case e.Type == "Invalid Input": // what the engine says of a damaged page, too
		return fmt.Errorf("%w, or a file is damaged: %s error; %s%s", known.cause, e.Type, valueHint, place(sql, e.Position))
	default:
		return fmt.Errorf("%w: %s error; %s%s", known.cause, e.Type, valueHint, place(sql, e.Position))
	}
}

// runError is sqlError for what happens while the query runs: then the engine's words may be about a value whatever the
// type ("Unknown TimeZone …"), but for those about files.
func runError(sql, text string) error {
	e := parseEngineError(text)
	if known, ok := causes[e.Type]; ok && errors.Is(known.cause, ErrQuery) {
		return fmt.Errorf("%w: %s error; %s%s", ErrData, e.Type, valueHint, place(sql, e.Position))
	}
	return sqlError(sql, text)
}

// fileError turns a failure to look into a table's files into an error of this package. Whatever went wrong there is
// the files' fault; the engine's words are repeated only when they cannot quote the content.
func fileError(t Table, text string) error {
	e := parseEngineError(text)
	if e.Type == "IO" {
		return fmt.Errorf("table %s: %w: %s", t.Name, ErrUnreadable, strings.TrimSpace(e.Message))
	}
	if e.Type == "Out of Memory" {
		return fmt.Errorf("table %s: %w", t.Name, sqlError("", text))
	}
	more := ""
	if r, _ := readerOf(t.Files); r.function == csvReader { // the engine calls all of these by one name
		more = "is not UTF-8, ends some lines with CR LF and others with LF, has a line of more than 2 MB, "
	}
	return fmt.Errorf("table %s: %w: a file of %s is not what its extension says, %sis damaged, or differs from the others (%s error)", t.Name, ErrUnreadable, t.Files, more, e.Type)
}

// place shows where in the SQL the byte offset is: the line's text and a caret below it. What stands between quotes in it
// may be somebody's data, and an error ends up in histories and logs: it is blotted out.
func place(sql, position string) string {
	offset, err := strconv.Atoi(position)
	if err != nil || offset < 0 || offset > len(sql) {
		return ""
	}
	before := sql[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	end := len(sql)
	if next := strings.IndexByte(sql[start:], '\n'); next >= 0 {
		end = start + next
	}
	number := strings.Count(before, "\n") + 1
	lead := fmt.Sprintf("line %d: ", number)
	indent := len([]rune(lead)) + len([]rune(sql[start:offset]))
	return fmt.Sprintf("\n%s%s\n%s^", lead, strings.TrimRight(blotted(sql, start, end), "\r"), strings.Repeat(" ", indent))
}

// blotted returns sql[from:to] with a * for each character of text between single quotes, or between two equal $tag$.
func blotted(sql string, from, to int) string {
	var out strings.Builder
	for at := 0; at < to; {
		size, secret := token(sql[at:])
		for i, r := range sql[at : at+size] {
			switch {
			case at+i < from || at+i >= to:
			case secret && !strings.ContainsRune("'\r\n", r):
				out.WriteByte('*')
			default:
				out.WriteRune(r)
			}
		}
		at += size
	}
	return out.String()
}

// dollarTag opens text up to the same again.
var dollarTag = regexp.MustCompile(`^\$[A-Za-z_]*\$`)

// escaped is text in which a backslash takes the next character's meaning.
var escaped = regexp.MustCompile(`^[eE]'(\\(?s:.)|[^'\\])*'?`)

// discreet returns a message about sql without the text in it that sql has between quotes: a parser repeats what it
// stumbles over.
func discreet(sql, message string) string {
	for at := 0; at < len(sql); {
		size, secret := token(sql[at:])
		if secret {
			message = strings.ReplaceAll(message, sql[at:at+size], "'***'")
		}
		at += size
	}
	return message
}

// token returns the length of what sql begins with: a comment, a quoted name, text, or one character; and whether it is text.
func token(sql string) (size int, text bool) {
	upTo := func(end string, skip int) int {
		if at := strings.Index(sql[skip:], end); at >= 0 {
			return skip + at + len(end)
		}
		return len(sql)
	}
	switch tag := dollarTag.FindString(sql); {
	case strings.HasPrefix(sql, "--"):
		return upTo("\n", 0), false
	case strings.HasPrefix(sql, "/*"):
		return upTo("*/", 2), false
	case sql[0] == '"':
		return upTo(`"`, 1), false
	case sql[0] == '\'': // two within the text end it and open it again
		return upTo("'", 1), true
	case escaped.MatchString(sql):
		return len(escaped.FindString(sql)), true
	case tag != "":
		return upTo(tag, len(tag)), true
	default:
		_, size = utf8.DecodeRuneInString(sql)
		return size, false
	}
}
