package archive

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrName is wrapped by every error about the name of an entry.
var ErrName = errors.New("not a usable entry name")

// maxName is what any reader takes, in bytes: S3 allows a key of 1,024, and an entry is named after its key.
const maxName = 1024

// maxElement is what a folder or a file may be called at most, in bytes, on nearly any file system, of Linux, of Windows or of
// macOS.
const maxElement = 255

// CheckName reports whether an entry with this name unpacks into a file inside the current folder, on any system. Its
// error wraps ErrName.
func CheckName(name string) error { return checkName(name, nil) }

// checkName reports the same, and whether the entry unpacks over no other.
func checkName(name string, taken map[string]bool) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > maxName:
		return fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrName, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8 text", ErrName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: %q holds a control character", ErrName, name)
	case strings.Contains(name, `\`):
		return fmt.Errorf("%w: %q holds a backslash", ErrName, name)
	case strings.HasPrefix(name, "/"), len(name) > 1 && name[1] == ':':
		return fmt.Errorf("%w: %q is absolute", ErrName, name)
	case taken[name]:
		return fmt.Errorf("%w: %q is in the archive already", ErrName, name)
	}
	elements := strings.Split(name, "/")
	long := slices.IndexFunc(elements, func(e string) bool { return len(e) > maxElement })
	switch {
	case long >= 0:
		return fmt.Errorf("%w: a folder or file in it has a name of %d bytes, and file systems take %d", ErrName, len(elements[long]), maxElement)
	case slices.Contains(elements, ".."), slices.Contains(elements, "."):
		return fmt.Errorf("%w: %q leads out of its folder or is not in its simplest form", ErrName, name)
	case slices.Contains(elements, ""):
		return fmt.Errorf("%w: %q holds a folder or file without a name", ErrName, name)
	}
	return nil
}
