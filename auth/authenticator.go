package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"restante/auth/sasl"
	"restante/store"
)

// Users is where users are kept: a store.Store. User returns the user with exactly that name, or
// store.ErrNotFound.
type Users interface {
	User(ctx context.Context, name string) (store.User, error)
}

// SecretSetter is implemented by Users whose secrets can be replaced, as those of a store.Store.
type SecretSetter interface {
	SetSecret(ctx context.Context, name string, secret []byte) error
}

// Options are the settings of an Authenticator. The zero value is good.
type Options struct {
	// Params are for new secrets. A user whose secret was made with others gets a new one at
	// the next login with the password, when Users can set it.
	Params Params
	// Key makes the salts that SCRAM shows for users that do not exist. Keep 32 random octets
	// with the store: with a nil Key they change at every start, which tells such users from
	// real ones.
	Key []byte
	// CacheTTL is how long a right password is remembered after it was checked: default one
	// hour, negative for never.
	CacheTTL time.Duration
	// CacheSize is how many passwords are remembered; default 100,000, of about 100 octets.
	CacheSize int
	// Hashes is how many passwords are hashed at a time; default GOMAXPROCS. Each takes
	// Params.Memory.
	Hashes int
	// Tokens verifies access tokens; nil: OAUTHBEARER and XOAUTH2 are not offered.
	Tokens TokenVerifier
	// Anonymous is the name of the user whose mail anybody may look at by ANONYMOUS (RFC 4505); ""
	// for none.
	Anonymous string
	// Log gets damaged secrets and renewed ones.
	Log *slog.Logger
}

// Authenticator checks passwords and runs SASL exchanges. It may be used concurrently.
type Authenticator struct {
	users    Users
	params   Params
	key      []byte
	dummy    []byte // a secret that no password fits, for users that do not exist
	cache    *cache
	throttle *throttle
	slots    *slots
	flights  flights
	matches  func(argonHash, string) bool // computes a hash; tests count and stop it
	changing chan struct{}                // an element while a secret is replaced
	log      *slog.Logger

	tokens    TokenVerifier // nil: none
	anonymous string        // the user's name, or ""
}

// New returns an Authenticator for users. o may be nil. The error is of its Params.
func New(users Users, o *Options) (*Authenticator, error) {
	if o == nil {
		o = &Options{}
	}
	a := &Authenticator{users: users, params: o.Params.orDefault(), key: o.Key, log: o.Log, tokens: o.Tokens, anonymous: o.Anonymous}
	if err := a.params.check(); err != nil {
		return nil, err
	}
	if len(a.key) == 0 {
		a.key = make([]byte, 32)
		rand.Read(a.key)
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	ttl, size, hashes := o.CacheTTL, o.CacheSize, o.Hashes
	if ttl == 0 {
		ttl = time.Hour
	}
	if size == 0 {
		size = 100_000
	}
	if hashes <= 0 {
		hashes = runtime.GOMAXPROCS(0)
	}
	a.cache = newCache(size, ttl)
	a.throttle = newThrottle()
	a.slots = newSlots(hashes)
	a.flights.mu.wanted = make(map[digest]*flight)
	a.matches = argonHash.matches
	a.changing = make(chan struct{}, 1)
	dummy, err := a.newDummy()
	if err != nil {
		return nil, err
	}
	a.dummy = dummy
	return a, nil
}

// newDummy makes a secret of a random hash: it costs what a real one costs, and fits nothing.
func (a *Authenticator) newDummy() ([]byte, error) {
	h := argonHash{params: a.params, salt: make([]byte, 16), hash: make([]byte, 32)}
	rand.Read(h.salt)
	rand.Read(h.hash)
	scram := scramSecrets{SHA256: newSCRAMJSON(a.fakeKeys(sasl.SCRAMSHA256, ""))}
	if a.params.SCRAMSHA1 {
		scram.SHA1 = newSCRAMJSON(a.fakeKeys(sasl.SCRAMSHA1, ""))
	}
	return json.Marshal(secret{1, h.String(), scram})
}

// Password checks a user's password. remote is the client's address, or the zero Addr for a
// client without. It may take long: a hash, and pauses after failures; the context ends them.
//
// Errors are ErrFailed, ErrThrottled, and those of the store and the context.
func (a *Authenticator) Password(ctx context.Context, remote netip.Addr, name, password string) (store.User, error) {
	canonical := canonicalOr(name)
	at, err := a.throttle.begin(ctx, remote, canonical)
	if err != nil {
		return store.User{}, err
	}
	ended, wrong := abandoned, guess{}
	defer func() { at.end(ended, wrong) }()
	user, known, err := a.lookup(ctx, name, canonical)
	if err != nil {
		return store.User{}, err
	}
	c := a.claim(user, known, canonical, password)
	// From here on the time that it takes may tell something: who goes away before the answer has
	// failed.
	ended = failed
	right := at.fresh && a.cache.has(c.digest)
	if !right {
		if err := at.passName(ctx); err != nil {
			return store.User{}, err
		}
		if !at.failedBefore(c.guess()) {
			if right, err = a.check(ctx, at, &c); err != nil {
				return store.User{}, err
			}
		}
	}
	if !right {
		wrong = c.guess()
		return store.User{}, ErrFailed
	}
	ended = succeeded
	return user, nil
}

// canonicalOr returns the canonical name, or for what cannot be one the name itself, cut: it only
// serves to tell attempts apart.
func canonicalOr(name string) string {
	if canonical, err := CanonicalName(name); err == nil {
		return canonical
	}
	return name[:min(len(name), maxName)]
}

// lookup finds the user of that name, as it is given or else in its canonical form.
func (a *Authenticator) lookup(ctx context.Context, name, canonical string) (user store.User, known bool, err error) {
	if len(name) > maxName {
		return store.User{}, false, nil
	}
	user, err = a.users.User(ctx, name)
	if errors.Is(err, store.ErrNotFound) && canonical != name {
		user, err = a.users.User(ctx, canonical)
	}
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, false, nil
	}
	if err != nil {
		return store.User{}, false, fmt.Errorf("auth: %w", err)
	}
	return user, true, nil
}

// renew replaces a secret that was made with other parameters. It is a courtesy: an error is
// logged, and the next login tries again.
func (a *Authenticator) renew(ctx context.Context, user store.User, password string) {
	if _, ok := a.users.(SecretSetter); !ok {
		return
	}
	err := a.change(ctx, user.Name, password, func(now store.User) bool {
		// Not over a password that was changed meanwhile.
		return string(now.Secret) == string(user.Secret)
	})
	if err != nil {
		a.log.Warn("secret not renewed", "user", user.Name, "err", err)
		return
	}
	a.log.Info("secret renewed", "user", user.Name)
}

// NewSecret is NewSecret with the Authenticator's Params.
func (a *Authenticator) NewSecret(password string) ([]byte, error) {
	return NewSecret(password, a.params)
}

// SetPassword replaces a user's password. A server that runs must change passwords here and not
// in the store alone, or a login with the old password, whose secret is just being renewed, could
// win over the change. Errors are store.ErrNotFound, sasl.ErrPassword and the store's.
func (a *Authenticator) SetPassword(ctx context.Context, name, password string) error {
	return a.change(ctx, name, password, func(store.User) bool { return true })
}

// change sets a new secret when still says so of the user as it is. One change runs at a time.
func (a *Authenticator) change(ctx context.Context, name, password string, still func(store.User) bool) error {
	setter, ok := a.users.(SecretSetter)
	if !ok {
		return errors.New("auth: passwords cannot be changed here")
	}
	slot := a.slots.request(netip.Addr{}, classFirst)
	select {
	case <-slot.granted:
	case <-ctx.Done():
		a.slots.withdraw(slot)
		return ctx.Err()
	}
	secret, err := NewSecret(password, a.params)
	a.slots.release()
	if err != nil {
		return err
	}
	select {
	case a.changing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.changing }()
	user, err := a.users.User(ctx, name)
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	if !still(user) {
		return nil
	}
	if err := setter.SetSecret(ctx, user.Name, secret); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}
