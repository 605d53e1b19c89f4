package plan

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// String returns what Print writes.
func (p *Plan) String() string {
	var b strings.Builder
	p.Print(&b)
	return b.String()
}

// Print writes the plan for people.
func (p *Plan) Print(w io.Writer) {
	p.printRun(w)
	p.printObjects(w)
	section(w, "columns", func(t io.Writer) {
		for _, c := range p.Columns {
			fmt.Fprintf(t, "  %s\t%s\t%s\n", shown(c.Name), c.Type, c.remark())
		}
	})
	section(w, "settings", func(t io.Writer) {
		for _, s := range p.Settings {
			origin := s.Origin
			if s.Where != "" {
				origin += " (" + s.Where + ")"
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\n", s.Name, shown(s.Value), origin)
		}
	})
	p.printLoaders(w)
	p.printDownstream(w)
	if len(p.Warnings) > 0 {
		fmt.Fprintln(w)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
}

func (p *Plan) printRun(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	if p.Campaign != "" {
		line("campaign", "%s, group %s", p.Campaign, p.Group)
	} else {
		line("orchestration", "%s", p.Orchestration)
	}
	if p.RunKey != "" {
		line("run key", "%s", p.RunKey)
	}
	line("now", "%s", p.Now.Format(time.RFC3339))
	line("requested by", "%s (allowed by %s)", p.RequestedBy, p.Access.Rule)
	kind := "query"
	if p.Query.Segment {
		kind = "segment"
	}
	line(kind, "%s of source %s, SQL %.12s", p.Query.Name, p.Query.Source, p.Query.Digest)
	line("data template", "%s", p.DataTemplate)
	line("destination", "%s (%s)", p.Destination.Name, p.Destination.Plugin)
	line("credential", "%s (%s) %s", p.Credential.Name, p.Credential.Type, p.Credential.RoleARN)
	if p.Encryption != nil {
		line("encrypted to", "%s", p.Encryption.Names())
	}
	for _, n := range p.Notify {
		line("notifies", "%s by %s, for up to %s", n.WorkflowID, n.Signal, p.NotifyTimeout)
	}
	line("if another runs", "%s", p.Overlap)
	_ = t.Flush() // to a writer whose errors show in the next write, as with fmt
}

// An Object is one that the run would write.
type Object struct {
	Key  string `json:"key"`
	What string `json:"what"` // for people: "one file", "holds a.csv", "receipt"
}

// Objects lists what the run would write: of the parts of a split the first.
func (p *Plan) Objects() []Object {
	what := "one file"
	switch split := p.Names.Parts != ""; {
	case p.Names.Archive:
		entry, _ := p.Names.Entry(1) // Make has rendered it already
		if what = "holds " + entry; split {
			what += ", ..."
		}
	case split:
		what = "the first file"
	}
	all := []Object{{p.FirstKey(), what}, {p.ReceiptKey, "receipt"}, {p.ManifestKey, "manifest"}, {p.SuccessKey, "success file, last of all"}}
	return slices.DeleteFunc(all, func(o Object) bool { return o.Key == "" })
}

func (p *Plan) printObjects(w io.Writer) {
	section(w, "objects", func(t io.Writer) {
		for _, o := range p.Objects() {
			fmt.Fprintf(t, "  s3://%s/%s\t%s\n", p.Upload.Bucket, o.Key, o.What)
		}
	})
}

func (p *Plan) printLoaders(w io.Writer) {
	for _, l := range p.Loaders {
		fmt.Fprintf(w, "\nto load into %s\n", l.Name)
		if l.Impossible != "" {
			fmt.Fprintf(w, "  not possible: %s\n", l.Impossible)
			continue
		}
		for _, note := range l.Notes {
			fmt.Fprintf(w, "  -- %s\n", note)
		}
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(strings.TrimRight(l.Statement, "\n"), "\n", "\n  "))
	}
}

// section writes a title and what body writes in columns.
func section(w io.Writer, title string, body func(io.Writer)) {
	fmt.Fprintf(w, "\n%s\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	body(t)
	_ = t.Flush() // see printRun
}

// remark says what is remarkable about a column.
func (c Column) remark() string {
	var words []string
	if c.From != "" {
		words = append(words, "from "+shown(c.From))
	}
	if c.Constant {
		words = append(words, "not from the query")
	}
	if c.PII {
		words = append(words, "personal data")
	}
	return strings.Join(words, ", ")
}

// shown is text as it is, or in quotes if it would not be seen as it is.
func shown(text string) string {
	unseen := func(r rune) bool { return !unicode.IsPrint(r) }
	if text == "" || strings.ContainsFunc(text, unseen) || strings.TrimSpace(text) != text {
		return strconv.Quote(text)
	}
	return text
}
