package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/auth/sasl"
	"restante/store"
)

// cheap keeps the tests quick.
var cheap = Params{Memory: 64, Time: 1, Threads: 1, Iterations: 4096}

// directory is Users in a map.
type directory struct {
	mu struct {
		sync.Mutex
		users map[string]store.User
		err   error
		sets  int
	}
}

func (d *directory) User(_ context.Context, name string) (store.User, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.err != nil {
		return store.User{}, d.mu.err
	}
	u, ok := d.mu.users[name]
	if !ok {
		return u, store.ErrNotFound
	}
	return u, nil
}

func (d *directory) SetSecret(_ context.Context, name string, secret []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, ok := d.mu.users[name]
	if !ok {
		return store.ErrNotFound
	}
	u.Secret = secret
	d.mu.users[name] = u
	d.mu.sets++
	return nil
}

func (d *directory) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.err = err
}

func (d *directory) sets() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.sets
}

func newDirectory(t testing.TB, p Params) *directory {
	t.Helper()
	d := &directory{}
	d.mu.users = map[string]store.User{}
	for i, name := range []string{"ann@example.org", "Bob", "jürgen"} {
		secret, err := NewSecret("pass of "+name, p)
		if err != nil {
			t.Fatal(err)
		}
		d.mu.users[name] = store.User{ID: store.AccountID(i + 1), Name: name, Secret: secret}
	}
	return d
}

func newAuth(t testing.TB, d *directory, o Options) *Authenticator {
	t.Helper()
	if o.Params == (Params{}) {
		o.Params = cheap
	}
	a, err := New(d, &o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	ctx    = context.Background()
	remote = netip.MustParseAddr("192.0.2.1")
)

func TestPassword(t *testing.T) {
	a := newAuth(t, newDirectory(t, cheap), Options{})
	for _, tt := range []struct {
		name, password string
		id             store.AccountID
	}{
		{"ann@example.org", "pass of ann@example.org", 1},
		{"Ann@Example.ORG", "pass of ann@example.org", 1},
		{"Bob", "pass of Bob", 2},
		{"bob", "pass of Bob", 0}, // the store has no such name, nor is Bob canonical
		{"jürgen", "pass of jürgen", 3},
		{"ju\u0308rgen", "pass of ju\u0308rgen", 3},
		{"ann@example.org", "pass of\u00a0ann@example.org", 1},
		{"ann@example.org", "Pass of ann@example.org", 0},
		{"ann@example.org", "", 0},
		{"ann@example.org", "pass of ann@example.org\x00", 0},
		{"ann@example.org", strings.Repeat("x", 5000), 0},
		{"ann", "pass of ann@example.org", 0},
		{"", "", 0},
		{strings.Repeat("x", 5000), "x", 0},
		{"\xff", "x", 0},
	} {
		for range 2 { // the second time from the cache, if it was right
			u, err := a.Password(ctx, remote, tt.name, tt.password)
			if tt.id == 0 && !errors.Is(err, ErrFailed) || tt.id != 0 && err != nil || u.ID != tt.id {
				t.Errorf("%.20q %.20q: user %d, %v", tt.name, tt.password, u.ID, err)
			}
			a.throttle = newThrottle()
		}
	}
}

func TestStoreErrorIsNotAFailure(t *testing.T) {
	d := newDirectory(t, cheap)
	a := newAuth(t, d, Options{})
	broken := errors.New("disk on fire")
	d.fail(broken)
	for range pairRule.free + 3 {
		if _, err := a.Password(ctx, remote, "ann@example.org", "x"); !errors.Is(err, broken) || errors.Is(err, ErrFailed) {
			t.Fatal(err)
		}
	}
	if n := len(a.throttle.mu.gates); n != 0 {
		t.Errorf("%d gates have something to remember", n)
	}
}

func TestSecret(t *testing.T) {
	p := Params{Memory: 128, Time: 3, Threads: 2, Iterations: 5000}
	b, err := NewSecret("pencil", p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "pencil") {
		t.Error("the secret holds the password")
	}
	h, k, err := parseSecret(b)
	if err != nil || h.params != p || k.SHA256.Iterations != 5000 || k.SHA1 != nil || !h.matches("pencil") || h.matches("pencil ") {
		t.Errorf("%+v %+v %v", h.params, k, err)
	}
	if again, _ := NewSecret("pencil", p); string(again) == string(b) {
		t.Error("two secrets of one password are the same")
	}
	for _, password := range []string{"", "\x00", "a\nb", "\xff", strings.Repeat("x", maxPassword+1)} {
		if _, err := NewSecret(password, cheap); !errors.Is(err, sasl.ErrPassword) {
			t.Errorf("%.10q: %v", password, err)
		}
	}
	for _, p := range []Params{{Memory: 1, Time: 1, Threads: 1, Iterations: 4096}, {Memory: 64, Threads: 1, Iterations: 4096}, {Memory: 64, Time: 1, Iterations: 4096}, {Memory: 64, Time: 1, Threads: 1}} {
		if _, err := NewSecret("x", p); err == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

// The reference implementation's own test vector (phc-winner-argon2, src/test.c).
func TestArgonVector(t *testing.T) {
	h, err := parseArgon("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil || !h.matches("password") || h.matches("Password") {
		t.Errorf("%+v %v", h.params, err)
	}
}

func FuzzParseSecret(f *testing.F) {
	good, err := NewSecret("pencil", cheap)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"v":1,"argon2id":"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, k, err := parseSecret(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(secret{1, h.String(), k})
		if err != nil {
			t.Fatal(err)
		}
		h2, _, err := parseSecret(again)
		if err != nil || h2.String() != h.String() || h.params.check() != nil && k.SHA256 == nil {
			t.Fatalf("%s: %s %v", b, again, err)
		}
	})
}

func TestDamagedSecret(t *testing.T) {
	d := newDirectory(t, cheap)
	a := newAuth(t, d, Options{})
	for _, s := range []string{"", "{}", "pass of Bob", `{"v":1,"argon2id":"$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$AAAA"}`} {
		if err := d.SetSecret(ctx, "Bob", []byte(s)); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Password(ctx, remote, "Bob", s); !errors.Is(err, ErrFailed) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t, cheap)
		a := newAuth(t, d, Options{CacheTTL: time.Minute, CacheSize: 2})
		login := func(name, password string) (hashed bool) {
			t.Helper()
			user, _ := d.User(ctx, name)
			hashed = !a.cache.has(a.cache.digest(user.Name, user.Secret, password))
			if _, err := a.Password(ctx, remote, name, password); err != nil {
				t.Fatal(name, err)
			}
			return hashed
		}
		if !login("Bob", "pass of Bob") || login("Bob", "pass of Bob") {
			t.Error("second login was not from the cache")
		}
		time.Sleep(61 * time.Second)
		if !login("Bob", "pass of Bob") {
			t.Error("remembered for too long")
		}
		if err := a.SetPassword(ctx, "Bob", "new"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); !errors.Is(err, ErrFailed) {
			t.Error("old password still works:", err)
		}
		if !login("Bob", "new") {
			t.Error("new password from the cache")
		}
		login("jürgen", "pass of jürgen")
		login("ann@example.org", "pass of ann@example.org")
		if n := len(a.cache.mu.until); n > 2 {
			t.Errorf("%d entries", n)
		}
	})
}

func TestCacheOff(t *testing.T) {
	a := newAuth(t, newDirectory(t, cheap), Options{CacheTTL: -1})
	if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); err != nil {
		t.Fatal(err)
	}
	if n := len(a.cache.mu.until); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// A secret made with other parameters is renewed at login, a good one is left alone.
func TestRenew(t *testing.T) {
	d := newDirectory(t, cheap)
	stronger := cheap
	stronger.Memory = 128
	a := newAuth(t, d, Options{Params: stronger})
	old, _ := d.User(ctx, "Bob")
	for range 3 {
		if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); err != nil {
			t.Fatal(err)
		}
	}
	now, _ := d.User(ctx, "Bob")
	if h, _, err := parseSecret(now.Secret); err != nil || h.params != stronger || d.sets() != 1 {
		t.Errorf("%+v %v after %d changes", h.params, err, d.sets())
	}
	// A renewal does not win over a new password that was set while it was under way.
	if err := a.SetPassword(ctx, "Bob", "new"); err != nil {
		t.Fatal(err)
	}
	a.renew(ctx, old, "pass of Bob")
	if _, err := a.Password(ctx, remote, "Bob", "new"); err != nil {
		t.Error("new password is gone:", err)
	}
	if err := a.SetPassword(ctx, "nobody", "new"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

func TestMechanisms(t *testing.T) {
	a := newAuth(t, newDirectory(t, cheap), Options{})
	binding := func(kind string) []byte { return []byte("data") }
	for _, tt := range []struct {
		c    Conn
		want string
	}{
		{Conn{}, "SCRAM-SHA-256"},
		{Conn{Plaintext: true}, "SCRAM-SHA-256 PLAIN LOGIN"},
		{Conn{Plaintext: true, Binding: binding}, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"},
	} {
		if got := strings.Join(a.Mechanisms(tt.c), " "); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		for _, m := range []string{"plain", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "GSSAPI"} {
			_, err := a.Server(ctx, m, tt.c)
			if offered := slices.Contains(strings.Fields(tt.want), strings.ToUpper(m)); offered != (err == nil) || !offered && !errors.Is(err, ErrMechanism) {
				t.Errorf("%s on %q: %v", m, tt.want, err)
			}
		}
	}
}

// With SCRAM-SHA-1 a user has keys for it from the next password, or the next login with one, and without
// it again none.
func TestSCRAMSHA1(t *testing.T) {
	d := newDirectory(t, cheap)
	with := cheap
	with.SCRAMSHA1 = true
	a := newAuth(t, d, Options{Params: with})
	login := func(password string) error {
		t.Helper()
		ms, err := sasl.Password("Bob", password).Pick([]string{"SCRAM-SHA-1"}, sasl.Security{TLS: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = exchange(t, a, ms[0], Conn{Remote: remote})
		return err
	}
	if got, want := strings.Join(a.Mechanisms(Conn{Binding: func(string) []byte { return []byte("x") }}), " "), "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := login("pass of Bob"); !errors.Is(err, ErrFailed) {
		t.Errorf("without keys: %v", err)
	}
	if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); err != nil {
		t.Fatal(err)
	}
	if err := login("pass of Bob"); err != nil {
		t.Errorf("after a login with the password: %v", err)
	}
	if err := a.SetPassword(ctx, "Bob", "new"); err != nil {
		t.Fatal(err)
	}
	if err := login("new"); err != nil {
		t.Errorf("with a new password: %v", err)
	}
	if err := login("pass of Bob"); !errors.Is(err, ErrFailed) {
		t.Errorf("with the old one: %v", err)
	}
	if _, err := newAuth(t, d, Options{Params: cheap}).Password(ctx, remote, "Bob", "new"); err != nil {
		t.Fatal(err)
	}
	if u, _ := d.User(ctx, "Bob"); strings.Contains(string(u.Secret), "scram-sha-1") {
		t.Errorf("the keys are still there: %s", u.Secret)
	}
	if p := (Params{SCRAMSHA1: true}).orDefault(); !p.SCRAMSHA1 || p.Memory != DefaultParams.Memory {
		t.Errorf("%+v", p)
	}
}

// exchange lets package sasl's client talk to the Authenticator.
func exchange(t *testing.T, a *Authenticator, m sasl.Mechanism, c Conn) (store.User, error) {
	t.Helper()
	e, err := a.Server(ctx, m.Name(), c)
	if err != nil {
		t.Fatal(err)
	}
	response, err := m.Start()
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		challenge, done, err := e.Next(response)
		if err != nil {
			return e.User(), err
		}
		if done {
			return e.User(), sasl.Finish(m)
		}
		if response, err = m.Next(challenge); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no end")
	return store.User{}, nil
}

func TestExchange(t *testing.T) {
	a := newAuth(t, newDirectory(t, cheap), Options{})
	bound := func(kind string) []byte {
		if kind == sasl.BindingExporter {
			return []byte("data")
		}
		return nil
	}
	for _, m := range []string{"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"} {
		for _, tt := range []struct {
			user, password string
			id             store.AccountID
		}{
			{"ann@example.org", "pass of ann@example.org", 1},
			{"ANN@example.org", "pass of ann@example.org", 1},
			{"jürgen", "pass of jürgen", 3},
			{"jürgen", "wrong", 0},
			{"nobody", "wrong", 0},
		} {
			s := sasl.Security{TLS: true}
			c := Conn{Remote: remote, Plaintext: true}
			if strings.HasSuffix(m, "-PLUS") {
				s.Binding, c.Binding = bound, bound
			}
			ms, err := sasl.Password(tt.user, tt.password).Pick([]string{m}, s)
			if err != nil {
				t.Fatal(err)
			}
			u, err := exchange(t, a, ms[0], c)
			if u.ID != tt.id || tt.id == 0 && !errors.Is(err, ErrFailed) || tt.id != 0 && err != nil {
				t.Errorf("%s %+v: user %d, %v", m, tt, u.ID, err)
			}
		}
	}
	for authz, want := range map[string]error{"": nil, "ann@example.org": nil, "Ann@example.org": nil, "Bob": ErrNotAuthorized} {
		ms, err := sasl.PlainAs(authz, "ann@example.org", "pass of ann@example.org").Pick([]string{"PLAIN"}, sasl.Security{TLS: true})
		if err != nil {
			t.Fatal(err)
		}
		u, err := exchange(t, a, ms[0], Conn{Plaintext: true})
		if !errors.Is(err, want) || (err == nil) != (want == nil) || (u.ID == 1) != (want == nil) {
			t.Errorf("as %q: user %d, %v", authz, u.ID, err)
		}
	}
}

// TestAuthorize has users act as themselves, whichever of their names they say, and as nobody else.
func TestAuthorize(t *testing.T) {
	for _, tt := range []struct {
		stored, login, as string
		want              error
	}{
		{"ann", "ann", "", nil},
		{"ann", "ann", "ANN", nil},
		{"Ann", "ann", "ann", nil}, // stored before names were canonical, or by another program
		{"Ann", "ann", "Ann", nil},
		{"ann", "Ann@example.org", "ann@example.org", nil}, // an address of hers
		{"ann", "ann@example.org", "ann", nil},
		{"ann", "ann@example.org", "ann@example.net", ErrNotAuthorized},
		{"ann", "ann", "bob", ErrNotAuthorized},
		{"ann", "ann", " ", ErrNotAuthorized},
	} {
		e := Exchange{user: store.User{ID: 1, Name: tt.stored}, name: tt.login}
		if err := e.authorize(tt.as); err != tt.want || (e.user.ID == 1) != (tt.want == nil) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// TestNoName: a name that is empty, or too long, is none.
func TestNoName(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("x", maxName+1)} {
		if got, err := CanonicalName(name); err != ErrName {
			t.Errorf("%.10q is %q, %v", name, got, err)
		}
	}
}

// What SCRAM shows of a user that does not exist is like what it shows of one that does: the
// same every time, after a restart too, and different for each.
func TestSCRAMHidesUsers(t *testing.T) {
	d := newDirectory(t, cheap)
	key := []byte("0123456789abcdef0123456789abcdef")
	first := func(a *Authenticator, name string) string {
		e, err := a.Server(ctx, "SCRAM-SHA-256", Conn{})
		if err != nil {
			t.Fatal(err)
		}
		challenge, _, err := e.Next([]byte("n,,n=" + name + ",r=abc"))
		if err != nil {
			t.Fatal(err)
		}
		_, shown, _ := strings.Cut(string(challenge), ",")
		return shown // salt and iterations
	}
	a, b := newAuth(t, d, Options{Key: key}), newAuth(t, d, Options{Key: key})
	for _, name := range []string{"Bob", "nobody"} {
		if got := first(a, name); got != first(a, name) || got != first(b, name) || !strings.HasSuffix(got, ",i=4096") || len(got) != len("s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096") {
			t.Errorf("%s: %s, %s, %s", name, got, first(a, name), first(b, name))
		}
	}
	if first(a, "nobody") != first(a, "NoBody") {
		t.Error("salt depends on case")
	}
	if first(a, "nobody") == first(a, "nobody2") {
		t.Error("one salt for all")
	}
	// A user without SCRAM keys is like one that does not exist.
	u, _ := d.User(ctx, "Bob")
	var s secret
	if err := json.Unmarshal(u.Secret, &s); err != nil {
		t.Fatal(err)
	}
	s.SHA256 = nil
	stripped, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetSecret(ctx, "Bob", stripped); err != nil {
		t.Fatal(err)
	}
	if first(a, "Bob") != first(b, "Bob") {
		t.Error("shows that Bob has no keys")
	}
}

func BenchmarkPasswordCached(b *testing.B) {
	a := newAuth(b, newDirectory(b, cheap), Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Password(ctx, remote, "ann@example.org", "pass of ann@example.org"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPasswordHashed(b *testing.B) {
	a := newAuth(b, newDirectory(b, DefaultParams), Options{Params: DefaultParams, CacheTTL: -1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Password(ctx, remote, "ann@example.org", "pass of ann@example.org"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSCRAMServer(b *testing.B) {
	a := newAuth(b, newDirectory(b, cheap), Options{})
	b.ReportAllocs()
	for b.Loop() {
		e, err := a.Server(ctx, "SCRAM-SHA-256", Conn{})
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := e.Next([]byte("n,,n=ann@example.org,r=abc")); err != nil {
			b.Fatal(err)
		}
	}
}
