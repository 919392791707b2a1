package storetest

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func testBody(e *env) {
	b := e.box(e.account("ann"), "INBOX")
	rnd := newRand(e.T)
	for _, size := range []int{0, 1, 100, 4096, 70_000, 3 << 20} {
		raw := make([]byte, size)
		for i := range raw {
			raw[i] = byte(rnd.Uint32())
		}
		want := string(raw)
		uid := e.add(b, e.message(b, want))[0]
		body, err := b.Body(e.ctx, e.row(b, uid))
		e.must(err)
		again, err := b.Body(e.ctx, e.row(b, uid))
		e.must(err)
		if body.Size() != int64(size) {
			e.Errorf("a message of %d octets has size %d", size, body.Size())
		}
		for range 10 {
			off := rnd.IntN(size + 1)
			count := rnd.IntN(size - off + 1)
			var out strings.Builder
			if n, err := body.WriteRange(&out, int64(off), int64(count)); err != nil || n != int64(count) || out.String() != want[off:off+count] {
				e.Errorf("size %d, WriteRange %d+%d: wrote %d, %v", size, off, count, n, err)
			}
			p := make([]byte, count)
			if n, err := again.ReadAt(p, int64(off)); n != count || err != nil && err != io.EOF || string(p) != want[off:off+count] {
				e.Errorf("size %d, ReadAt %d+%d: read %d, %v", size, off, count, n, err)
			}
			out.Reset() // what lies behind the end is not written
			if n, _ := body.WriteRange(&out, int64(off), int64(size)+10); n != int64(size-off) || out.String() != want[off:] {
				e.Errorf("size %d, WriteRange from %d beyond the end wrote %d octets", size, off, n)
			}
		}
		if n, err := body.ReadAt(make([]byte, 10), int64(size)); n != 0 || err != io.EOF {
			e.Errorf("size %d, ReadAt the end: %d, %v", size, n, err)
		}
		p := make([]byte, 10)
		if n, err := body.ReadAt(p, int64(max(size-3, 0))); n != min(size, 3) || err != io.EOF {
			e.Errorf("size %d, ReadAt over the end: %d, %v", size, n, err)
		}
		if _, err := body.WriteRange(failingWriter{}, 0, int64(size)); size > 0 && !errors.Is(err, errWrite) {
			e.Errorf("size %d, WriteRange to a writer that fails: %v", size, err)
		}
		e.must(body.Close())
		if n, _ := again.ReadAt(p, 0); n != min(size, 10) {
			e.Error("closing one Body closed another")
		}
		e.must(again.Close())
		if got := e.overTCP(b, uid); got != want {
			e.Errorf("size %d: the body is different when it is sent over TCP", size)
		}
	}
}

// overTCP returns the octets of a message, in two ranges through a socket.
func (e *env) overTCP(b store.Mailbox, uid imap.UID) string {
	e.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	e.must(err)
	defer l.Close()
	received := make(chan string)
	go func() {
		var got []byte
		if c, err := l.Accept(); err == nil {
			got, _ = io.ReadAll(c)
			c.Close()
		}
		received <- string(got)
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	e.must(err)
	body, err := b.Body(e.ctx, e.row(b, uid))
	e.must(err)
	n, err := body.WriteRange(c, 0, body.Size()/3)
	e.must(err)
	_, err = body.WriteRange(c, n, body.Size()-n)
	e.must(errors.Join(err, body.Close(), c.Close()))
	return <-received
}

var errWrite = errors.New("nobody listens")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errWrite }

// calls are all methods that take a context, on mailbox b of account a with message uid.
func calls(s store.Store, a store.Account, b store.Mailbox, row mailbox.Row) map[string]func(context.Context) error {
	set, ref := imap.UIDs(row.UID), b.Ref()
	commit := func(ops ...store.Op) func(context.Context) error {
		return func(ctx context.Context) error { _, err := s.Commit(ctx, store.System, ops...); return err }
	}
	out := map[string]func(context.Context) error{
		"User":       func(ctx context.Context) error { _, err := s.User(ctx, "ann"); return err },
		"Users":      func(ctx context.Context) error { _, err := s.Users(ctx); return err },
		"CreateUser": func(ctx context.Context) error { _, err := s.CreateUser(ctx, "new", nil); return err },
		"SetSecret":  func(ctx context.Context) error { return s.SetSecret(ctx, "ann", []byte("new")) },
		"DeleteUser": func(ctx context.Context) error { return s.DeleteUser(ctx, "ann") },
		"Account":    func(ctx context.Context) error { _, err := s.Account(ctx, store.System, a.ID()); return err },
		"Open":       func(ctx context.Context) error { _, err := s.Open(ctx, store.System, ref); return err },
		"Status":     func(ctx context.Context) error { _, err := s.Status(ctx, store.System, ref); return err },
		"Stage": func(ctx context.Context) error {
			_, err := s.Stage(ctx, store.System, a.ID(), strings.NewReader("x"))
			return err
		},
		"Create":     commit(&store.Create{Account: a.ID(), Name: "new"}),
		"Delete":     commit(&store.Delete{Account: a.ID(), Name: "a"}),
		"Rename":     commit(&store.Rename{Account: a.ID(), From: "a", To: "new"}),
		"Subscribe":  commit(&store.Subscribe{Account: a.ID(), Name: "new", On: true}),
		"Quota":      commit(setQuota(a, mailbox.Quota{imap.QuotaMessage: 1})),
		"Usage":      func(ctx context.Context) error { _, _, err := a.Usage(ctx); return err },
		"Metadata":   commit(setMetadata(ref, "/shared/comment", "x")),
		"Append":     commit(&store.Append{Mailbox: ref}),
		"StoreFlags": commit(&store.StoreFlags{Mailbox: ref, UIDs: set, Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}}),
		"Expunge":    commit(&store.Expunge{Mailbox: ref, UIDs: set}),
		"Copy":       commit(&store.Copy{From: ref, To: ref, UIDs: set}),
		"Refresh":    func(ctx context.Context) error { _, err := b.Refresh(ctx); return err },
		"Names":      func(ctx context.Context) error { _, err := a.Refresh(ctx); return err },
		"Changes":    func(ctx context.Context) error { _, err := b.Changes(ctx, b.Version().HighestModSeq); return err },
		"Body":       func(ctx context.Context) error { _, err := b.Body(ctx, &row); return err },
		"Details": func(ctx context.Context) error {
			_, _, err := b.Details(ctx, []mailbox.Row{row}, nil, 100, make([]store.Details, 1))
			return err
		},
	}
	if r, ok := store.Find[store.Recent](s); ok {
		out["ClaimRecent"] = func(ctx context.Context) error { _, err := r.ClaimRecent(ctx, store.System, ref, 1); return err }
		out["RecentFrom"] = func(ctx context.Context) error { _, err := r.RecentFrom(ctx, store.System, ref); return err }
	}
	return out
}

// testContext checks that nothing is done under a context that has ended.
func testContext(e *env) {
	a := e.account("ann")
	b := e.box(a, "a")
	uid := e.add(b, e.message(b, text(), imap.Deleted))[0]
	before := e.snapshot()
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for what, call := range calls(e.store, a, b, *e.row(b, uid)) {
		e.wantErr(what, call(ctx), context.Canceled)
	}
	if after := e.snapshot(); after != before {
		e.Errorf("%s\nbecame\n%s", before, after)
	}
	if u, err := e.store.User(e.ctx, "ann"); err != nil || string(u.Secret) != "secret" {
		e.Errorf("the user became %+v, %v", u, err)
	}
}

// testClosed checks that a closed store says so.
func testClosed(e *env) {
	a := e.account("ann")
	b := e.box(a, "a")
	row := *e.row(b, e.fill(b, 1)[0])
	staged := e.stage(a.ID(), text())
	closed := e.store
	handles, accounts := e.handles, e.accounts
	e.handles, e.accounts = nil, nil
	e.close()
	for what, call := range calls(closed, a, b, row) {
		e.wantErr(what, call(e.ctx), store.ErrClosed)
	}
	staged.Discard()
	for _, h := range handles { // the caller still closes what it has opened
		e.must(h.Close())
	}
	for _, a := range accounts {
		e.must(a.Close())
	}
	e.open() // for what is to be closed at the end
}
