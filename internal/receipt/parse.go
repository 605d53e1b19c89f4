package receipt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
)

// Parse reads a receipt. It wraps ErrReceipt if the text is none, or contradicts itself: a receipt that was cut off or
// edited is not to be believed.
func Parse(text []byte) (*Receipt, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrReceipt, MaxBytes)
	}
	var r Receipt
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&r); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrReceipt, complaint(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows its end", ErrReceipt)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	return &r, nil
}

// complaint says what the JSON reader did not like, in words about the file and not about Go.
func complaint(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it is cut off"
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is not JSON (at byte %d)", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s holds a %s", kind.Field, kind.Value)
	default:
		return err.Error()
	}
}

func (r *Receipt) check() error {
	switch {
	case r.Version == 0:
		return errors.New("it has no version")
	case r.Version != Version:
		return fmt.Errorf("its version is %d, and this program reads version %d", r.Version, Version)
	case r.Format.FileFormat == "":
		return errors.New("format.file_format is missing")
	case r.Objects == nil:
		return errors.New("objects is missing")
	}
	rows, bytes := int64(0), int64(0)
	seen := make(map[string]bool, len(r.Objects))
	for i, o := range r.Objects {
		if err := o.check(len(r.Fingerprints) > 0); err != nil {
			return fmt.Errorf("objects[%d]: %w", i, err)
		}
		if seen[o.Key] {
			return fmt.Errorf("objects[%d]: %q is there twice", i, o.Key)
		}
		seen[o.Key] = true
		if o.Rows > math.MaxInt64-rows || o.Bytes > math.MaxInt64-bytes {
			return fmt.Errorf("objects[%d]: the numbers are too large", i)
		}
		rows, bytes = rows+o.Rows, bytes+o.Bytes
	}
	if rows != r.Rows || bytes != r.Bytes {
		return fmt.Errorf("it says %d rows and %d bytes, and its objects have %d and %d", r.Rows, r.Bytes, rows, bytes)
	}
	return nil
}

func (o Object) check(encrypted bool) error {
	switch {
	case !local(o.Key):
		return fmt.Errorf("%q is not a usable key", o.Key)
	case o.Rows < 0 || o.Bytes < 0:
		return errors.New("rows or bytes is negative")
	case !digest(o.SHA256):
		return errors.New("sha256 is not a SHA-256 in hexadecimal")
	case encrypted != (o.Plain != "") && o.Bytes > 0:
		return errors.New("sha256_before_encryption and pgp_fingerprints contradict each other")
	case o.Plain != "" && !digest(o.Plain):
		return errors.New("sha256_before_encryption is not a SHA-256 in hexadecimal")
	}
	return nil
}

// local reports whether a key names a file below a folder, wherever that is: a receipt comes from somebody else.
func local(key string) bool {
	return key != "" && !strings.HasPrefix(key, "/") && !strings.ContainsAny(key, "\\\x00") && path.Clean(key) == key &&
		key != "." && key != ".." && !strings.HasPrefix(key, "../")
}

func digest(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == 32
}
