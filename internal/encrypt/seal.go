package encrypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" // the format's integrity hash is SHA-1 of what is encrypted: nobody can choose it to collide
	"encoding/binary"
	"hash"
	"io"
	"sync"
)

// The bytes of RFC 4880 that go around encrypted data.
const (
	tagSealed     = 0xC0 | 18 // section 4.2: a packet of the new format, Sym. Encrypted and Integrity Protected Data
	versionSealed = 1         // section 5.13
	tagDigest     = 0xC0 | 19 // section 5.14: Modification Detection Code
	chunkBits     = 16
	chunkBytes    = 1 << chunkBits    // of a packet whose length is not known: section 4.2.2.4
	partialLength = 0xE0 | chunkBits  // which each but the last begins with
	digestBytes   = 1 + 1 + sha1.Size // tag, length, hash
	prefixBytes   = aes.BlockSize + 2 // random, and its last two bytes again
)

// A sealer writes one packet of encrypted data with its integrity hash (SEIPD, version 1). go-crypto has one too, which
// takes the cipher's blocks apart byte by byte and hashes before it encrypts. This one uses the standard library's CFB,
// with the hash beside the cipher, which makes a delivery that is only encrypted a fifth faster (docs/SCALE.md). All else
// of a message is go-crypto's.
type sealer struct {
	w      io.Writer
	cipher cipher.Stream
	digest hash.Hash
	hashed sync.WaitGroup
	plain  []byte // the chunk under way
	open   int    // how many of its first bytes are not encrypted
	sealed []byte
}

// newSealer begins a packet in w. What is written goes into it; Close ends it and leaves w open.
func newSealer(w io.Writer, key []byte) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte{tagSealed}); err != nil {
		return nil, err
	}
	s := &sealer{
		w: w, digest: sha1.New(),
		cipher: cipher.NewCFBEncrypter(block, make([]byte, aes.BlockSize)), //nolint:staticcheck // the format's mode; its integrity is the hash's
		plain:  make([]byte, 0, chunkBytes+digestBytes), open: 1,
		sealed: make([]byte, 0, 5+chunkBytes+digestBytes),
	}
	s.plain = append(s.plain, versionSealed)
	prefix := make([]byte, prefixBytes)
	if _, err := rand.Read(prefix[:aes.BlockSize]); err != nil {
		return nil, err
	}
	copy(prefix[aes.BlockSize:], prefix[aes.BlockSize-2:])
	s.plain = append(s.plain, prefix...)
	return s, nil
}

// Write implements io.Writer.
func (s *sealer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		whole := p
		if len(s.plain) > 0 || len(p) < chunkBytes {
			take := min(len(p), chunkBytes-len(s.plain))
			s.plain = append(s.plain, p[:take]...)
			p, whole = p[take:], s.plain
		} else {
			p = p[chunkBytes:]
		}
		if len(whole) < chunkBytes {
			break
		}
		if err := s.chunk(whole[:chunkBytes]); err != nil {
			return n - len(p), err
		}
	}
	return n, nil
}

// chunk seals a whole chunk.
func (s *sealer) chunk(plain []byte) error {
	s.hashed.Go(func() { s.digest.Write(plain[s.open:]) })
	err := s.put(plain, partialLength)
	s.hashed.Wait()
	s.plain, s.open = s.plain[:0], 0
	return err
}

// put encrypts a chunk and writes it behind its length.
func (s *sealer) put(plain []byte, length ...byte) error {
	s.sealed = append(append(s.sealed[:0], length...), plain[:s.open]...)
	start := len(s.sealed)
	s.sealed = s.sealed[:len(length)+len(plain)]
	s.cipher.XORKeyStream(s.sealed[start:], plain[s.open:])
	_, err := s.w.Write(s.sealed)
	return err
}

// Close writes what is left, the hash, and with it the end.
func (s *sealer) Close() error {
	s.plain = append(s.plain, tagDigest, sha1.Size)
	s.digest.Write(s.plain[s.open:])
	s.plain = s.digest.Sum(s.plain)
	return s.put(s.plain, binary.BigEndian.AppendUint32([]byte{0xFF}, uint32(len(s.plain)))...) // section 4.2.2.3: a length of four bytes
}
