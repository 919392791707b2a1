package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"restante/auth/sasl"
)

// Params are what it costs to check, or to guess, a password. The zero value is DefaultParams.
type Params struct {
	Memory     uint32 // of argon2id, in KiB
	Time       uint32 // passes of argon2id over the memory
	Threads    uint8  // lanes of argon2id
	Iterations int    // of PBKDF2 for SCRAM-SHA-256, paid by the client at login
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
	if p == (Params{}) {
		return DefaultParams
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
	Version  int        `json:"v"`
	Argon2id string     `json:"argon2id"` // PHC string
	SCRAM    *scramJSON `json:"scram-sha-256,omitempty"`
}

type scramJSON struct {
	Iterations int    `json:"i"`
	Salt       []byte `json:"salt"`
	StoredKey  []byte `json:"stored"`
	ServerKey  []byte `json:"server"`
}

// NewSecret makes of a password what is kept of it: an argon2id hash and the keys for
// SCRAM-SHA-256, each with its own random salt. sasl.ErrPassword when it is empty or holds
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
	keys, err := sasl.NewKeys(password, p.Iterations)
	if err != nil {
		return nil, err
	}
	h := argonHash{params: p, salt: make([]byte, 16)}
	rand.Read(h.salt)
	h.hash = h.of(prepared, 32)
	return json.Marshal(secret{
		Version:  1,
		Argon2id: h.String(),
		SCRAM:    &scramJSON{keys.Iterations, keys.Salt, keys.StoredKey, keys.ServerKey},
	})
}

// maxPassword bounds a password, in octets.
const maxPassword = 1024

func parseSecret(b []byte) (argonHash, *scramJSON, error) {
	var s secret
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&s); err != nil || s.Version != 1 {
		return argonHash{}, nil, ErrSecret
	}
	h, err := parseArgon(s.Argon2id)
	if err != nil {
		return argonHash{}, nil, err
	}
	if k := s.SCRAM; k != nil {
		if k.Iterations < 1 || len(k.Salt) == 0 || len(k.StoredKey) != 32 || len(k.ServerKey) != 32 {
			return argonHash{}, nil, ErrSecret
		}
		h.params.Iterations = k.Iterations
	}
	return h, s.SCRAM, nil
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
