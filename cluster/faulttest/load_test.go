package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"restante/auth"
	"restante/imapserver"
	"restante/lmtp"
	"restante/store/gate"
	"restante/store/memstore"
)

// server is a server that keeps what it acknowledges.
type server struct {
	nodes []node // two names of it
}

func startServer(t *testing.T) *server {
	t.Helper()
	store := memstore.New()
	cheap := auth.Params{Memory: 64, Time: 1, Threads: 1, Iterations: 4096}
	a, err := auth.New(store, &auth.Options{Params: cheap})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := auth.NewSecret(password, cheap)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		if _, err := store.CreateUser(t.Context(), user, secret); err != nil {
			t.Fatal(err)
		}
	}
	mail := gate.New(store, gate.Owners)
	imap := &imapserver.Server{Mail: mail, Auth: a, AllowPlaintext: true}
	in := &lmtp.Server{Users: store, Mail: mail, Name: "mx.cluster.example", TempDir: t.TempDir()}
	listen := func(serve func(net.Listener) error, shutdown func(context.Context) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- serve(l) }()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := shutdown(ctx); err != nil {
				t.Error(err)
			}
			<-served
		})
		return l.Addr().String()
	}
	t.Cleanup(func() { store.Close() })
	n := node{"node1", listen(imap.Serve, imap.Shutdown), listen(in.Serve, in.Shutdown)}
	return &server{[]node{n, {"node2", n.imap, n.lmtp}}}
}

// written returns a load whose writers have taken so many steps each.
func written(t *testing.T, s *server, writers, steps int) *load {
	t.Helper()
	l, err := newLoad(t.Context(), "none", "load", s.nodes, writers)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range l.writers {
		for _, in := range []*box{w.home, w.shared} {
			c := dialed(t, s, w.user)
			if err := ask(c, in, "SELECT "+in.name+" (CONDSTORE)"); err != nil {
				t.Fatal(err)
			}
			for range steps {
				if err := w.step(t.Context(), c, l.nodes[0], in); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return l
}

func dialed(t *testing.T, s *server, user string) *client {
	t.Helper()
	c, err := dial(t.Context(), s.nodes[0].imap, user, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// A server that keeps everything is complained of only when something is done behind the ledger's back.
func TestVerify(t *testing.T) {
	s := startServer(t)
	l := written(t, s, 4, 150)
	var said bytes.Buffer
	verify := func(want [kinds]int) {
		t.Helper()
		said.Reset()
		clear(l.complaints)
		if err := l.verify(t.Context(), &said, s.nodes); err != nil {
			t.Fatal(err)
		}
		if got := total([]*load{l}).complaints; got != want {
			t.Errorf("%v, want %v: %s", got, want, said.String())
		}
	}
	verify([kinds]int{})
	for o, n := range l.counted().acknowledged {
		if n == 0 {
			t.Errorf("operation %d was never acknowledged", o)
		}
	}

	w := l.writers[1]
	c := dialed(t, s, w.user)
	do := func(format string, args ...any) {
		t.Helper()
		if _, err := c.do(fmt.Sprintf(format, args...), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	// In the mailbox that all writers change, messages of one of them.
	do("SELECT %s", w.shared.name)
	p := w.messages[w.shared]
	do(`UID STORE %d +FLAGS.SILENT (\Deleted)`, p[0].uid)
	do("UID EXPUNGE %d", p[0].uid)
	do("UID COPY %d %s", p[1].uid, w.shared.name)
	do(`UID STORE %d %sFLAGS.SILENT (\Flagged)`, p[2].uid, [...]string{no: "+", yes: "-"}[p[2].flagged])
	if _, err := c.do("APPEND "+w.home.name, []byte("X-Id: nobody's\r\n\r\n"), nil); err != nil {
		t.Fatal(err)
	}
	do("CREATE %s-unknown", w.home.name)
	w.made[w.home.name+"-unknown"] = no
	verify([kinds]int{lost: 1, duplicated: 1, wrong: 3})
}

// A message that was moved, or not, and is at both places is told, unless it goes while we look.
func TestVerifyMoves(t *testing.T) {
	s := startServer(t)
	l := written(t, s, 2, 60)
	w := l.writers[0]
	p := w.messages[w.home][0]
	to := &place{message: p.message, there: maybe, flagged: p.flagged}
	p.there, p.leaving, p.moved = maybe, true, to
	w.copies.put(to)
	c := dialed(t, s, w.user)
	for _, step := range []struct {
		commands []string
		want     [kinds]int
	}{
		{nil, [kinds]int{}},
		{[]string{"EXAMINE " + w.home.name, fmt.Sprintf("UID COPY %d %s", p.uid, w.copies.name)}, [kinds]int{duplicated: 1}},
		{[]string{"SELECT " + w.home.name, fmt.Sprintf(`UID STORE %d +FLAGS (\Deleted)`, p.uid), fmt.Sprintf("UID EXPUNGE %d", p.uid)}, [kinds]int{}},
		{[]string{"SELECT " + w.copies.name, `STORE * +FLAGS (\Deleted)`, "EXPUNGE"}, [kinds]int{lost: 2}}, // it, and that it is nowhere
	} {
		for _, command := range step.commands {
			if _, err := c.do(command, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		clear(l.complaints)
		if err := l.verify(t.Context(), io.Discard, s.nodes); err != nil {
			t.Fatal(err)
		}
		if got := total([]*load{l}).complaints; got != step.want {
			t.Errorf("%v: %v, want %v: %v", step.commands, got, step.want, l.complaints)
		}
	}
}

// A whole run, with a node that is not there for a while, and what it prints.
func TestRun(t *testing.T) {
	s := startServer(t)
	c := calls{}
	var out bytes.Buffer
	r := run{dir: t.TempDir(), nodes: s.nodes, writers: 4, rounds: 2, out: &out, read: map[string]int64{}}
	r.call = func(ctx context.Context, args []string) error {
		if args[0] == "wait" { // there is something to look at
			for total(r.loads[len(r.loads)-1:]).acknowledged[appended] == 0 {
				if err := sleep(ctx, time.Millisecond); err != nil {
					return err
				}
			}
		}
		return c.call(ctx, args)
	}
	if err := r.all(t.Context(), []fault{{name: "one", steps: []step{{words("cut 1"), words("heal 1")}}}, {name: "two"}}); err != nil {
		t.Fatal(err, out.String())
	}
	if want := "[cut 1 heal 1 wait wait cut 1 heal 1 wait wait]"; fmt.Sprint(c.all) != want {
		t.Errorf("%v, want %s", c.all, want)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, first := range []string{"FAULT", "one", "two", "all"} {
		if line := lines[len(lines)-4+i]; !strings.HasPrefix(line, first+" ") {
			t.Errorf("%q, want a line of %s", line, first)
		}
	}
}

func TestCounts(t *testing.T) {
	var l load
	l.mu.answers = map[string]int{}
	l.resume()
	l.note(appended, nil)
	l.note(copied, errors.Join(errUnknown, &answerError{"NO [UNAVAILABLE] try 1"}))
	l.note(copied, errors.Join(errUnknown, &answerError{"NO [UNAVAILABLE] try 2"}))
	l.note(stored, errors.Join(errRefused, &answerError{"NO never"}))
	c := l.counted()
	if c.acknowledged != [operations]int{appended: 1} || c.unknown != 2 {
		t.Errorf("%+v", c)
	}
	if got := fmt.Sprint(l.refusals()); got != "map[NO [UNAVAILABLE] try N:2 NO never:1]" {
		t.Error(got)
	}
}
