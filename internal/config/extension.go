package config

import (
	"strings"

	"consign/internal/archive"
)

// formatExtensions are the endings that people write for a format. What ends otherwise, but with one of these,
// contradicts it.
var formatExtensions = map[string][]string{
	"csv": {"csv", "txt"}, "tsv": {"tsv", "tab", "txt"}, "psv": {"psv", "txt"},
	"custom": {"txt", "csv", "tsv", "psv", "dat", "tab"}, "ndjson": {"ndjson", "jsonl", "json"}, "json": {"json"},
	"parquet": {"parquet", "pq"},
}

// encodingExtensions are those of the encodings. A .tgz is a .tar.gz too.
var encodingExtensions = map[string][]string{
	"gzip": {"gz"}, "tar": {"tar"}, "tgz": {"tgz", "tar.gz"}, "zip": {"zip"},
}

// extensions warns of names that say something else than the settings. A name that says nothing is left alone.
func (k *checker) extensions(e Effective, filename, parts *written) {
	s := e.Settings
	format, encoding := formatExtensions[value(s.FileFormat)], encodingExtensions[value(s.Encoding)]
	if format == nil || e.misread("encoding", "split", "pgp_public_key", "pgp_public_keys") {
		return
	}
	encrypted := len(s.Keys()) > 0
	if s.Split == nil {
		parts = nil
	}
	switch {
	case archive.Single(value(s.Encoding)):
		k.ending(filename, encoding, nil, encrypted)
		k.ending(parts, format, nil, false)
	case parts != nil:
		k.ending(parts, format, encoding, encrypted)
	default:
		k.ending(filename, format, encoding, encrypted)
	}
}

// ending compares the end of a template with the inner and outer extensions that the settings make.
func (k *checker) ending(t *written, inner, outer []string, encrypted bool) {
	if t == nil {
		return
	}
	name := strings.ToLower(t.String())
	name = name[strings.LastIndex(name, "}}")+1:]
	for _, pgp := range []string{".pgp", ".gpg"} {
		if rest, ok := strings.CutSuffix(name, pgp); ok && encrypted {
			k.warn(t.path, "%s is in the name, and .pgp is always appended to an encrypted file", pgp)
			name = rest
		} else if ok {
			k.warn(t.path, "the name ends with %s, and the file is not encrypted", pgp)
			return
		}
	}
	if fits(name, inner, outer) || !known(name) {
		return
	}
	usual := "." + inner[0]
	if outer != nil {
		usual += "." + outer[0]
	}
	k.warn(t.path, "the name ends with %s, and the settings make a %s", name[strings.LastIndexByte(name, '.'):], usual)
}

// fits reports whether a name ends as the settings say, or with the outer extension alone after no known one.
func fits(name string, inner, outer []string) bool {
	if outer != nil {
		rest, ok := cutAny(name, outer)
		if !ok || !known(rest) {
			return ok
		}
		name = rest
	}
	_, ok := cutAny(name, inner)
	return ok
}

func cutAny(name string, extensions []string) (string, bool) {
	for _, e := range extensions {
		if rest, ok := strings.CutSuffix(name, "."+e); ok {
			return rest, true
		}
	}
	return name, false
}

// known reports whether a name ends with an extension that means something here.
func known(name string) bool {
	for _, table := range []map[string][]string{formatExtensions, encodingExtensions} {
		for _, extensions := range table {
			if _, ok := cutAny(name, extensions); ok {
				return true
			}
		}
	}
	return false
}
