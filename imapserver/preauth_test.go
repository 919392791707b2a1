package imapserver_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"restante/imapserver"
	"restante/store"
	"restante/store/memstore"
)

// preauth begins a connection of a user who is known already. Its end comes through the channel.
func preauth(t *testing.T, ts *testServer, name string) (nc net.Conn, ended chan error) {
	t.Helper()
	user, err := ts.store.User(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return preauthUser(t, ts, user)
}

func preauthUser(t *testing.T, ts *testServer, user store.User) (nc net.Conn, ended chan error) {
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	ended = make(chan error, 1)
	go func() { ended <- ts.server.ServePreauth(server, user) }()
	return client, ended
}

// RFC 9051 §7.1.4: the greeting PREAUTH, behind which nobody logs in.
func TestPreauth(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.ConnsPerUser = 1 })
	user := ts.target(t, false)
	nc, ended := preauth(t, ts, user.User)
	w := greeted(t, nc, "* PREAUTH [CAPABILITY IMAP4rev1 ")
	for _, command := range []string{"LOGIN " + user.User + " " + user.Password, "AUTHENTICATE PLAIN AA==", "STARTTLS"} {
		w.bad(command)
	}
	w.ok("SELECT INBOX")

	// It counts as one of the user's connections.
	nc2, ended2 := preauth(t, ts, user.User)
	greeted(t, nc2, "* BYE [LIMIT]").closed()
	if err := <-ended2; err != nil {
		t.Error(err)
	}
	w.ok("LOGOUT")
	w.closed()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	nc, ended = preauthUser(t, ts, store.User{Name: "nobody", ID: 4711})
	greeted(t, nc, "* BYE There is no such user").closed()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPreauthAfterShutdown(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	if err := ts.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, ended := preauth(t, ts, user.User)
	if err := <-ended; !errors.Is(err, imapserver.ErrServerClosed) {
		t.Error(err)
	}
}
