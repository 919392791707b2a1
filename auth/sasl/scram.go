package sasl

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// The names of the SCRAM mechanisms. Those with -PLUS bind the channel.
const (
	SCRAMSHA256     = "SCRAM-SHA-256" // RFC 7677
	SCRAMSHA256Plus = "SCRAM-SHA-256-PLUS"
	SCRAMSHA1       = "SCRAM-SHA-1" // RFC 5802
	SCRAMSHA1Plus   = "SCRAM-SHA-1-PLUS"
)

// maxIterations is what a client computes for a server at most, about a second's work.
const maxIterations = 2_000_000

type scramHash struct {
	name string
	hash scram.HashGeneratorFcn
}

var scramHashes = []scramHash{
	{SCRAMSHA256, scram.SHA256},
	{SCRAMSHA1, scram.SHA1},
}

// hashOf returns the hash of a mechanism, with -PLUS or without; false when there is no such mechanism.
func hashOf(mechanism string) (scramHash, bool) {
	for _, h := range scramHashes {
		if h.name == strings.TrimSuffix(mechanism, "-PLUS") {
			return h, true
		}
	}
	return scramHash{}, false
}

// Keys are what a server keeps of a password for one mechanism (RFC 5802 §3), 32 octets each for
// SCRAM-SHA-256 and 20 for SCRAM-SHA-1. They do not give the password away, but let whoever has
// them check guesses, and play the server.
type Keys struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// NewKeys derives Keys for SCRAMSHA256 or SCRAMSHA1 from a password, with a random salt of 16
// octets. RFC 7677 §4 asks for at least 4096 iterations. Errors are ErrPassword and ErrNoMechanism.
func NewKeys(mechanism, password string, iterations int) (Keys, error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	return deriveKeys(mechanism, password, salt, iterations)
}

func deriveKeys(mechanism, password string, salt []byte, iterations int) (Keys, error) {
	hash, ok := hashOf(mechanism)
	if !ok {
		return Keys{}, ErrNoMechanism
	}
	prepared, err := PreparePassword(password)
	if err != nil {
		return Keys{}, err
	}
	client, err := hash.hash.NewClientUnprepped("", prepared, "")
	if err != nil {
		return Keys{}, fmt.Errorf("sasl: %w", err)
	}
	c, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return Keys{}, fmt.Errorf("sasl: %w", err)
	}
	return Keys{Salt: salt, Iterations: iterations, StoredKey: c.StoredKey, ServerKey: c.ServerKey}, nil
}

// scramKeys are a client's password and the keys derived from it, by hash. The scram.Client
// remembers them by salt and iteration count.
type scramKeys struct {
	clients map[string]*scram.Client
	err     error // the password has no prepared form
}

func newSCRAMKeys(user, password string) *scramKeys {
	k := &scramKeys{clients: make(map[string]*scram.Client, len(scramHashes))}
	prepared, err := PreparePassword(password)
	if err != nil {
		k.err = err
		return k
	}
	for _, h := range scramHashes {
		c, err := h.hash.NewClientUnprepped(prepareUser(user), prepared, "")
		if err != nil {
			k.err = fmt.Errorf("sasl: %w", err)
			return k
		}
		k.clients[h.name] = c
	}
	return k
}

// scramClient is the client's side of SCRAM (RFC 5802).
type scramClient struct {
	keys      *scramKeys
	hash      scramHash
	kind      string // of the binding
	binding   []byte // nil: not the -PLUS mechanism
	couldBind bool   // the client could bind, but the server does not offer it

	conv *scram.ClientConversation
	step int
}

func (s *scramClient) Name() string {
	if s.binding != nil {
		return s.hash.name + "-PLUS"
	}
	return s.hash.name
}

func (s *scramClient) Start() ([]byte, error) {
	client := s.keys.clients[s.hash.name]
	switch {
	case s.binding != nil:
		s.conv = client.NewConversationWithChannelBinding(scram.ChannelBinding{
			Type: scram.ChannelBindingType(s.kind), Data: s.binding,
		})
	case s.couldBind:
		s.conv = client.NewConversationAdvertisingChannelBinding()
	default:
		s.conv = client.NewConversation()
	}
	s.step = 1
	first, err := s.conv.Step("")
	if err != nil {
		return nil, fmt.Errorf("sasl: %s: %w", s.Name(), err)
	}
	return []byte(first), nil
}

func (s *scramClient) Next(challenge []byte) ([]byte, error) {
	if s.step == 1 {
		if err := checkIterations(string(challenge)); err != nil {
			return nil, err
		}
	}
	s.step++
	response, err := s.conv.Step(string(challenge))
	if err != nil {
		return nil, fmt.Errorf("sasl: %s: %w", s.Name(), err)
	}
	return []byte(response), nil
}

func (s *scramClient) finish() error {
	if s.conv == nil || !s.conv.Valid() {
		return ErrServer
	}
	return nil
}

// checkIterations refuses a server-first-message that would keep the client busy for long.
func checkIterations(serverFirst string) error {
	for field := range strings.SplitSeq(serverFirst, ",") {
		if count, ok := strings.CutPrefix(field, "i="); ok {
			if n, err := strconv.Atoi(count); err != nil || n > maxIterations {
				return fmt.Errorf("%w: SCRAM iteration count", ErrMalformed)
			}
		}
	}
	return nil
}

// SCRAMOptions are the server's side of one SCRAM exchange.
type SCRAMOptions struct {
	// Mechanism is the name. With -PLUS the client must bind the channel.
	Mechanism string
	// Binding returns channel binding data of a kind, as in Security. When it has any, the server
	// offers the mechanism with -PLUS, also if this exchange is without.
	Binding func(kind string) []byte
	// Keys returns a user's keys for the mechanism. For a user that does not exist it returns keys that nobody
	// knows a password of, always the same, so that a client cannot tell.
	Keys func(user string) (Keys, error)
	// Verified is called once the client has proved that it knows the password, before the
	// server proves itself, or with ok false when the proof is wrong. Its error is the
	// exchange's; a wrong proof without an error is an error all the same. authz is empty when
	// the client did not ask to act as another.
	Verified func(authz, user string, ok bool) error
}

// CanBind reports whether a connection has channel binding data of any kind. binding may be nil.
func CanBind(binding func(kind string) []byte) bool { return anyBinding(binding) != "" }

// anyBinding returns a kind of which there is channel binding data, or "".
func anyBinding(binding func(kind string) []byte) string {
	if binding == nil {
		return ""
	}
	for _, kind := range []string{BindingExporter, BindingEndPoint} {
		if len(binding(kind)) > 0 {
			return kind
		}
	}
	return ""
}

// NewSCRAM returns the server's side of SCRAM (RFC 5802, RFC 7677).
func NewSCRAM(o SCRAMOptions) Server { return &scramServer{o: o} }

type scramServer struct {
	o       SCRAMOptions
	conv    *scram.ServerConversation
	keysErr error
	step    int
}

func (s *scramServer) Next(response []byte) ([]byte, bool, error) {
	switch s.step {
	case 0:
		if response == nil {
			return []byte{}, false, nil
		}
		s.step = 1
		return s.first(response)
	case 1:
		s.step = 2
		return s.final(response)
	case 2:
		s.step = 3
		if len(response) != 0 {
			return nil, false, fmt.Errorf("%w: SCRAM: client speaks after the end", ErrMalformed)
		}
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("%w: exchange is over", ErrMalformed)
}

func (s *scramServer) first(response []byte) ([]byte, bool, error) {
	flag, _, _ := strings.Cut(string(response), ",")
	kind, bound := strings.CutPrefix(flag, "p=")
	if bound != strings.HasSuffix(s.o.Mechanism, "-PLUS") || len(response) > 4*maxField {
		// "p" belongs to the -PLUS mechanism and to no other (RFC 5802 §6).
		s.step = 3
		return nil, false, fmt.Errorf("%w: SCRAM: channel binding flag", ErrMalformed)
	}
	hash, ok := hashOf(s.o.Mechanism)
	if !ok {
		return nil, false, ErrNoMechanism
	}
	server, err := hash.hash.NewServer(s.lookup)
	if err != nil {
		return nil, false, fmt.Errorf("sasl: %w", err)
	}
	if !bound {
		kind = anyBinding(s.o.Binding) // any that there is makes the server refuse the flag "y"
	}
	var data []byte
	if s.o.Binding != nil {
		data = s.o.Binding(kind)
	}
	s.conv = server.NewConversationWithChannelBinding(scram.ChannelBinding{
		Type: scram.ChannelBindingType(kind), Data: data,
	})
	challenge, err := s.conv.Step(string(response))
	if err != nil {
		s.step = 3
		if s.keysErr != nil {
			return nil, false, s.keysErr
		}
		return nil, false, fmt.Errorf("%w: %s: %v", ErrMalformed, s.o.Mechanism, err)
	}
	return []byte(challenge), false, nil
}

func (s *scramServer) lookup(user string) (scram.StoredCredentials, error) {
	if user == "" || len(user) > maxField {
		return scram.StoredCredentials{}, fmt.Errorf("user name is empty or too long")
	}
	k, err := s.o.Keys(user)
	if err != nil {
		s.keysErr = err
		return scram.StoredCredentials{}, err
	}
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(k.Salt), Iters: k.Iterations},
		StoredKey:  k.StoredKey,
		ServerKey:  k.ServerKey,
	}, nil
}

func (s *scramServer) final(response []byte) ([]byte, bool, error) {
	if !wellFormedFinal(string(response)) {
		s.step = 3
		return nil, false, fmt.Errorf("%w: SCRAM: client-final-message", ErrMalformed)
	}
	challenge, stepErr := s.conv.Step(string(response))
	err := s.o.Verified(s.conv.AuthzID(), s.conv.Username(), stepErr == nil && s.conv.Valid())
	switch {
	case err != nil:
	case stepErr != nil:
		// Not the library's text: it quotes the binding data.
		err = errors.New("sasl: SCRAM proof or channel binding is wrong")
	default:
		return []byte(challenge), false, nil
	}
	s.step = 3
	return nil, false, err
}

// wellFormedFinal tells a client that cannot speak from one that has a wrong password.
func wellFormedFinal(message string) bool {
	fields := strings.Split(message, ",")
	if len(fields) < 3 || !strings.HasPrefix(fields[1], "r=") {
		return false
	}
	for i, prefix := range map[int]string{0: "c=", len(fields) - 1: "p="} {
		value, ok := strings.CutPrefix(fields[i], prefix)
		if !ok {
			return false
		}
		if _, err := base64.StdEncoding.DecodeString(value); err != nil {
			return false
		}
	}
	return true
}
