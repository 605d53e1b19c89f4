package config

import (
	"errors"

	"consign/internal/archive"
	"consign/internal/naming"
)

// aRun is as long as Temporal's ids of runs are.
const aRun = "00000000-0000-0000-0000-000000000000"

// realNames checks the names of each delivery's objects with the real names of what it is made of. A template is checked with
// words that stand for any name, so a real name that breaks a key, or makes it too long, is seen only here.
func (k *checker) realNames() {
	for _, d := range k.c.deliveries() {
		if k.misnamed(d) {
			continue
		}
		for _, check := range []func() error{d.checkKeys, d.checkEntry} {
			err := check()
			if err == nil {
				continue
			}
			hint := "rename what its filename takes a name from, or shorten filename or prefix"
			if errors.Is(err, naming.ErrTemplate) {
				hint = "change the filename of its data template"
			}
			k.add(d.path, hint, "%s", err)
			break
		}
	}
}

// misnamed reports whether what a delivery's names are made of has problems of its own. They are reported where it is written.
func (k *checker) misnamed(d delivery) bool {
	for _, name := range d.values {
		if !named.MatchString(name) {
			return true
		}
	}
	e := d.effective
	if e.misread("filename", "split_filename", "prefix") {
		return true
	}
	for _, path := range []string{d.path, d.path + ".data_template", e.path("filename", d.path), e.path("split_filename", d.path), e.path("prefix", d.path)} {
		if k.reported(path) {
			return true
		}
	}
	return false
}

// checkKeys checks the key of an object, and those of what goes with it.
func (d delivery) checkKeys() error {
	s := d.effective.Settings
	n := s.Naming(d.campaign)
	number := 1
	if n.Archive {
		number = 0 // there is one, which has no number
	}
	object, stem := s.objects(n)
	names := []string{object}
	for _, extension := range s.beside() {
		names = append(names, stem+extension)
	}
	for _, template := range names {
		name, err := d.render(template, number)
		if err == nil {
			err = naming.Check(naming.Join(value(s.Prefix), name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkEntry checks what a part of a split is called in the archive that holds it.
func (d delivery) checkEntry() error {
	n := d.effective.Settings.Naming(d.campaign)
	if n.Parts == "" || !n.Archive {
		return nil
	}
	entry, err := d.render(n.Parts, 1)
	if err != nil {
		return err
	}
	if err := naming.Check(entry); err != nil {
		return err
	}
	return archive.CheckName(entry)
}

func (d delivery) render(template string, number int) (string, error) {
	t, err := naming.Parse(template)
	if err != nil {
		return "", err
	}
	return t.Render(naming.Variables{
		Now: instant, CampaignName: d.values["campaign_name"], GroupName: d.values["group_name"], OrchestrationName: d.values["orchestration_name"],
		QueryName: d.values["query_name"], RunID: aRun, FileNumber: number,
	})
}
