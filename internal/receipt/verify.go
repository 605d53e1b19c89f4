package receipt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// State is how a check came out.
type State string

// The states.
const (
	OK      State = "ok"
	Failed  State = "failed"
	Skipped State = "skipped" // it could not be made; that says nothing against the file
)

// A Check is one thing that was compared.
type Check struct {
	Key     string `json:"key"`
	File    string `json:"file,omitempty"` // below the folder
	Name    string `json:"check"`          // file, size, sha256, decrypt, sha256_before_encryption, rows
	State   State  `json:"state"`
	Message string `json:"message"`
}

// Options say where the received files are and how they are opened.
type Options struct {
	Dir *os.Root
	Key *Key // nil: encrypted files stay closed
}

// Verify compares the files below a folder with the receipt, object by object, and hands every check to tell. What
// cannot be known once a check has failed is not tried: the bytes of a file of another size are other bytes.
//
// A file is looked for under its whole key, then under the key without its first folder, and so on down to its name, for
// that is how tools copy a bucket or a part of it. The error is about reading a folder or a disk, not about what was
// read.
func (r *Receipt) Verify(ctx context.Context, o Options, tell func(Check)) error {
	places := r.places()
	for _, object := range r.Objects {
		v := verifier{ctx: ctx, receipt: r, object: object, options: o, tell: tell}
		if err := v.verify(places); err != nil {
			return fmt.Errorf("%s: %w", object.Key, err)
		}
	}
	return nil
}

// places counts the objects that could be meant by each path.
func (r *Receipt) places() map[string]int {
	places := map[string]int{}
	for _, o := range r.Objects {
		for _, name := range tails(o.Key) {
			places[name]++
		}
	}
	return places
}

// tails returns a key, the key without its first folder, and so on.
func tails(key string) []string {
	all := []string{key}
	for {
		_, rest, more := strings.Cut(all[len(all)-1], "/")
		if !more {
			return all
		}
		all = append(all, rest)
	}
}

// A verifier compares one file.
type verifier struct {
	ctx     context.Context // of one call
	receipt *Receipt
	object  Object
	options Options
	file    string
	tell    func(Check)
}

func (v *verifier) say(name string, state State, format string, args ...any) {
	v.tell(Check{Key: v.object.Key, File: v.file, Name: name, State: state, Message: fmt.Sprintf(format, args...)})
}

func (v *verifier) verify(places map[string]int) (err error) {
	f := v.find(places)
	if f == nil {
		return nil
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		v.say("file", Failed, "%s is a folder", v.file)
		return nil
	case info.Size() != v.object.Bytes:
		v.say("size", Failed, "%d bytes, not %d: the file was cut off, or is another", info.Size(), v.object.Bytes)
		return nil
	}
	v.say("size", OK, "%d bytes", info.Size())
	sum, err := digestOf(reader{v.ctx, f})
	if err != nil {
		return err
	}
	if !v.same("sha256", sum, v.object.SHA256) {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if v.object.Plain == "" {
		return v.count(f)
	}
	return v.decrypt(f)
}

// find opens the object's file. It answers nil if it is not there.
func (v *verifier) find(places map[string]int) *os.File {
	for _, name := range tails(v.object.Key) {
		if places[name] > 1 {
			break // another object of the delivery may be meant, also by what is shorter
		}
		f, err := v.options.Dir.Open(name)
		switch {
		case err == nil:
			v.file = name
			return f
		case errors.Is(err, fs.ErrPermission):
			v.file = name
			v.say("file", Failed, "%s may not be read", name)
			return nil
		}
	}
	v.say("file", Failed, "it is not there")
	return nil
}

func (v *verifier) same(name, got, want string) bool {
	if strings.EqualFold(got, want) {
		v.say(name, OK, "%s", got)
		return true
	}
	v.say(name, Failed, "%s, not %s: the bytes are other ones than were sent", got, want)
	return false
}

func (v *verifier) decrypt(f *os.File) error {
	if v.options.Key == nil {
		v.say("decrypt", Skipped, "it is encrypted to %s: without the secret key its rows are not counted", strings.Join(v.receipt.Fingerprints, ", "))
		return nil
	}
	plain, err := v.options.Key.open(reader{v.ctx, f})
	if stop := v.ctx.Err(); stop != nil {
		return stop
	}
	if err != nil {
		v.say("decrypt", Failed, "%s; it is encrypted to %s", err, strings.Join(v.receipt.Fingerprints, ", "))
		return nil
	}
	hash := sha256.New()
	body := &kept{r: io.TeeReader(plain, hash)}
	rows, counting := v.receipt.Format.contained(body)
	_, err = io.Copy(io.Discard, body)
	if stop := v.ctx.Err(); stop != nil {
		return stop
	}
	if err != nil {
		v.say("decrypt", Failed, "%s", err)
		return nil
	}
	v.say("decrypt", OK, "opened with the secret key")
	if v.same("sha256_before_encryption", hex.EncodeToString(hash.Sum(nil)), v.object.Plain) {
		v.counted(rows, counting)
	}
	return nil
}

// kept remembers how reading ended, so that whoever reads on gets the same answer: the end of an encrypted message is
// judged once.
type kept struct {
	r   io.Reader
	err error
}

// Read reads until the first error.
func (k *kept) Read(p []byte) (n int, err error) {
	if k.err == nil {
		n, k.err = k.r.Read(p)
	}
	return n, k.err
}

// count counts the rows of a file that is not encrypted.
func (v *verifier) count(f *os.File) error {
	var in io.Reader = reader{v.ctx, f}
	if v.receipt.Format.seeks() {
		in = f
	}
	rows, err := v.receipt.Format.contained(in)
	if stop := v.ctx.Err(); stop != nil {
		return stop
	}
	v.counted(rows, err)
	return nil
}

func (v *verifier) counted(rows int64, err error) {
	switch {
	case errors.Is(err, errUncountable):
		v.say("rows", Skipped, "%s", err)
	case err != nil:
		v.say("rows", Failed, "%s", err)
	case rows != v.object.Rows:
		v.say("rows", Failed, "%d, not %d", rows, v.object.Rows)
	default:
		v.say("rows", OK, "%d", rows)
	}
}

func digestOf(r io.Reader) (string, error) {
	hash := sha256.New()
	if _, err := io.CopyBuffer(hash, r, make([]byte, readBuffer)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// reader ends a long reading when the program is to end.
type reader struct {
	ctx context.Context // a reader has no other way to be told
	r   io.Reader
}

// Read reads until ctx is done.
func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
