package imapserver_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/auth"
	"restante/imap"
	"restante/imapserver"
	"restante/internal/pgtest"
	"restante/internal/transcript"
	"restante/store"
	"restante/store/gate"
	"restante/store/localstore"
	"restante/store/memstore"
	"restante/store/storetest"
	"restante/summary"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withPostgres{m}) }

// withPostgres are the tests of the package, which need a database.
type withPostgres struct{ *testing.M }

func (m withPostgres) Run() int { return pgtest.Run(m.M) }

// cheap makes logins of tests cost next to nothing.
var cheap = auth.Params{Memory: 64, Time: 1, Threads: 1, Iterations: 4096}

// testServer is a server on loopback, with and without TLS from the start.
type testServer struct {
	bare        bool // messages are stored without summaries
	store       store.Store
	server      *imapserver.Server
	plain, tls  string
	certificate *x509.CertPool
	users       atomic.Int64
	nodes       *nodes // nil when this is the only machine
}

func startServer(t testing.TB, s store.Store, change func(*imapserver.Server)) *testServer {
	t.Helper()
	a, err := auth.New(s, &auth.Options{Params: cheap})
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := certificate(t)
	mail := gate.New(s, gate.Owners)
	mail.AllowSetQuota()
	ts := &testServer{store: s, certificate: pool, server: &imapserver.Server{
		Mail: mail, Auth: a, TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
	}}
	if change != nil {
		change(ts.server)
	}
	done := make(chan error, 2)
	listen := func(serve func(net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { done <- serve(l) }()
		return l.Addr().String()
	}
	ts.plain, ts.tls = listen(ts.server.Serve), listen(ts.server.ServeTLS)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := ts.server.Shutdown(ctx); err != nil {
			t.Error("Shutdown:", err)
		}
		for range 2 {
			if err := <-done; !errors.Is(err, imapserver.ErrServerClosed) {
				t.Error("Serve:", err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error("closing the store:", err)
		}
	})
	return ts
}

// target makes a new user.
func (ts *testServer) target(t testing.TB, overTLS bool) transcript.Target {
	ctx := context.Background()
	name := fmt.Sprintf("user%d", ts.users.Add(1))
	secret, err := auth.NewSecret("secret", cheap)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ts.store.CreateUser(ctx, name, secret); err != nil {
		t.Fatal(err)
	}
	account := ts.account(t, name)
	client := &tls.Config{RootCAs: ts.certificate, ServerName: "localhost"}
	target := transcript.Target{
		User: name, Password: "secret", StartTLS: client,
		Dial: func() (net.Conn, error) { return net.Dial("tcp", ts.plain) },
		Seed: func(box string, msg []byte, flags []imap.Flag, date time.Time) error {
			e, ok := account.Namespace().Lookup(box)
			if !ok {
				out, err := ts.store.Commit(ctx, store.System, &store.Create{Account: account.ID(), Name: box})
				if err != nil {
					return err
				}
				e = out[0].Created
			}
			return ts.append(store.Ref{Account: account.ID(), Mailbox: e.ID}, msg, store.NewMessage{Flags: flags, Date: date})
		},
	}
	if overTLS {
		target.Dial = func() (net.Conn, error) { return tls.Dial("tcp", ts.tls, client) }
	}
	if ts.nodes != nil {
		ts.nodes.spread(t, &target, account.ID())
	}
	return target
}

// account opens the account of a user until the end of the test.
func (ts *testServer) account(t testing.TB, name string) store.Account {
	t.Helper()
	user, err := ts.store.User(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	account, err := ts.store.Account(context.Background(), store.System, user.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { account.Close() })
	return account
}

// append adds a message to a mailbox; m has what is to be known besides its octets.
func (ts *testServer) append(ref store.Ref, msg []byte, m store.NewMessage) (err error) {
	ctx := context.Background()
	if m.Summary == nil && !ts.bare {
		builder, summarise := summary.NewBuilder()
		builder.Write(msg)
		m.Summary = summarise()
	}
	if m.Body, err = ts.store.Stage(ctx, store.System, ref.Account, bytes.NewReader(msg)); err != nil {
		return err
	}
	_, err = ts.store.Commit(ctx, store.System, &store.Append{Mailbox: ref, Messages: []store.NewMessage{m}})
	return err
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// stores returns the drivers that the server is tested on: all that this machine has what they need for.
func stores() map[string]func(t testing.TB) store.Store {
	all := maps.Clone(embedded)
	if pgtest.Available() {
		all["pgstore"] = func(t testing.TB) store.Store {
			return openPostgres(t, pgtest.Database(t, t.TempDir()), t.TempDir(), "")
		}
	}
	return all
}

// embedded are those that need nothing.
var embedded = map[string]func(t testing.TB) store.Store{
	"memstore": func(testing.TB) store.Store { return memstore.New() },
	// It stands for a machine that is only told what has changed.
	"follower": func(testing.TB) store.Store { return storetest.Follow(memstore.New()) },
	"localstore": func(t testing.TB) store.Store {
		s, err := localstore.Open(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// TestTranscripts runs testdata/*.imap over TCP, on every store, with and without TLS, and compressed.
func TestTranscripts(t *testing.T) {
	var modes []transcript.Mode
	add := func(name string, ts *testServer, overTLS bool) {
		modes = append(modes, transcript.Mode{Name: name, TLS: overTLS, Start: func(t testing.TB) transcript.Target { return ts.target(t, overTLS) }})
	}
	for name, open := range stores() {
		ts := startServer(t, open(t), nil)
		add(name, ts, false)
		add(name+"-tls", ts, true)
		add(name+"-compress", ts, false)
		modes[len(modes)-1].Compress = true
	}
	if pgtest.Available() {
		add("pgstore-nodes", startNodes(t, "", "").servers[0], false)
	}
	ts := startServer(t, memstore.New(), nil)
	ts.bare = true
	add("memstore-without-summaries", ts, false)
	transcript.Run(t, "testdata", modes)
}
