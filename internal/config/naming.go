package config

import (
	"cmp"
	"strings"

	"consign/internal/archive"
	"consign/internal/naming"
	"consign/internal/render"
)

// Naming is how the settings call the files.
type Naming struct {
	Filename         string // template of the file, the archive, or the folder of a split
	Parts            string // template of a split's parts
	Archive          bool   // all files go into one object
	ArchiveExtension string // of that object
	Extension        string // of the format
}

// Naming returns the templates of the names, with the defaults of what nobody has set.
func (s Settings) Naming(campaign bool) Naming {
	encoding := value(s.Encoding)
	n := Naming{
		Filename: value(s.Filename), Parts: value(s.SplitFilename), Archive: archive.Single(encoding),
		Extension: render.Extension(value(s.FileFormat)),
	}
	one := n.Extension
	if encoding != "" && encoding != "none" {
		if n.Archive {
			n.ArchiveExtension = archive.Extension(encoding)
			one = n.ArchiveExtension
		} else {
			one += "." + archive.Extension(encoding)
		}
	}
	switch {
	case s.Split == nil:
		if n.Filename == "" {
			n.Filename = naming.Default(campaign, one)
		}
	case n.Parts == "" && n.Filename != "" && !n.Archive:
		if folder, base, ok := splitFolder(n.Filename); ok {
			n.Filename, n.Parts = folder, base
		}
	default:
		n.inFolder(campaign, one)
	}
	return n
}

// objects returns the templates of an object's name, and of what stands beside the objects before its own extension: the
// one object's name, or the folder of a split.
func (s Settings) objects(n Naming) (object, stem string) {
	object = n.Filename
	if n.Parts != "" && !n.Archive {
		object, stem = naming.Join(object, n.Parts), strings.TrimRight(n.Filename, "/")
	}
	if len(s.Keys()) > 0 {
		object += naming.PGPExtension
	}
	return object, cmp.Or(stem, object)
}

// beside returns the extensions of what goes with the objects.
func (s Settings) beside() []string {
	var all []string
	for _, side := range []struct {
		wanted    *bool
		extension string
	}{{s.SuccessFile, naming.SuccessExtension}, {s.Manifest, naming.ManifestExtension}, {s.Receipt, naming.ReceiptExtension}} {
		if value(side.wanted) {
			all = append(all, side.extension)
		}
	}
	return all
}

// inFolder completes the names of a split: a folder, or an archive, and the parts in it.
func (n *Naming) inFolder(campaign bool, extension string) {
	if n.Archive {
		extension = n.Extension
	}
	if n.Parts == "" && n.Filename == "" {
		n.Parts = "{{file_number}}." + extension
	}
	if n.Filename == "" {
		n.Filename = naming.Default(campaign, n.ArchiveExtension)
	}
}

// splitFolder cuts a template at its last slash outside of expressions: "{{query_name}}/{{file_number}}.csv".
func splitFolder(template string) (folder, base string, ok bool) {
	at := -1
	for i, inside := 0, false; i < len(template); i++ {
		switch rest := template[i:]; {
		case strings.HasPrefix(rest, "{{"):
			inside = true
		case strings.HasPrefix(rest, "}}"):
			inside = false
		case !inside && template[i] == '/':
			at = i
		}
	}
	if at <= 0 {
		return "", "", false
	}
	return template[:at], template[at+1:], true
}
