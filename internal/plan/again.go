package plan

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"consign/internal/config"
	"consign/internal/problem"
	"consign/internal/render"
)

// ErrOtherFiles is wrapped by the error about files that cannot be sent again as they are, because the configuration asks
// for others by now. It names the setting.
var ErrOtherFiles = errors.New("other files would have to be made, so they cannot be sent again")

// Again resolves a run that sends the files of an earlier one again, whose plan was first, by the configuration as it is
// now: where they go, as whom, for whom they are encrypted. The files stay what they are, so what they hold and how they
// are packed must be wanted still; the query is not described, for it is not asked.
//
// The request has the new run's key and who asks for it, and To if the files go by another data template than the first
// time. All else, and with it the names, is as it was for the first run: its `now`, its id. Keys must be good today.
func Again(c *config.Config, r Request, first *Plan, today time.Time) (*Plan, error) {
	r.Campaign, r.Group, r.DataTemplate, r.RunID, r.Now = first.Campaign, first.Group, first.DataTemplate, first.RunID, first.Now
	r.Orchestration = first.Orchestration
	if r.To == "" {
		r.To = first.DataTemplate
	}
	j, err := find(c, r)
	if err != nil {
		return nil, err
	}
	p, err := begin(c, r, j)
	if err != nil {
		return nil, err
	}
	if err := p.again(c, r, j, first, today); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfiguration, j.name, err)
	}
	return p, nil
}

func (p *Plan) again(c *config.Config, r Request, j *job, first *Plan, today time.Time) (err error) {
	e := c.Effective(j.destination, j.template, j.orchestration)
	if err := complete(e, c.S3); err != nil {
		return err
	}
	if other := c.SameNames(r.To, r.Orchestration, r.Campaign, r.Group); other != "" {
		return fmt.Errorf("data template %q: the files would have the names that %s delivers under, and one would replace the other's: use {{orchestration_name}} or {{run_id}} in the template's filename", r.To, other)
	}
	if p.Render, err = rendering(e.Settings.Render(e.Columns), p.variables(r, j)); err != nil {
		return err
	}
	if err := p.address(c, r, j, e, today); err != nil {
		return err
	}
	if err := p.sameFiles(first); err != nil {
		return err
	}
	if p.Query.Digest != first.Query.Digest {
		p.Warnings = append(p.Warnings, "the query "+p.Query.Name+" was changed since the files were made: they are what it was then")
	}
	if j.orchestration != nil && len(j.orchestration.Downstream) > 0 {
		p.Warnings = append(p.Warnings, "downstream: what followed the first delivery does not follow this one: its rows would be loaded twice")
	}
	p.Render, p.Columns, p.Query, p.Alerts = first.Render, first.Columns, first.Query, first.Alerts
	files, err := p.schema()
	if err != nil {
		return err
	}
	p.Loaders = p.Render.Loaders(files, p.location())
	return nil
}

// complete refuses what was never checked, because only this run puts these levels together.
func complete(e config.Effective, budget config.S3) error {
	list := e.Conflicts()
	s := e.Settings
	for name, value := range map[string]*string{"bucket": s.Bucket, "file_format": s.FileFormat} {
		if deref(value) == "" {
			list.Add(name, "is not set by destination, data template or orchestration")
		}
	}
	return append(list, slices.Concat[problem.List](s.Render(e.Columns).Validate(), s.Archive().Validate(), s.Upload(budget).Validate())...).Err()
}

// sameFiles names the first setting by which the files would not be those of the earlier plan.
func (p *Plan) sameFiles(first *Plan) error {
	for _, one := range differences(p, first) {
		if one.was != one.is {
			return fmt.Errorf("%w: %s is %s, and was %s when they were made", ErrOtherFiles, one.setting, orNothing(one.is), orNothing(one.was))
		}
	}
	return nil
}

func orNothing(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}

type difference struct{ setting, is, was string }

// differences are the settings that decide what the files hold, as they are now and as they were.
func differences(now, first *Plan) []difference {
	is, _ := now.Render.Resolved()
	was, _ := first.Render.Resolved()
	return []difference{
		{"query", now.Query.Name, first.Query.Name},
		{"file_format", is.FileFormat, was.FileFormat},
		{"delimiter", quoted(is.Delimiter), quoted(was.Delimiter)},
		{"quote_mode", is.QuoteMode, was.QuoteMode},
		{"escape_character", quoted(is.EscapeCharacter), quoted(was.EscapeCharacter)},
		{"null_string", quoted(is.NullString), quoted(was.NullString)},
		{"line_ending", is.LineEnding, was.LineEnding},
		{"on_unwritable", is.OnUnwritable, was.OnUnwritable},
		{"parquet_compression", is.ParquetCompression, was.ParquetCompression},
		{"row_number", is.RowNumber, was.RowNumber},
		{"header", fmt.Sprint(is.Header), fmt.Sprint(was.Header)},
		{"bom", fmt.Sprint(is.BOM), fmt.Sprint(was.BOM)},
		{"formula_guard", fmt.Sprint(is.FormulaGuard), fmt.Sprint(was.FormulaGuard)},
		{"split.rows", limit(is.SplitRows), limit(was.SplitRows)},
		{"split.megabytes", limit(is.SplitMegabytes), limit(was.SplitMegabytes)},
		{"columns", columnsText(is.Columns), columnsText(was.Columns)},
		{"encoding", now.Archive.Encoding, first.Archive.Encoding},
		{"compression_level", limit(int64(now.Archive.Level)), limit(int64(first.Archive.Level))},
		{"the name within the archive", now.entry(), first.entry()},
	}
}

// entry is what the first file is called in its archive; empty if there is none.
func (p *Plan) entry() string {
	if !p.Names.Archive {
		return ""
	}
	name, _ := p.Names.Entry(1) // rendered already, when the names were checked
	return name
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("%q", text)
}

func limit(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// columnsText writes columns so that they can be compared. A constant is one of the configuration's, not a cell.
func columnsText(columns []render.Column) string {
	text := ""
	for i, c := range columns {
		if i > 0 {
			text += ", "
		}
		text += c.From
		if c.To != "" && c.To != c.From {
			text += " as " + c.To
		}
		if c.Value != nil {
			text += fmt.Sprintf(" = %q", *c.Value)
		}
	}
	return text
}
