package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"restante/auth/sasl"
)

// Params are what it costs to check, or to guess, a password. Where all numbers are 0 they are those of
// DefaultParams.
type Params struct {
	Memory     uint32 // of argon2id, in KiB
	Time       uint32 // passes of argon2id over the memory
	Threads    uint8  // lanes of argon2id
	Iterations int    // of PBKDF2 for SCRAM, paid by the client at login
	// SCRAMSHA1 has keys for SCRAM-SHA-1 too, for clients that know neither SCRAM-SHA-256 nor TLS
	// with PLAIN. Whoever steals them tries passwords two to three times as fast as with those for
	// SCRAM-SHA-256, and far faster than with the argon2id hash: so they are not made unasked.
	SCRAMSHA1 bool
}

// DefaultParams are 19 MiB, two passes and one lane for argon2id, the least that is advised for
// servers today, and what RFC 7677 §4 suggests for SCRAM.
var DefaultParams = Params{Memory: 19 * 1024, Time: 2, Threads: 1, Iterations: 15_000}

// Bounds of what a stored secret may ask for: a damaged one must not take the machine.
const (
	maxMemory     = 1 << 20 // KiB
	maxTime       = 64
	minIterations = 4096
	maxIterations = 10_000_000
)

func (p Params) orDefault() Params {
	numbers := p
	numbers.SCRAMSHA1 = false
	if numbers == (Params{}) {
		numbers = DefaultParams
		numbers.SCRAMSHA1 = p.SCRAMSHA1
		return numbers
	}
	return p
}

func (p Params) check() error {
	switch {
	case p.Threads < 1 || p.Time < 1 || p.Time > maxTime,
		p.Memory < 8*uint32(p.Threads) || p.Memory > maxMemory,
		p.Iterations < minIterations || p.Iterations > maxIterations:
		return fmt.Errorf("auth: parameters out of range: %+v", p)
	}
	return nil
}

// secret is version 1 of what the store keeps for a user.
type secret struct {
	Version  int    `json:"v"`
	Argon2id string `json:"argon2id"` // PHC string
	scramSecrets
}

// scramSecrets are the keys for SCRAM; nil: there are none.
type scramSecrets struct {
	SHA256 *scramJSON `json:"scram-sha-256,omitempty"`
	SHA1   *scramJSON `json:"scram-sha-1,omitempty"`
}

// of returns the keys for a mechanism, or nil.
func (s scramSecrets) of(mechanism string) *scramJSON {
	if isSHA1(mechanism) {
		return s.SHA1
	}
	return s.SHA256
}

func isSHA1(mechanism string) bool {
	return mechanism == sasl.SCRAMSHA1 || mechanism == sasl.SCRAMSHA1Plus
}

type scramJSON struct {
	Iterations int    `json:"i"`
	Salt       []byte `json:"salt"`
	StoredKey  []byte `json:"stored"`
	ServerKey  []byte `json:"server"`
}

func newSCRAMJSON(k sasl.Keys) *scramJSON {
	return &scramJSON{k.Iterations, k.Salt, k.StoredKey, k.ServerKey}
}

// isValid reports whether keys of so many octets can be used.
func (k *scramJSON) isValid(octets int) bool {
	return k.Iterations >= 1 && len(k.Salt) > 0 && len(k.StoredKey) == octets && len(k.ServerKey) == octets
}

// NewSecret makes of a password what is kept of it: an argon2id hash and the keys for
// SCRAM, each with its own random salt. sasl.ErrPassword when it is empty or holds
// control characters.
func NewSecret(password string, p Params) ([]byte, error) {
	p = p.orDefault()
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(password) > maxPassword {
		return nil, sasl.ErrPassword
	}
	prepared, err := sasl.PreparePassword(password)
	if err != nil {
		return nil, err
	}
	keys, err := sasl.NewKeys(sasl.SCRAMSHA256, password, p.Iterations)
	if err != nil {
		return nil, err
	}
	scram := scramSecrets{SHA256: newSCRAMJSON(keys)}
	if p.SCRAMSHA1 {
		if keys, err = sasl.NewKeys(sasl.SCRAMSHA1, password, p.Iterations); err != nil {
			return nil, err
		}
		scram.SHA1 = newSCRAMJSON(keys)
	}
	h := argonHash{params: p, salt: make([]byte, 16)}
	rand.Read(h.salt)
	h.hash = h.of(prepared, 32)
	return json.Marshal(secret{1, h.String(), scram})
}

// maxPassword bounds a password, in octets.
const maxPassword = 1024

func parseSecret(b []byte) (argonHash, scramSecrets, error) {
	var s secret
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&s); err != nil || s.Version != 1 {
		return argonHash{}, scramSecrets{}, ErrSecret
	}
	h, err := parseArgon(s.Argon2id)
	if err != nil {
		return argonHash{}, scramSecrets{}, err
	}
	if s.SHA256 != nil && !s.SHA256.isValid(sha256.Size) || s.SHA1 != nil && !s.SHA1.isValid(sha1.Size) {
		return argonHash{}, scramSecrets{}, ErrSecret
	}
	if s.SHA256 != nil {
		h.params.Iterations = s.SHA256.Iterations
	}
	h.params.SCRAMSHA1 = s.SHA1 != nil
	return h, s.scramSecrets, nil
}

// argonHash is an argon2id hash (RFC 9106).
type argonHash struct {
	params     Params
	salt, hash []byte
}

func (h argonHash) of(prepared string, size int) []byte {
	p := h.params
	return argon2.IDKey([]byte(prepared), h.salt, p.Time, p.Memory, p.Threads, uint32(size))
}

func (h argonHash) matches(prepared string) bool {
	return subtle.ConstantTimeCompare(h.of(prepared, len(h.hash)), h.hash) == 1
}

// String returns the PHC string format.
func (h argonHash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.params.Memory, h.params.Time, h.params.Threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.hash))
}

func parseArgon(s string) (argonHash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return argonHash{}, ErrSecret
	}
	h := argonHash{params: Params{Iterations: minIterations}}
	var err1, err2, err3 error
	_, err1 = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.params.Memory, &h.params.Time, &h.params.Threads)
	h.salt, err2 = base64.RawStdEncoding.DecodeString(parts[4])
	h.hash, err3 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || err3 != nil || h.params.check() != nil ||
		len(h.salt) < 8 || len(h.hash) < 16 || len(h.hash) > 128 {
		return argonHash{}, ErrSecret
	}
	return h, nil
}
