// Package encrypt writes OpenPGP messages that only their recipients can read.
//
// A message is what every reader since 2003 opens: the session key for each recipient, then AES-256 with the integrity
// hash of RFC 4880 (SEIPD version 1), binary, without compression (the data is compressed already, and a second time
// costs four fifths of the speed), without file name or date. Nothing but the session key and its padding is random.
package encrypt

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const (
	cipherAES = packet.CipherAES256
	keySize   = 32 // bytes of an AES-256 key

	// bufferSize is the size of the pieces that are encrypted and written. go-crypto allocates per piece, and the
	// lengths of the format are powers of two.
	bufferSize = 1 << 16
)

// ErrNoRecipient says that New was called without recipients: a message that nobody could read.
var ErrNoRecipient = errors.New("no recipient to encrypt to")

// errClosed answers a Write after Close.
var errClosed = errors.New("write to a closed message")

// Options are how to encrypt. The zero value is what every customer can read.
type Options struct {
	// AEAD asks for version 2 of encrypted data (RFC 9580), which is faster. It is used only if all recipients support it.
	AEAD bool
}

// New begins a message to all recipients in w and returns the writer of its content. Close ends the message and leaves
// w open. A recipient's key that has expired by now is refused with ErrExpired.
func New(w io.Writer, recipients []*Recipient, o Options, now time.Time) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return nil, ErrNoRecipient
	}
	aead := o.AEAD
	for _, r := range recipients {
		if r.expiredAt(now) {
			return nil, refuse(ErrExpired, askExtend, "key %s on %s", r.fingerprint, day(r.expires))
		}
		aead = aead && r.aead
	}
	out := bufio.NewWriterSize(w, bufferSize)
	content, err := begin(out, recipients, aead)
	if err != nil {
		return nil, fmt.Errorf("begin a PGP message: %w", err)
	}
	return &message{in: bufio.NewWriterSize(content, bufferSize), content: content, out: out}, nil
}

// begin writes the session key for each recipient and opens the packets inside which the content goes.
func begin(w io.Writer, recipients []*Recipient, aead bool) (io.WriteCloser, error) {
	key := make([]byte, keySize)
	defer clear(key)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(recipients))
	for _, r := range recipients {
		if seen[r.EncryptsTo()] {
			continue
		}
		seen[r.EncryptsTo()] = true
		if err := writeSessionKey(w, r.key, key, aead); err != nil {
			return nil, fmt.Errorf("to %s: %w", r.fingerprint, err)
		}
	}
	payload, err := encrypted(w, key, recipients, aead)
	if err != nil {
		return nil, err
	}
	return packet.SerializeLiteral(payload, true, "", 0)
}

// encrypted opens the packet of encrypted data.
func encrypted(w io.Writer, key []byte, recipients []*Recipient, aead bool) (io.WriteCloser, error) {
	if aead {
		return packet.SerializeSymmetricallyEncrypted(w, cipherAES, true, suite(recipients), key, rules())
	}
	return newSealer(w, key)
}

func writeSessionKey(w io.Writer, to *packet.PublicKey, key []byte, aead bool) error {
	return packet.SerializeEncryptedKeyAEAD(w, to, cipherAES, aead, key, rules())
}

// suite is AES-256 with GCM, three times as fast, if all recipients prefer it; else with OCB, which all must support.
func suite(recipients []*Recipient) packet.CipherSuite {
	for _, r := range recipients {
		if !r.gcm {
			return packet.CipherSuite{Cipher: cipherAES, Mode: packet.AEADModeOCB}
		}
	}
	return packet.CipherSuite{Cipher: cipherAES, Mode: packet.AEADModeGCM}
}

// A message is the content of an encrypted message while it is written. The first error sticks.
type message struct {
	in      *bufio.Writer
	content io.WriteCloser
	out     *bufio.Writer
	closed  bool
	err     error
}

func (m *message) Write(p []byte) (int, error) {
	switch {
	case m.err != nil:
		return 0, m.err
	case m.closed:
		return 0, errClosed
	}
	n, err := m.in.Write(p)
	m.err = err
	return n, err
}

// Close ends the message. Without it, the message has no integrity hash and its recipient's software refuses it.
func (m *message) Close() error {
	if m.closed || m.err != nil {
		m.closed = true
		return m.err
	}
	m.closed = true
	for _, finish := range []func() error{m.in.Flush, m.content.Close, m.out.Flush} {
		if m.err = finish(); m.err != nil {
			return m.err
		}
	}
	return nil
}
