package naming

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrName is wrapped by every error of Check.
var ErrName = errors.New("not a usable object name")

// maxBytes is S3's limit for a key, in UTF-8 bytes:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const maxBytes = 1024

// What the names of objects end with that go with the files, and that of an encrypted file.
const (
	SuccessExtension  = ".DONE"
	ManifestExtension = ".manifest"
	ReceiptExtension  = ".receipt.json"
	PGPExtension      = ".pgp"
)

// Default returns the template for a delivery that has none, with the extension ("csv.gz", with or without a leading
// dot) that its settings imply.
func Default(campaign bool, extension string) string {
	template := "{{orchestration_name}}_{{now|format:'yyyy-MM-dd_HHmmss'}}"
	if campaign {
		template = "{{campaign_name}}_{{group_name}}"
	}
	if extension == "" {
		return template
	}
	return template + "." + strings.TrimPrefix(extension, ".")
}

// Join puts exactly one "/" between prefix and name, and none if there is no prefix.
func Join(prefix, name string) string {
	prefix = strings.TrimRight(prefix, "/")
	if prefix == "" {
		return name
	}
	return prefix + "/" + strings.TrimLeft(name, "/")
}

// Check reports whether key can be the key of an object that every S3 client and loader handles. Its error wraps
// ErrName and names the first rule that key breaks.
func Check(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(key) > maxBytes:
		return fmt.Errorf("%w: it has %d bytes, S3 allows %d", ErrName, len(key), maxBytes)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: it is not UTF-8 text", ErrName)
	}
	if at := strings.IndexFunc(key, unicode.IsControl); at >= 0 {
		control, _ := utf8.DecodeRuneInString(key[at:])
		character := utf8.RuneCountInString(key[:at]) + 1
		return fmt.Errorf("%w: character %d is the control character %U", ErrName, character, control)
	}
	switch {
	case strings.HasPrefix(key, "/"):
		return fmt.Errorf("%w: %q begins with /", ErrName, key)
	case strings.HasSuffix(key, "/"):
		return fmt.Errorf("%w: %q ends with /, which S3 tools show as a folder", ErrName, key)
	case strings.Contains(key, "//"):
		return fmt.Errorf("%w: %q holds //, a folder without a name", ErrName, key)
	case strings.Contains(key, ".."):
		return fmt.Errorf("%w: %q holds .., which file systems read as the folder above", ErrName, key)
	case strings.HasPrefix(key, "./") || strings.Contains(key, "/./") || strings.HasSuffix(key, "/.") || key == ".":
		return fmt.Errorf("%w: %q holds the folder ., which tools leave out of a name", ErrName, key)
	case strings.Contains(key, `\`):
		return fmt.Errorf("%w: %q holds a backslash: write / to make folders", ErrName, key)
	}
	return nil
}
