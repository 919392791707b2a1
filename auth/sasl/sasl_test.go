package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

var tlsSecurity = Security{TLS: true, Binding: func(kind string) []byte {
	if kind == BindingExporter {
		return []byte("exported keying material")
	}
	return nil
}}

func names(ms []Mechanism) string {
	var ns []string
	for _, m := range ms {
		ns = append(ns, m.Name())
	}
	return strings.Join(ns, " ")
}

func TestPick(t *testing.T) {
	all := strings.Fields("login PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-1-PLUS scram-sha-256 SCRAM-SHA-256-PLUS XOAUTH2 OAUTHBEARER EXTERNAL")
	password := Password("user", "pencil")
	oauth := OAuth("user", func(context.Context) (string, error) { return "t", nil })
	for i, tt := range []struct {
		c       Credentials
		offered []string
		s       Security
		want    string
		err     error
	}{
		{password, all, tlsSecurity, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN", nil},
		{password, all, Security{TLS: true}, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN", nil},
		{password, all, Security{}, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5", nil},
		{password, []string{"LOGIN", "PLAIN"}, Security{Plaintext: true}, "PLAIN LOGIN", nil},
		{password, []string{"LOGIN"}, Security{}, "", ErrPlaintext},
		{password, []string{"GSSAPI", "SCRAM-SHA-256-PLUS"}, Security{TLS: true}, "", ErrNoMechanism},
		{password, nil, tlsSecurity, "", ErrNoMechanism},
		{PlainAs("ann", "root", "x"), all, tlsSecurity, "PLAIN", nil},
		{PlainAs("ann", "root", "x"), all, Security{}, "", ErrPlaintext},
		{PlainAs("ann", "root", "x"), all[:1], tlsSecurity, "", ErrNoMechanism},
		{oauth, all, tlsSecurity, "OAUTHBEARER OAUTHBEARER", nil},
		{oauth, all[:8], tlsSecurity, "XOAUTH2 XOAUTH2", nil},
		{oauth, all, Security{}, "", ErrPlaintext},
		{External(""), all, Security{}, "EXTERNAL", nil},
		{External(""), nil, Security{}, "", ErrNoMechanism},
		{Only(external{}), []string{"external"}, Security{}, "EXTERNAL", nil},
		{Only(external{}), nil, Security{}, "", ErrNoMechanism},
	} {
		ms, err := tt.c.Pick(tt.offered, tt.s)
		if names(ms) != tt.want || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
			t.Errorf("%d: got %q %v, want %q %v", i, names(ms), err, tt.want, tt.err)
		}
	}
}

func TestInitialResponses(t *testing.T) {
	token := func(context.Context) (string, error) { return "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", nil }
	for _, tt := range []struct {
		c    Credentials
		mech string
		want string
	}{
		{PlainAs("Ursel", "Kurt", "xipj3plmq"), "PLAIN", "Ursel\x00Kurt\x00xipj3plmq"}, // RFC 4616 §4
		{Password("tim", "tanstaaftanstaaf"), "PLAIN", "\x00tim\x00tanstaaftanstaaf"},
		{OAuth("us=er,@example.com", token), "OAUTHBEARER", "n,a=us=3Der=2C@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"},
		{OAuth("user@example.com", token), "XOAUTH2", "user=user@example.com\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"},
		{External("ann"), "EXTERNAL", "ann"},
	} {
		ms, err := tt.c.Pick([]string{tt.mech}, Security{TLS: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ms[0].Start(); err != nil || string(got) != tt.want {
			t.Errorf("%s: got %q %v, want %q", tt.mech, got, err, tt.want)
		}
	}
	// An empty initial response is sent; a nil one says that the server speaks first.
	if got, _ := (external{}).Start(); got == nil {
		t.Error("EXTERNAL without an identity has no initial response")
	}
	for _, c := range []Credentials{Password("", "x"), Password("a\x00b", "x"), PlainAs("a\x00", "b", "c")} {
		ms, err := c.Pick([]string{"PLAIN"}, Security{TLS: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ms[0].Start(); err == nil {
			t.Errorf("PLAIN sends %q", got)
		}
	}
}

// RFC 2195 §2.
func TestCRAMMD5(t *testing.T) {
	ms, err := Password("tim", "tanstaaftanstaaf").Pick([]string{"CRAM-MD5"}, Security{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ms[0].Start(); got != nil || err != nil {
		t.Fatalf("Start: %q %v", got, err)
	}
	got, err := ms[0].Next([]byte("<1896.697170952@postoffice.reston.mci.net>"))
	if want := "tim b913a602c7eda7a495b4e6e7334d3890"; string(got) != want || err != nil {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
}

// The keys of RFC 7677 §3's example make its server signature.
func TestKeys(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	k, err := deriveKeys(SCRAMSHA256, "pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	mac := hmac.New(sha256.New, k.ServerKey)
	mac.Write([]byte("n=user,r=rOprNGfwEbeRWgbNEkqO,r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=" + nonce))
	if got, want := base64.StdEncoding.EncodeToString(mac.Sum(nil)), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="; got != want {
		t.Errorf("server signature %s, want %s", got, want)
	}
	if _, err := NewKeys("CRAM-MD5", "pencil", 4096); err != ErrNoMechanism {
		t.Error(err)
	}
	if a, _ := NewKeys(SCRAMSHA256, "pencil", 4096); string(a.Salt) == string(salt) || len(a.Salt) != 16 {
		t.Errorf("salt %x", a.Salt)
	}
}

func TestPreparePassword(t *testing.T) {
	for in, want := range map[string]string{
		"pencil":     "pencil",
		"I\u00adX":   "IX",  // RFC 4013 §3
		"\u2168":     "IX",  // RFC 4013 §3
		"a\u00a0b":   "a b", // RFC 4013 §2.1
		"🔑 ключ":     "🔑 ключ",
		" spaces  ":  " spaces  ",
		"e\u0301🔑":   "é🔑",
		"":           "!",
		"tab\there":  "!",
		"\x00":       "!",
		"bad\xffutf": "!",
	} {
		got, err := PreparePassword(in)
		if want == "!" {
			if !errors.Is(err, ErrPassword) {
				t.Errorf("%q: %q %v", in, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%q: got %q %v, want %q", in, got, err, want)
		}
	}
}

// run lets a client talk to a server, without or with an initial response, and returns what the
// server says in the end.
func run(t *testing.T, m Mechanism, s Server, initial bool) error {
	t.Helper()
	response, err := m.Start()
	if err != nil {
		t.Fatal(err)
	}
	pending := response
	if !initial {
		response = nil
	}
	for range 10 {
		challenge, done, err := s.Next(response)
		if err != nil || done {
			if done && challenge != nil {
				t.Errorf("done with challenge %q", challenge)
			}
			return err
		}
		if !initial && pending != nil {
			response, pending = pending, nil
			continue
		}
		if response, err = m.Next(challenge); err != nil {
			return fmt.Errorf("client: %w", err)
		}
	}
	t.Fatal("no end")
	return nil
}

var errWrong = errors.New("wrong")

// pencilKeys derives once: 4,096 rounds for each input would be all that fuzzing does.
var pencilKeys = sync.OnceValue(func() map[string]Keys {
	keys := map[string]Keys{}
	for _, h := range scramHashes {
		keys[h.name], _ = deriveKeys(h.name, "pencil", []byte("0123456789abcdef"), 4096)
	}
	return keys
})

func server(name string, s Security) (srv Server, user *string) {
	user = new(string)
	verify := func(authz, u, password string) error {
		if u != "us,=er" || password != "pencil" || authz != "" && authz != "ann" {
			return errWrong
		}
		*user = u + "/" + authz
		return nil
	}
	switch name {
	case "PLAIN":
		return NewPlain(verify), user
	case "LOGIN":
		return NewLogin(func(u, p string) error { return verify("", u, p) }), user
	}
	return NewSCRAM(SCRAMOptions{
		Mechanism: name,
		Binding:   s.Binding,
		Keys:      func(string) (Keys, error) { return pencilKeys()[strings.TrimSuffix(name, "-PLUS")], nil },
		Verified: func(authz, u string, ok bool) error {
			if !ok || u != "us,=er" {
				return errWrong
			}
			*user = u + "/" + authz
			return nil
		},
	}), user
}

func TestBothSides(t *testing.T) {
	for _, name := range []string{"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"} {
		for _, initial := range []bool{true, false} {
			for _, tt := range []struct {
				user, password string
				want           error
			}{{"us,=er", "pencil", nil}, {"us,=er", "Pencil", errWrong}, {"someone", "pencil", errWrong}} {
				ms, err := Password(tt.user, tt.password).Pick([]string{name}, tlsSecurity)
				if err != nil {
					t.Fatal(name, err)
				}
				security := tlsSecurity
				if name == "SCRAM-SHA-256" || name == "SCRAM-SHA-1" {
					security = Security{TLS: true} // else the client's flag "y" is refused
				}
				s, user := server(name, security)
				err = run(t, ms[0], s, initial)
				if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
					t.Errorf("%s %+v: %v", name, tt, err)
				}
				if err == nil && (*user != "us,=er/" || Finish(ms[0]) != nil) {
					t.Errorf("%s: user %q, %v", name, *user, Finish(ms[0]))
				}
				if _, _, err := s.Next([]byte("more")); !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: after the end: %v", name, err)
				}
			}
		}
	}
}

// A list without -PLUS from a server that binds was changed by somebody (RFC 5802 §6).
func TestSCRAMDowngrade(t *testing.T) {
	ms, err := Password("us,=er", "pencil").Pick([]string{"SCRAM-SHA-256"}, tlsSecurity)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := server("SCRAM-SHA-256", tlsSecurity)
	if err := run(t, ms[0], s, true); !errors.Is(err, ErrMalformed) {
		t.Errorf("downgrade went unnoticed: %v", err)
	}
	// Somebody in the middle has two TLS connections, with different bindings.
	ms, err = Password("us,=er", "pencil").Pick([]string{SCRAMSHA256Plus}, tlsSecurity)
	if err != nil {
		t.Fatal(err)
	}
	s, _ = server(SCRAMSHA256Plus, Security{Binding: func(string) []byte { return []byte("other") }})
	if err := run(t, ms[0], s, true); !errors.Is(err, errWrong) {
		t.Errorf("other channel: %v", err)
	}
	for _, first := range []string{"n,,n=user,r=abc", "y,,n=user,r=abc", "p=tls-unique,,n=user,r=abc", "p=x,,n=user,r=abc"} {
		s, _ = server(SCRAMSHA256Plus, Security{Binding: func(kind string) []byte {
			if kind == BindingExporter {
				return []byte("x")
			}
			return nil
		}})
		if _, _, err := s.Next([]byte(first)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", first, err)
		}
	}
}

// A server whose connection has the certificate's binding only binds to that.
func TestSCRAMEndPoint(t *testing.T) {
	security := Security{TLS: true, Binding: func(kind string) []byte {
		if kind == BindingEndPoint {
			return []byte("hash")
		}
		return nil
	}}
	if !CanBind(security.Binding) || CanBind(nil) || CanBind(func(string) []byte { return nil }) {
		t.Error("CanBind")
	}
	ms, err := Password("us,=er", "pencil").Pick([]string{SCRAMSHA256Plus}, security)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := server(SCRAMSHA256Plus, security)
	if err := run(t, ms[0], s, true); err != nil {
		t.Error(err)
	}
	s, _ = server(SCRAMSHA256, security)
	if _, _, err := s.Next([]byte("y,,n=user,r=abc")); !errors.Is(err, ErrMalformed) {
		t.Errorf("downgrade went unnoticed: %v", err)
	}
}

// A server that does not know the keys, or keeps the client busy, is noticed.
func TestSCRAMBadServers(t *testing.T) {
	start := func() (Mechanism, string) {
		ms, err := Password("user", "pencil").Pick([]string{SCRAMSHA256}, Security{})
		if err != nil {
			t.Fatal(err)
		}
		first, err := ms[0].Start()
		if err != nil {
			t.Fatal(err)
		}
		_, nonce, _ := strings.Cut(string(first), "r=")
		return ms[0], nonce
	}
	m, nonce := start()
	if err := Finish(m); !errors.Is(err, ErrServer) {
		t.Errorf("OK before anything: %v", err)
	}
	if _, err := m.Next([]byte("r=" + nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")); err != nil {
		t.Fatal(err)
	}
	if err := Finish(m); !errors.Is(err, ErrServer) {
		t.Errorf("OK without the server's proof: %v", err)
	}
	if _, err := m.Next([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err == nil {
		t.Error("wrong server signature went unnoticed")
	}
	for _, serverFirst := range []string{"r=%s,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999", "r=%s,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", "r=short,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096%.0s", "%.0s", "m=x,r=%s"} {
		m, nonce := start()
		if got, err := m.Next([]byte(fmt.Sprintf(serverFirst, nonce))); err == nil {
			t.Errorf("%s: answers %q", serverFirst, got)
		}
	}
}

func TestMalformed(t *testing.T) {
	for name, messages := range map[string][]string{
		"PLAIN":         {"", "a", "a\x00b", "\x00\x00p", "\x00u\x00", "\x00u\x00p\x00", "\x00u\x00\xff", "\x00u\x00" + strings.Repeat("x", 2000)},
		"LOGIN":         {"", "\xff", strings.Repeat("x", 2000)},
		"SCRAM-SHA-256": {"", "n", "n,,", "n,,n=,r=x", "n,,n=a=b,r=x", "n,,m=1,n=u,r=x", "p=tls-exporter,,n=u,r=x", "n,,n=" + strings.Repeat("x", 2000) + ",r=x"},
	} {
		for _, message := range messages {
			s, _ := server(name, Security{})
			if _, done, err := s.Next([]byte(message)); done || !errors.Is(err, ErrMalformed) {
				t.Errorf("%s %q: %v %v", name, message, done, err)
			}
		}
	}
	for _, final := range []string{"", "c=biws", "c=biws,r=x,p=*", "r=x,c=biws,p=AAAA", "c=*,r=x,p=AAAA"} {
		s, _ := server(SCRAMSHA256, Security{})
		if _, _, err := s.Next([]byte("n,,n=user,r=x")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Next([]byte(final)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", final, err)
		}
	}
}

func TestOAuthNewToken(t *testing.T) {
	for _, mech := range []string{"OAUTHBEARER", "XOAUTH2"} {
		tokens := []string{"old", "new", "new"}
		calls := 0
		c := OAuth("ann", func(context.Context) (string, error) { calls++; return tokens[calls-1], nil })
		ms, err := c.Pick([]string{mech}, Security{TLS: true})
		if err != nil {
			t.Fatal(err)
		}
		ms[0].Start()
		if got, err := ms[0].Next([]byte(`{"status":"401"}`)); err != nil || got == nil || len(got) > 1 {
			t.Errorf("%s: answers the error with %q %v", mech, got, err)
		}
		if first, err := ms[1].Start(); err != nil || !strings.Contains(string(first), "Bearer new\x01") {
			t.Errorf("%s: second attempt: %q %v", mech, first, err)
		}
		// Refused without a challenge: the token is not to blame, or there is no other.
		ms, _ = c.Pick([]string{mech}, Security{TLS: true})
		ms[0].Start()
		if first, err := ms[1].Start(); err == nil {
			t.Errorf("%s: tries again with %q", mech, first)
		}
		if calls != 3 {
			t.Errorf("%s: %d calls", mech, calls)
		}
	}
}

func TestNothingPrintsPasswords(t *testing.T) {
	for _, c := range []Credentials{Password("ann", "s3cret"), PlainAs("", "ann", "s3cret")} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credentials", c)
		for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c), log.String()} {
			if strings.Contains(s, "s3cret") || !strings.Contains(s, "ann") {
				t.Error(s)
			}
		}
	}
}

func FuzzSCRAMServer(f *testing.F) {
	f.Add("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
	f.Add("y,a=x,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")
	f.Fuzz(func(t *testing.T, first, final string) {
		s, user := server(SCRAMSHA256, Security{})
		if _, _, err := s.Next([]byte(first)); err == nil {
			if _, done, err := s.Next([]byte(final)); done || err == nil || *user != "" {
				t.Fatalf("%q %q: got in", first, final)
			}
		}
	})
}
