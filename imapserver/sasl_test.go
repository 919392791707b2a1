package imapserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/auth"
	"restante/auth/sasl"
	"restante/imapserver"
	"restante/store/memstore"
)

// tokens are access tokens and whose they are.
type tokens map[string]string

func (ts tokens) VerifyToken(_ context.Context, r sasl.OAuthRequest) (string, error) {
	switch user, ok := ts[r.Token]; {
	case r.Token == "broken":
		return "", errors.New("nobody answers")
	case ok:
		return user, nil
	}
	return "", &sasl.OAuthError{Status: "invalid_token", Scope: "mail", OpenIDConfiguration: "https://id.example.org/c"}
}

// startSASL is startServer with other options of its authenticator.
func startSASL(t *testing.T, o auth.Options, change func(*imapserver.Server)) *testServer {
	t.Helper()
	s := memstore.New()
	o.Params = cheap
	a, err := auth.New(s, &o)
	if err != nil {
		t.Fatal(err)
	}
	return startServer(t, s, func(server *imapserver.Server) {
		server.Auth = a
		server.Limits.ErrorsBeforeAuth = 100
		if change != nil {
			change(server)
		}
	})
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// RFC 7628 §3.2.2, §3.2.3: a token that is refused is refused in a challenge, to which the client answers.
func TestOAuth(t *testing.T) {
	ts := startSASL(t, auth.Options{Tokens: tokens{"good": "user1", "of user2": "user2", "of nobody": "nobody"}}, nil)
	ts.target(t, false)
	ts.target(t, false)
	bearer := func(user, token string) string {
		return b64("n," + user + ",\x01host=mail.example.org\x01port=143\x01auth=Bearer " + token + "\x01\x01")
	}
	xoauth2 := func(user, token string) string { return b64("user=" + user + "\x01auth=Bearer " + token + "\x01\x01") }
	for _, tt := range []struct{ mechanism, message, challenge, want string }{
		{"OAUTHBEARER", bearer("a=user1", "good"), "", "x OK"},
		{"OAUTHBEARER", bearer("", "good"), "", "x OK"},
		{"oauthbearer", b64("y,a=user1,\x01auth=bearer good\x01new=x=y\x01\x01"), "", "x OK"},
		{"OAUTHBEARER", bearer("a=user1", "bad"), `{"status":"invalid_token","scope":"mail","openid-configuration":"https://id.example.org/c"}`, "x NO [AUTHENTICATIONFAILED]"},
		{"OAUTHBEARER", b64("n,a=user1,\x01\x01"), `{"status":"invalid_token","scope":"mail","openid-configuration":"https://id.example.org/c"}`, "x NO [AUTHENTICATIONFAILED]"},
		{"OAUTHBEARER", bearer("a=user1", "of user2"), `{"status":"invalid_token"}`, "x NO [AUTHORIZATIONFAILED]"},
		{"OAUTHBEARER", bearer("", "of nobody"), `{"status":"invalid_token"}`, "x NO [AUTHENTICATIONFAILED]"},
		{"OAUTHBEARER", bearer("a=user1", "broken"), "", "x NO [SERVERBUG]"},
		{"OAUTHBEARER", b64("\x01"), "", "x BAD"},
		{"OAUTHBEARER", b64("p=tls-exporter,,\x01auth=Bearer good\x01\x01"), "", "x BAD"},
		{"OAUTHBEARER", b64("n,a=us=3er1,\x01auth=Bearer good\x01\x01"), "", "x BAD"},
		{"OAUTHBEARER", b64("n,,\x01auth=Bearer good\x01auth=Bearer bad\x01\x01"), "", "x BAD"},
		{"OAUTHBEARER", b64("n,,\x01auth=Bearer good"), "", "x BAD"},
		{"XOAUTH2", xoauth2("user1", "good"), "", "x OK"},
		{"XOAUTH2", xoauth2("USER1", "good"), "", "x OK"},
		{"XOAUTH2", xoauth2("", "good"), "", "x BAD"},
		{"XOAUTH2", xoauth2("user1", "bad"), `{"status":"401","schemes":"bearer","scope":"mail","openid-configuration":"https://id.example.org/c"}`, "x NO [AUTHENTICATIONFAILED]"},
		{"XOAUTH2", xoauth2("user2", "good"), `{"status":"401","schemes":"bearer"}`, "x NO [AUTHORIZATIONFAILED]"},
	} {
		for _, initial := range []bool{true, false} {
			w := dialRaw(t, ts)
			if initial {
				w.send("x AUTHENTICATE %s %s\r\n", tt.mechanism, tt.message)
			} else {
				w.send("x AUTHENTICATE %s\r\n", tt.mechanism)
				w.expect("+ ")
				w.send("%s\r\n", tt.message)
			}
			if tt.challenge != "" {
				if got := w.line(); got != "+ "+b64(tt.challenge) {
					t.Errorf("%s %q: challenge %q", tt.mechanism, tt.message, got)
				}
				w.send("%s\r\n", map[bool]string{true: "AQ==", false: ""}[tt.mechanism == "OAUTHBEARER"])
			}
			if got := w.line(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s %q: %q, want %q", tt.mechanism, tt.message, got, tt.want)
			}
			w.nc.Close()
		}
	}
	// The client may cancel instead of answering.
	w := dialRaw(t, ts)
	w.send("x AUTHENTICATE XOAUTH2 %s\r\n", xoauth2("user1", "bad"))
	w.expect("+ ")
	w.send("*\r\n")
	w.expect("x BAD")
	if ms := w.mechanisms(); !slices.Contains(ms, "OAUTHBEARER") || !slices.Contains(ms, "XOAUTH2") {
		t.Error(ms)
	}
	// The client's side that we have.
	ms, err := sasl.OAuth("user1", func(context.Context) (string, error) { return "good", nil }).Pick(w.mechanisms(), sasl.Security{Plaintext: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.authenticate(ms[0]); !strings.HasPrefix(got, "x OK") {
		t.Error(got)
	}
	// Without a verifier neither is there.
	w = dialRaw(t, startSASL(t, auth.Options{}, nil))
	for _, m := range []string{"OAUTHBEARER", "XOAUTH2", "EXTERNAL", "ANONYMOUS"} {
		if slices.Contains(w.mechanisms(), m) || !strings.Contains(w.cmd("AUTHENTICATE " + m)[0], " NO [CANNOT]") {
			t.Errorf("%s is offered", m)
		}
	}
}

// clientCertificate returns an authority and a certificate of it.
func clientCertificate(t *testing.T, name string) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(root)
	if der, err = x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key); err != nil {
		t.Fatal(err)
	}
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// RFC 4422 appendix A: who shows a certificate that is verified needs no password.
func TestExternal(t *testing.T) {
	pool, mine := clientCertificate(t, "user1")
	_, forged := clientCertificate(t, "user1")
	ts := startSASL(t, auth.Options{}, func(s *imapserver.Server) {
		s.TLS.ClientCAs, s.TLS.ClientAuth = pool, tls.VerifyClientCertIfGiven
		s.ClientNames = func(c *x509.Certificate) []string { return []string{c.Subject.CommonName} }
	})
	ts.target(t, true)
	ts.target(t, true)
	dial := func(certificates ...tls.Certificate) *wire {
		nc, err := tls.Dial("tcp", ts.tls, &tls.Config{RootCAs: ts.certificate, ServerName: "localhost", Certificates: certificates})
		if err != nil {
			t.Fatal(err)
		}
		return newWire(t, nc)
	}
	for authz, want := range map[string]string{"=": " OK ", b64("user1"): " OK ", b64("user2"): " NO [AUTHORIZATIONFAILED]", b64("nobody"): " NO [AUTHORIZATIONFAILED]", b64("user1\x00"): " BAD "} {
		w := dial(mine)
		if ms := w.mechanisms(); !slices.Contains(ms, "EXTERNAL") {
			t.Error(ms)
		}
		if got := w.cmd("AUTHENTICATE EXTERNAL " + authz); !strings.Contains(got[0], want) {
			t.Errorf("%s: %s, want %s", authz, got, want)
		}
	}
	w := dial(mine)
	w.send("x AUTHENTICATE EXTERNAL\r\n")
	w.expect("+ ")
	w.send("\r\n")
	w.expect("x OK")
	if w = dial(); slices.Contains(w.mechanisms(), "EXTERNAL") || !strings.Contains(w.cmd("AUTHENTICATE EXTERNAL =")[0], " NO [CANNOT]") {
		t.Error("EXTERNAL is offered without a certificate")
	}
	nc, err := tls.Dial("tcp", ts.tls, &tls.Config{RootCAs: ts.certificate, ServerName: "localhost",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &forged, nil }})
	if err == nil {
		defer nc.Close()
		if n, err := nc.Read(make([]byte, 100)); err == nil {
			t.Errorf("a certificate of another authority: %d octets", n)
		}
	}
}

// RFC 4505 §2: anybody may look, and nobody can change anything.
func TestAnonymous(t *testing.T) {
	ts := startSASL(t, auth.Options{Anonymous: "user1"}, nil)
	guest := ts.target(t, false)
	if err := guest.Seed("INBOX", []byte("Subject: x\r\n\r\nhello\r\n"), nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	w := dialRaw(t, ts)
	if ms := w.mechanisms(); !slices.Contains(ms, "ANONYMOUS") {
		t.Error(ms)
	}
	for trace, want := range map[string]string{b64("a\nb"): " BAD ", b64(strings.Repeat("x", 1021)): " BAD ", b64("\xff"): " BAD "} {
		if got := w.cmd("AUTHENTICATE ANONYMOUS " + trace); !strings.Contains(got[0], want) {
			t.Errorf("%s: %s", trace, got)
		}
	}
	w.ok("AUTHENTICATE ANONYMOUS " + b64("somebody@example.org"))
	if got := w.ok("SELECT INBOX"); !strings.Contains(got[len(got)-1], "[READ-ONLY]") {
		t.Error(got)
	}
	if got := w.ok("FETCH 1 BODY[TEXT]"); !strings.Contains(strings.Join(got, "\n"), "hello") || strings.Contains(strings.Join(got, "\n"), `\Seen`) {
		t.Error(got)
	}
	for _, command := range []string{`STORE 1 +FLAGS (\Deleted)`, "EXPUNGE", "CREATE x", "DELETE Sent", "RENAME INBOX x", "SUBSCRIBE x", "COPY 1 INBOX", "MOVE 1 INBOX",
		"APPEND INBOX {5+}\r\nhello"} {
		if got := w.cmd(command); !strings.Contains(got[len(got)-1], " NO ") {
			t.Errorf("%s: %s", command, got)
		}
	}
	w.ok("UNSELECT")
	if got := w.ok("STATUS INBOX (MESSAGES)"); !strings.Contains(got[0], "MESSAGES 1") {
		t.Error(got)
	}
	// Who has the user's password may do as always.
	w = dialUser(t, ts, guest)
	w.ok("CREATE x")
	w = dialRaw(t, startSASL(t, auth.Options{Anonymous: "nobody"}, nil))
	if got := w.cmd("AUTHENTICATE ANONYMOUS ="); !strings.Contains(got[0], " NO [AUTHENTICATIONFAILED]") {
		t.Error(got)
	}
}

// farListener has all clients come from another machine.
type farListener struct{ net.Listener }

type farConn struct{ net.Conn }

func (l farListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return farConn{nc}, err
}

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711} }

// RFC 9051 §6.2.3, §7.2.2: without TLS a client of another machine is told LOGINDISABLED, and of no mechanism.
func TestLoginDisabled(t *testing.T) {
	ts := startSASL(t, auth.Options{Tokens: tokens{}, Anonymous: "user1"}, nil)
	user := ts.target(t, false)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- ts.server.Serve(farListener{l}) }()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, nc)
	if got := w.ok("CAPABILITY")[0]; !strings.Contains(got, " LOGINDISABLED") || !strings.Contains(got, " STARTTLS") || strings.Contains(got, "AUTH=") {
		t.Error(got)
	}
	for _, command := range []string{"LOGIN " + user.User + " " + user.Password, "AUTHENTICATE PLAIN", "AUTHENTICATE SCRAM-SHA-256", "AUTHENTICATE ANONYMOUS =", "AUTHENTICATE XOAUTH2"} {
		if got := w.cmd(command); !strings.Contains(got[0], " NO [PRIVACYREQUIRED]") {
			t.Errorf("%s: %s", command, got)
		}
	}
	w.ok("STARTTLS")
	w = resumeWire(t, tls.Client(nc, &tls.Config{RootCAs: ts.certificate, ServerName: "localhost"}))
	if got := w.ok("CAPABILITY")[0]; strings.Contains(got, "LOGINDISABLED") || strings.Contains(got, "STARTTLS") || !strings.Contains(got, "AUTH=SCRAM-SHA-256-PLUS") {
		t.Error(got)
	}
	w.ok("LOGIN " + user.User + " " + user.Password)
	w.nc.Close()
	l.Close()
	<-done
}
