package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"

	"restante/imap"
	"restante/store"
)

func testBody(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	rnd := newRand(e.T)
	for _, size := range []int{0, 1, 100, 4096, 70_000, 3 << 20} {
		raw := make([]byte, size)
		for i := range raw {
			raw[i] = byte(rnd.Uint32())
		}
		want := string(raw)
		uid := e.add(a, b, message(want))[0]
		body, err := b.Body(e.ctx, e.row(b, uid).Ref)
		e.must(err)
		again, err := b.Body(e.ctx, e.row(b, uid).Ref)
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
	body, err := b.Body(e.ctx, e.row(b, uid).Ref)
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

// summaries reads summaries; nil is "".
func (e *env) summaries(b store.Mailbox, refs ...uint64) (out []string) {
	e.Helper()
	got := make([][]byte, len(refs))
	_, err := b.Summaries(e.ctx, refs, nil, got)
	e.must(err)
	for _, s := range got {
		out = append(out, string(s))
	}
	return out
}

func testSummaries(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	const n = 300
	var msgs []store.NewMessage
	var want [n][]byte
	for i := range want {
		m := message(text())
		if i%5 != 0 {
			want[i] = bytes.Repeat([]byte{byte(i), 0, 'x'}, 1+i*i%997)
			s := want[i]
			m.Summary = func() []byte { return s }
		}
		msgs = append(msgs, m)
	}
	uids := e.add(a, b, msgs...)
	missing := e.row(b, uids[n-1]).Ref
	e.expunge(b, uids[n-1])
	b.Hold(b.Version())
	for range 2 { // the second time after reopening
		order := rand.Perm(n)
		refs, out := make([]uint64, n), make([][]byte, n)
		for i, k := range order {
			out[i] = []byte("from the last time")
			if refs[i] = missing; k < n-1 {
				refs[i] = e.row(b, uids[k]).Ref
			}
		}
		buf, err := b.Summaries(e.ctx, refs, []byte("kept"), out)
		e.must(err)
		if !bytes.HasPrefix(buf, []byte("kept")) {
			e.Error("what was in the buffer is lost")
		}
		for i, k := range order {
			switch {
			case k == n-1 || want[k] == nil:
				if out[i] != nil {
					e.Errorf("message %d has no summary but %q", k, out[i])
				}
			case !bytes.Equal(out[i], want[k]):
				e.Errorf("the summary of message %d has %d octets, want %d", k, len(out[i]), len(want[k]))
			case !bytes.Contains(buf, out[i]):
				e.Errorf("the summary of message %d does not lie in the buffer", k)
			}
		}
		e.reopen()
		a = e.account("ann")
		b = e.box(a, "INBOX")
	}
}

// calls are all methods that take a context, on mailbox b of account a with message uid.
func calls(s store.Store, a store.Account, b store.Mailbox, uid imap.UID, ref uint64) map[string]func(context.Context) error {
	set := imap.UIDs(uid)
	return map[string]func(context.Context) error{
		"User":       func(ctx context.Context) error { _, err := s.User(ctx, "ann"); return err },
		"Users":      func(ctx context.Context) error { _, err := s.Users(ctx); return err },
		"CreateUser": func(ctx context.Context) error { _, err := s.CreateUser(ctx, "new", nil); return err },
		"SetSecret":  func(ctx context.Context) error { return s.SetSecret(ctx, "ann", []byte("new")) },
		"DeleteUser": func(ctx context.Context) error { return s.DeleteUser(ctx, "ann") },
		"Account":    func(ctx context.Context) error { _, err := s.Account(ctx, a.ID()); return err },
		"Create":     func(ctx context.Context) error { _, err := a.Create(ctx, "new", nil); return err },
		"Delete":     func(ctx context.Context) error { return a.Delete(ctx, "a") },
		"Rename":     func(ctx context.Context) error { return a.Rename(ctx, "a", "new") },
		"Subscribe":  func(ctx context.Context) error { return a.Subscribe(ctx, "new", true) },
		"Status":     func(ctx context.Context) error { _, err := a.Status(ctx, b.ID()); return err },
		"RecentFrom": func(ctx context.Context) error { _, err := a.RecentFrom(ctx, b.ID()); return err },
		"Open":       func(ctx context.Context) error { _, err := a.Open(ctx, b.ID()); return err },
		"Append": func(ctx context.Context) error {
			_, err := a.Append(ctx, b.ID(), []store.NewMessage{message(text())})
			return err
		},
		"StoreFlags": func(ctx context.Context) error {
			_, err := b.StoreFlags(ctx, set, imap.StoreAdd, []imap.Flag{imap.Seen})
			return err
		},
		"Expunge": func(ctx context.Context) error { _, err := b.Expunge(ctx, set); return err },
		"Copy":    func(ctx context.Context) error { _, err := b.Copy(ctx, set, b.ID()); return err },
		"Move":    func(ctx context.Context) error { _, err := b.Move(ctx, set, b.ID()); return err },
		"Body":    func(ctx context.Context) error { _, err := b.Body(ctx, ref); return err },
		"Summaries": func(ctx context.Context) error {
			_, err := b.Summaries(ctx, []uint64{ref}, nil, make([][]byte, 1))
			return err
		},
	}
}

// testContext checks that nothing is done under a context that has ended.
func testContext(e *env) {
	a := e.account("ann")
	b := e.box(a, "a")
	uid := e.add(a, b, message(text(), imap.Deleted))[0]
	v, names := b.Version(), describe(a.Namespace())
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for what, call := range calls(e.store, a, b, uid, e.row(b, uid).Ref) {
		e.wantErr(what, call(ctx), context.Canceled)
	}
	if now := b.Version(); now.HighestModSeq != v.HighestModSeq || describe(a.Namespace()) != names {
		e.Errorf("%s with %+v became %s with %+v", names, v.Counts(), describe(a.Namespace()), now.Counts())
	}
	if u, err := e.store.User(e.ctx, "ann"); err != nil || string(u.Secret) != "secret" {
		e.Errorf("the user became %+v, %v", u, err)
	}
	if _, err := e.store.User(e.ctx, "new"); err == nil {
		e.Error("there is a new user")
	}
}

// testClosed checks that a closed store says so.
func testClosed(e *env) {
	a := e.account("ann")
	b := e.box(a, "a")
	uid := e.fill(a, b, 1)[0]
	ref := e.row(b, uid).Ref
	e.close()
	for what, call := range calls(e.store, a, b, uid, ref) {
		e.wantErr(what, call(e.ctx), store.ErrClosed)
	}
	e.open() // for what is to be closed at the end
}
