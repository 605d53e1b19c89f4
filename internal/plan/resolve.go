package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"consign/internal/archive"
	"consign/internal/config"
	"consign/internal/naming"
	"consign/internal/render"
	"consign/internal/table"
)

// The signal that a notify target gets if it names none.
const orchestrationCompleted = "orchestration-completed"

// running resolves how the run behaves in time.
func (p *Plan) running(j *job) {
	if j.orchestration != nil {
		o := j.orchestration
		p.Overlap, p.ParkTimeout, p.NotifyTimeout = o.Overlap, Duration(o.ParkTimeout), Duration(o.NotifyTimeout)
		p.Notify = notify(o.Notify, orchestrationCompleted)
	} else { // the campaign itself tells its targets, once all its groups are delivered
		o := j.campaign
		p.Overlap, p.ParkTimeout, p.NotifyTimeout = o.Overlap, Duration(o.ParkTimeout), Duration(o.NotifyTimeout)
	}
}

// notify lists who is told, and by which signal if they name none.
func notify(targets []config.Notify, usual string) []Notify {
	var list []Notify
	for _, n := range targets {
		if n.Signal == "" {
			n.Signal = usual
		}
		list = append(list, Notify(n))
	}
	return list
}

// resolve resolves what the files hold, what they are called and where they go.
func (p *Plan) resolve(c *config.Config, r Request, j *job, schema table.Schema) (err error) {
	e := c.Effective(j.destination, j.template, j.orchestration)
	if p.Render, err = rendering(e.Settings.Render(e.Columns), p.variables(r, j)); err != nil {
		return err
	}
	files, err := p.Render.Schema(schema)
	if err != nil {
		return err
	}
	if p.Columns, err = columns(p.Render, j.query, schema, files); err != nil {
		return err
	}
	if err := p.address(c, r, j, e, later(p.Now, r.Today)); err != nil {
		return err
	}
	p.Loaders = p.Render.Loaders(files, p.location())
	return p.follow(j)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// variables are what a constant column may ask for.
func (p *Plan) variables(r Request, j *job) map[string]string {
	return map[string]string{
		"campaign_name": r.Campaign, "group_name": r.Group, "query_name": j.query.Name, "run_id": r.RunID, "orchestration_name": p.Orchestration,
	}
}

// address resolves all but the files' content: how they are packed, for whom they are encrypted (with keys that are good
// today), what they are called and where they go.
func (p *Plan) address(c *config.Config, r Request, j *job, e config.Effective, today time.Time) (err error) {
	s := e.Settings
	p.Archive, p.Upload = s.Archive(), s.Upload(c.S3)
	p.Prefix, p.OnEmpty = strings.TrimRight(deref(s.Prefix), "/"), deref(s.OnEmpty)
	var warnings []string
	if p.Encryption, warnings, err = encryption(c, e, today); err != nil {
		return err
	}
	p.warn(warnings)
	p.names(s, j, r)
	if err := p.sideFiles(s); err != nil {
		return err
	}
	p.settings(e)
	return p.checkNames()
}

// settings lists what is in force and where it comes from, the names that nobody has written too.
func (p *Plan) settings(e config.Effective) {
	for _, one := range e.List() {
		p.Settings = append(p.Settings, Setting{Name: one.Name, Value: one.Value, Origin: one.Origin.Level, Where: one.Origin.Where})
	}
	if e.Settings.Filename == nil {
		p.Settings = append(p.Settings, Setting{Name: "filename", Value: p.Names.Filename, Origin: config.ByDefault})
	}
	if e.Settings.Filename == nil && e.Settings.SplitFilename == nil && p.Names.Parts != "" {
		p.Settings = append(p.Settings, Setting{Name: "split_filename", Value: p.Names.Parts, Origin: config.ByDefault})
	}
}

// location is where a loader finds the files: the one object, or the folder of all parts.
func (p *Plan) location() render.Location {
	url := func(key string) string { return "s3://" + p.Upload.Bucket + "/" + key }
	at := render.Location{
		URL: url(p.FirstKey()), Encoding: p.Archive.Encoding, Encrypted: p.Encrypts(), Region: p.Upload.Region,
		Beside: p.SuccessKey != "" || p.ReceiptKey != "",
	}
	if p.ManifestKey != "" {
		at.Manifest = url(p.ManifestKey)
	}
	if p.Names.Parts != "" && !p.Names.Archive {
		folder, _ := p.Names.stem() // rendered already, with the key
		at.URL, at.First = url(folder+"/"), at.URL
	}
	return at
}

func deref[T any](p *T) T {
	if p == nil {
		var nothing T
		return nothing
	}
	return *p
}

// warn collects what is worth saying about the run, and is no reason not to do it.
func (p *Plan) warn(more []string) {
	for _, w := range slices.Concat(p.Render.Validate().Warnings(), p.Archive.Validate().Warnings(), p.Upload.Validate().Warnings()) {
		p.Warnings = append(p.Warnings, w.Key+": "+w.Message)
	}
	p.Warnings = append(p.Warnings, more...)
}

func (p *Plan) names(s config.Settings, j *job, r Request) {
	n := s.Naming(j.campaign != nil)
	p.Names = Names{
		Prefix: p.Prefix, Filename: n.Filename, Parts: n.Parts, Archive: n.Archive, ArchiveExtension: n.ArchiveExtension,
		Extension: n.Extension, Encrypted: p.Encryption != nil,
		Now: p.Now, Campaign: r.Campaign, Group: r.Group, Query: j.query.Name, RunID: r.RunID,
	}
	if j.orchestration != nil {
		p.Names.Orchestration = j.orchestration.Name
	}
}

// sideFiles names what goes with the files.
func (p *Plan) sideFiles(s config.Settings) error {
	stem, err := p.Names.stem()
	if err != nil {
		return err
	}
	if deref(s.SuccessFile) {
		p.SuccessKey = stem + naming.SuccessExtension
	}
	if deref(s.Manifest) {
		p.ManifestKey = stem + naming.ManifestExtension
	}
	if deref(s.Receipt) {
		p.ReceiptKey = stem + naming.ReceiptExtension
	}
	return nil
}

// lastNumber is the highest number that the seven digits of {{file_number}} can show.
const lastNumber = 9_999_999

// taken is who has a name already.
type taken map[string]string

// claim takes a name, and refuses it if it is taken.
func (t taken) claim(what, name string) error {
	if other, twice := t[name]; twice {
		return fmt.Errorf("%s and %s would both be called %s", other, what, name)
	}
	t[name] = what
	return nil
}

// checkNames renders the first, the second and the last name that there can be, and refuses what S3 or a loader would
// stumble over, before anything runs.
func (p *Plan) checkNames() error {
	if p.Names.Archive {
		if err := p.checkEntries(p.numbers()); err != nil {
			return err
		}
	}
	all, err := p.keys()
	if err != nil {
		return err
	}
	keys := taken{}
	for _, k := range all {
		if err := keys.claim(k.what, k.key); err != nil {
			return err
		}
	}
	return nil
}

// numbers are those of the first, the second and the last file that there can be.
func (p *Plan) numbers() []int {
	if p.Render.SplitRows > 0 || p.Render.SplitMegabytes > 0 {
		return []int{1, 2, lastNumber}
	}
	return []int{1}
}

// A key is the name of an object, and what the object is.
type key struct{ what, key string }

// keys lists the objects that the run may write, of files those by number.
func (p *Plan) keys() ([]key, error) {
	numbers := p.numbers()
	if p.Names.Archive {
		numbers = numbers[:1]
	}
	var all []key
	for _, number := range numbers {
		name, err := p.Names.Key(number)
		if err != nil {
			return nil, err
		}
		all = append(all, key{fmt.Sprintf("file %d", number), name})
	}
	for _, side := range []key{{"the manifest", p.ManifestKey}, {"the receipt", p.ReceiptKey}, {"the success file", p.SuccessKey}} {
		if side.key == "" {
			continue
		}
		if err := naming.Check(side.key); err != nil {
			return nil, err
		}
		all = append(all, side)
	}
	return all, nil
}

func (p *Plan) checkEntries(numbers []int) error {
	entries := taken{}
	for _, number := range numbers {
		entry, err := p.Names.Entry(number)
		if err == nil {
			err = archive.CheckName(entry)
		}
		if err != nil {
			return err
		}
		if err := entries.claim(fmt.Sprintf("entry %d", number), entry); err != nil {
			return err
		}
	}
	return nil
}
