package plan

import (
	"path"
	"strings"
	"time"

	"consign/internal/naming"
)

// Names is how the delivery's objects and the entries of its archive are called. It holds the templates instead of the
// names, because a delivery may have thousands of files and its plan is kept for ever.
type Names struct {
	Prefix           string `json:"prefix,omitempty"`
	Filename         string `json:"filename"`                    // template of the file, the archive or the folder
	Parts            string `json:"split_filename,omitempty"`    // template of the parts of a split; Filename is then their folder or archive
	Archive          bool   `json:"archive,omitempty"`           // all files go into one object
	ArchiveExtension string `json:"archive_extension,omitempty"` // "tgz"
	Extension        string `json:"extension"`                   // of the format: "csv"
	Encrypted        bool   `json:"encrypted,omitempty"`

	Now           time.Time `json:"now"`
	Campaign      string    `json:"campaign_name,omitempty"`
	Group         string    `json:"group_name,omitempty"`
	Orchestration string    `json:"orchestration_name,omitempty"`
	Query         string    `json:"query_name,omitempty"`
	RunID         string    `json:"run_id,omitempty"`
}

// Key is the key of the object that holds file number, from 1. With an archive every number has the archive's key.
func (n Names) Key(number int) (string, error) {
	if n.Archive {
		number = 0
	}
	name, err := n.render(n.Filename, number)
	if err != nil {
		return "", err
	}
	if n.Parts != "" && !n.Archive {
		part, err := n.render(n.Parts, number)
		if err != nil {
			return "", err
		}
		name = naming.Join(name, part)
	}
	if n.Encrypted {
		name += naming.PGPExtension
	}
	key := naming.Join(n.Prefix, name)
	return key, naming.Check(key)
}

// Entry is what file number is called in the archive: the part's name, or the archive's with the archive's extension
// replaced by the format's.
func (n Names) Entry(number int) (string, error) {
	if n.Parts != "" {
		entry, err := n.render(n.Parts, number)
		if err != nil {
			return "", err
		}
		return entry, naming.Check(entry)
	}
	name, err := n.render(n.Filename, 0)
	if err != nil {
		return "", err
	}
	entry := path.Base(name)
	for _, extension := range n.archiveExtensions() {
		if rest, ok := cutExtension(entry, extension); ok {
			entry = rest
			break
		}
	}
	if rest, ok := cutExtension(entry, n.Extension); ok {
		entry = rest // q.csv.zip holds q.csv, not q.csv.csv
	}
	entry += "." + n.Extension
	return entry, naming.Check(entry)
}

// archiveExtensions are the ways in which people write the archive's extension.
func (n Names) archiveExtensions() []string {
	if n.ArchiveExtension == "tgz" {
		return []string{"tgz", "tar.gz"}
	}
	return []string{n.ArchiveExtension}
}

// cutExtension removes an extension in any case, if something is left without it.
func cutExtension(name, extension string) (string, bool) {
	at := len(name) - len(extension) - 1
	if extension == "" || at <= 0 || !strings.EqualFold(name[at:], "."+extension) {
		return name, false
	}
	return name[:at], true
}

// stem is what the success file, the manifest and the receipt are called before their extension. The settings decide,
// never the number of files: the one object's key, or the folder of a split.
func (n Names) stem() (string, error) {
	if n.Archive || n.Parts == "" {
		return n.Key(1)
	}
	folder, err := n.render(n.Filename, 0)
	if err != nil {
		return "", err
	}
	return naming.Join(n.Prefix, strings.TrimRight(folder, "/")), nil
}

// Receipt is the key of the receipt, if there is to be one.
func (n Names) Receipt() (string, error) { return n.beside(naming.ReceiptExtension) }

// Manifest is the key of the manifest, if there is to be one.
func (n Names) Manifest() (string, error) { return n.beside(naming.ManifestExtension) }

func (n Names) beside(extension string) (string, error) {
	stem, err := n.stem()
	return stem + extension, err
}

func (n Names) render(template string, number int) (string, error) {
	t, err := naming.Parse(template)
	if err != nil {
		return "", err
	}
	return t.Render(naming.Variables{
		Now: n.Now, CampaignName: n.Campaign, GroupName: n.Group, OrchestrationName: n.Orchestration,
		QueryName: n.Query, RunID: n.RunID, FileNumber: number,
	})
}
