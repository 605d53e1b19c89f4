package encrypt

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Packet types of RFC 9580, section 5.
const (
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
)

// oldestVersion is the oldest version of a key packet that is not retired: older ones are bound by MD5.
const oldestVersion = 4

// certificate reads the one certificate that key must hold.
func certificate(key []byte) (*openpgp.Entity, error) {
	packets, err := binaryPackets(key)
	if err != nil {
		return nil, err
	}
	if err := countKeys(packets); err != nil {
		return nil, err
	}
	entities, err := openpgp.ReadKeyRing(bytes.NewReader(packets))
	switch {
	case err != nil:
		return nil, refuse(ErrUnreadable, askExport, "the certificate is damaged (%v)", err)
	case len(entities) != 1:
		return nil, refuse(ErrUnreadable, askNew, "its primary key is damaged or of a kind that is not known")
	}
	return entities[0], nil
}

const beginArmor = "-----BEGIN PGP "

// binaryPackets takes the ASCII armor off, if there is one.
func binaryPackets(key []byte) ([]byte, error) {
	key = bytes.TrimPrefix(key, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimSpace(key)
	switch {
	case len(trimmed) == 0:
		return nil, refuse(ErrUnreadable, askExport, "it is empty")
	case bytes.HasPrefix(key, []byte("\xff\xfe")) && bytes.IndexByte(key, 0) >= 0:
		return nil, refuse(ErrUnreadable, "ask the customer for the file that gpg --armor --export --output FILE writes",
			"it is UTF-16 text, as PowerShell writes with >")
	case key[0]&0x80 != 0 && !bytes.Contains(key, []byte(beginArmor)): // a word before the armor may begin with an umlaut
		return key, nil
	case bytes.HasPrefix(trimmed, []byte("ssh-")):
		return nil, refuse(ErrUnreadable, askExport, "it is an SSH key, not an OpenPGP one")
	case !bytes.Contains(key, []byte(beginArmor)):
		return nil, refuse(ErrUnreadable, askExport, "there is no -----BEGIN PGP PUBLIC KEY BLOCK----- in it")
	case !bytes.ContainsRune(trimmed, '\n'):
		return nil, refuse(ErrUnreadable, "keep the key in a file, or as a block of lines",
			"it has lost its line breaks")
	}
	return armoredPackets(key)
}

// armoredPackets joins what all armored blocks hold, so that a second certificate in a second block is seen.
func armoredPackets(key []byte) ([]byte, error) {
	var packets bytes.Buffer
	for _, text := range splitBlocks(key) {
		block, err := armor.Decode(bytes.NewReader(text))
		if err != nil {
			return nil, refuse(ErrUnreadable, askExport, "the lines after -----BEGIN PGP are damaged")
		}
		switch block.Type {
		case openpgp.PrivateKeyType:
			return nil, secretKey()
		case openpgp.PublicKeyType:
		default:
			return nil, refuse(ErrUnreadable, askExport, "it is a %s, not a PGP PUBLIC KEY BLOCK", block.Type)
		}
		if _, err := io.Copy(&packets, block.Body); err != nil {
			return nil, refuse(ErrUnreadable, askExport, "the armored text is damaged or cut off")
		}
	}
	return packets.Bytes(), nil
}

func splitBlocks(key []byte) [][]byte {
	var blocks [][]byte
	for _, part := range strings.Split(string(key), beginArmor)[1:] {
		blocks = append(blocks, []byte(beginArmor+part))
	}
	return blocks
}

// countKeys makes sure that packets hold one public key with its subkeys, and no secret one.
func countKeys(packets []byte) error {
	var certificates int
	for reader := packet.NewOpaqueReader(bytes.NewReader(packets)); ; {
		p, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse(ErrUnreadable, askExport, "it is damaged, cut off, or not an OpenPGP certificate")
		}
		switch p.Tag {
		case tagSecretKey, tagSecretSubkey:
			return secretKey()
		case tagPublicKey:
			certificates++
			if len(p.Contents) > 0 && p.Contents[0] < oldestVersion {
				return refuse(ErrRetired, askNew, "it is a key of version %d, from before 1998", p.Contents[0])
			}
		}
	}
	switch {
	case certificates == 0:
		return refuse(ErrUnreadable, askExport, "it is OpenPGP data, but holds no public key")
	case certificates > 1:
		return refuse(ErrSeveralKeys, "ask the customer which one is meant, and give several recipients as pgp_public_keys",
			"it holds %d", certificates)
	}
	return nil
}

func secretKey() error {
	return refuse(ErrSecretKey, askExport, "the customer must think of it as leaked, revoke it and make a new one")
}
