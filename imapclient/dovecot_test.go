package imapclient_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/auth/sasl"
	"restante/imap"
	"restante/imapclient"
	"restante/internal/dovecottest"
)

func message(n, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?n=C3=BAmero?= %d\r\nMessage-ID: <%d@example.org>\r\nDate: Mon, 6 May 2024 10:00:00 +0200\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", n, n)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "line %d of message %d: ann wrote to bob about nothing in particular\r\n", i, n)
	}
	return b.String()
}

func testContext(t testing.TB) context.Context { return t.Context() }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func dialDovecot(t testing.TB, s *dovecottest.Server, o *imapclient.Options) *imapclient.Client {
	t.Helper()
	if o == nil {
		o = &imapclient.Options{}
	}
	o.TLS = s.TLSConfig
	c, err := imapclient.Dial(testContext(t), "imaps://"+s.IMAPSAddr, sasl.Password(s.User, s.Password), o)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func appendTo(t testing.TB, c *imapclient.Client, box string, n int) imap.UID {
	t.Helper()
	msg := message(n, 500)
	res, err := c.Append(testContext(t), box, strings.NewReader(msg), int64(len(msg)), nil)
	check(t, err)
	return res.UIDs.Min()
}

func TestDovecot(t *testing.T) {
	s := dovecottest.Start(t)
	for name, f := range map[string]func(*testing.T, *dovecottest.Server){
		"Login": testLogin, "Mailboxes": testMailboxes, "Messages": testMessages, "Delete": testDelete,
		"Stream": testStream, "Download": testDownload, "Watch": testWatch, "Conn": testConn,
	} {
		t.Run(name, func(t *testing.T) { f(t, s) })
	}
}

func testLogin(t *testing.T, s *dovecottest.Server) {
	ctx := testContext(t)
	cred := sasl.Password(s.User, s.Password)
	_, err := imapclient.Dial(ctx, "imaps://"+s.IMAPSAddr, sasl.Password(s.User, "wrong"), &imapclient.Options{TLS: s.TLSConfig})
	if !errors.Is(err, imap.ErrAuth) {
		t.Fatalf("wrong password: %v", err)
	}
	if _, err := imapclient.Dial(ctx, "imaps://"+s.IMAPSAddr, cred, nil); err == nil {
		t.Fatal("a certificate nobody vouches for was taken")
	}
	// STARTTLS by itself, then in the clear only when that is wanted.
	c, err := imapclient.Dial(ctx, "imap://"+s.IMAPAddr, cred, &imapclient.Options{TLS: s.TLSConfig})
	check(t, err)
	k := must[*imapclient.Conn](t)(c.Conn(ctx))
	if err := k.StartTLS(ctx); !errors.Is(err, imap.ErrUnsupported) {
		t.Fatalf("STARTTLS twice: %v", err)
	}
	if !k.Caps().Has(imap.CapIdle) || k.Caps().Has("X-NONE") {
		t.Fatal("capabilities after login are missing")
	}
	id := must[map[string]string](t)(c.ID(ctx, map[string]string{"name": "test"}))
	if id["name"] != "Dovecot" {
		t.Fatalf("ID: %v", id)
	}
	check(t, c.Logout(ctx))
	if err := c.Noop(ctx); !errors.Is(err, imap.ErrClosed) {
		t.Fatalf("after Logout: %v", err)
	}
	for _, m := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "command"} {
		k, err := imapclient.DialConn(ctx, "imaps://"+s.IMAPSAddr, &imapclient.Options{TLS: s.TLSConfig})
		check(t, err)
		if m == "command" {
			err = k.Login(ctx, s.User, s.Password)
		} else {
			var ms []sasl.Mechanism
			ms, err = cred.Pick([]string{m}, sasl.Security{TLS: true})
			check(t, err)
			err = k.Authenticate(ctx, ms[0])
		}
		if err != nil {
			t.Fatalf("%s: %v", m, err)
		}
		check(t, k.Logout(ctx))
	}
}

func testMailboxes(t *testing.T, s *dovecottest.Server) {
	ctx := testContext(t)
	c := dialDovecot(t, s, nil)
	names := []string{"Entwürfe & mehr", "日本/語", `quo"te\d`, "a*b%c", "plain"}
	for _, n := range names {
		if err := c.Create(ctx, n); err != nil {
			t.Fatalf("%q: %v", n, err)
		}
		check(t, c.Subscribe(ctx, n, true))
	}
	if err := c.Create(ctx, "plain"); !errors.Is(err, imap.ErrExists) {
		t.Fatalf("twice: %v", err)
	}
	appendTo(t, c, "plain", 1)
	found := map[string]*imap.MailboxInfo{}
	for m, err := range c.List(ctx, "*", &imapclient.ListOptions{Status: imapclient.StatusAll | imap.StatusSize}) {
		check(t, err)
		found[m.Name] = m
	}
	for _, n := range append(names, "INBOX", "Trash") {
		m := found[n]
		if m == nil {
			t.Fatalf("%q is not listed in %v", n, found)
		}
		if m.Status == nil || !m.Status.Items.Has(imapclient.StatusAll|imap.StatusSize) {
			t.Fatalf("%q: status %+v", n, m.Status)
		}
		if m.Subscribed != slices.Contains(names, n) {
			t.Fatalf("%q: subscribed %v", n, m.Subscribed)
		}
	}
	if !found["Trash"].HasAttr(imap.AttrTrash) || found["plain"].Status.Messages != 1 || found["plain"].Delim != '/' {
		t.Fatalf("%+v %+v", found["Trash"], found["plain"])
	}
	st := must[*imap.Status](t)(c.Status(ctx, "plain"))
	if st.Messages != 1 || st.Unseen != 1 || st.UIDValidity == 0 || st.Size < 500 {
		t.Fatalf("%+v", st)
	}
	check(t, c.Rename(ctx, "plain", "renamed"))
	if _, err := c.Select(ctx, "plain"); !errors.Is(err, imap.ErrNotFound) {
		t.Fatalf("renamed away: %v", err)
	}
	for _, n := range names {
		check(t, c.Subscribe(ctx, n, false))
		if n == "plain" {
			n = "renamed"
		}
		check(t, c.Delete(ctx, n))
	}
	if err := c.Delete(ctx, "renamed"); !errors.Is(err, imap.ErrNotFound) {
		t.Fatalf("deleted twice: %v", err)
	}
	ns := must[*imap.Namespace](t)(c.Namespace(ctx))
	if len(ns.Personal) != 1 || ns.Personal[0].Delim != '/' {
		t.Fatalf("%+v", ns)
	}
}

func testMessages(t *testing.T, s *dovecottest.Server) {
	ctx := testContext(t)
	c := dialDovecot(t, s, nil)
	check(t, c.Create(ctx, "msgs"))
	check(t, c.Create(ctx, "other"))
	date := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for i := range 5 {
		msg := message(i, 400)
		o := &imapclient.AppendOptions{Date: date}
		if i == 2 {
			o.Flags = []imap.Flag{imap.Seen, "keyword"}
		}
		res, err := c.Append(ctx, "msgs", strings.NewReader(msg), int64(len(msg)), o)
		check(t, err)
		if res.UIDValidity == 0 || !res.UIDs.Equal(imap.UIDs(imap.UID(i+1))) {
			t.Fatalf("%+v", res)
		}
	}
	if _, err := c.Append(ctx, "nowhere", strings.NewReader("x\r\n"), 3, nil); !errors.Is(err, imap.ErrNotFound) {
		t.Fatalf("append to nowhere: %v", err)
	}
	mb := must[*imapclient.Mailbox](t)(c.Select(ctx, "msgs"))
	if next, _ := mb.UIDNext(); mb.Len() != 5 || next != 6 || mb.UIDValidity() == 0 || mb.ReadOnly() || mb.Name() != "msgs" {
		t.Fatalf("%d messages, next %d", mb.Len(), next)
	}
	n := 0
	for m, err := range mb.Messages(ctx, imap.All, imap.FetchFlags, imap.FetchEnvelope, imap.FetchDate, imap.FetchSize, imap.FetchStructure, imap.Peek) {
		check(t, err)
		want := message(n, 400)
		n++
		if m.UID != imap.UID(n) || m.Envelope.Subject != fmt.Sprintf("número %d", n-1) || m.Size != int64(len(want)) ||
			!m.InternalDate.Equal(date) || m.Structure.Subtype != "plain" || m.Envelope.From[0].Addr() != "ann@example.org" {
			t.Fatalf("%+v", m)
		}
		// A command in the loop does not touch what is being looked at.
		check(t, c.Noop(ctx))
		if got := m.Body().String(); got != want {
			t.Fatalf("body of %d: %q", n, got)
		}
	}
	if n != 5 {
		t.Fatalf("%d messages", n)
	}
	uids := must[imap.UIDSet](t)(mb.Search(ctx, imap.And(imap.Unseen(), imap.Not(imap.Subject("número 4")))))
	if uids.String() != "1:2,4" {
		t.Fatalf("search: %v", uids)
	}
	d := must[*imapclient.SearchData](t)(mb.SearchWith(ctx, imap.All, imapclient.SearchOptions{Count: true, Min: true, Max: true}))
	if d.Count != 5 || d.Min != 1 || d.Max != 5 {
		t.Fatalf("%+v", d)
	}
	d = must[*imapclient.SearchData](t)(mb.SearchWith(ctx, imap.HasFlag("keyword"), imapclient.SearchOptions{Seq: true}))
	if !d.Seqs.Equal(imap.Seqs(3)) {
		t.Fatalf("%+v", d)
	}
	check(t, mb.Store(ctx, imap.UIDs(1, 2), imap.StoreAdd, imap.Flagged))
	check(t, mb.Store(ctx, imap.Seqs(1), imap.StoreRemove, imap.Flagged))
	if got := must[imap.UIDSet](t)(mb.Search(ctx, imap.HasFlag(imap.Flagged))); got.String() != "2" {
		t.Fatalf("flagged: %v", got)
	}
	res := must[imap.CopyResult](t)(mb.Copy(ctx, imap.UIDs(1, 2), "other"))
	if len(res.Source) == 0 || res.UIDValidity == 0 {
		t.Fatalf("%+v", res)
	}
	must[imap.CopyResult](t)(mb.Move(ctx, imap.UIDs(3), "other"))
	if _, err := mb.Copy(ctx, imap.UIDs(1), "nowhere"); !errors.Is(err, imap.ErrNotFound) {
		t.Fatalf("copy to nowhere: %v", err)
	}
	if mb.Len() != 4 {
		t.Fatalf("%d left", mb.Len())
	}
	// Leaving a loop is legal, also in the middle of something big.
	for m, err := range mb.Fetch(ctx, imap.UIDRange(1, 0), imap.RFC822) {
		check(t, err)
		_ = m
		break
	}
	check(t, mb.Trash(ctx, imap.UIDs(4)))
	if st := must[*imap.Status](t)(c.Status(ctx, "Trash")); st.Messages != 1 {
		t.Fatalf("trash: %+v", st)
	}
	ro := must[*imapclient.Mailbox](t)(c.Examine(ctx, "msgs"))
	if err := ro.Store(ctx, imap.UIDs(1), imap.StoreAdd, imap.Seen); !ro.ReadOnly() || !errors.Is(err, imap.ErrReadOnly) {
		t.Fatalf("read-only: %v", err)
	}
	if _, err := mb.Search(ctx, imap.All); !errors.Is(err, imap.ErrNotSelected) {
		t.Fatalf("the old handle: %v", err)
	}
	check(t, ro.Unselect(ctx))
	if _, err := ro.Search(ctx, imap.All); !errors.Is(err, imap.ErrNotSelected) {
		t.Fatalf("after Unselect: %v", err)
	}
}

func testDelete(t *testing.T, s *dovecottest.Server) {
	ctx := testContext(t)
	c := dialDovecot(t, s, nil)
	check(t, c.Create(ctx, "del"))
	for i := range 6 {
		appendTo(t, c, "del", i)
	}
	mb := must[*imapclient.Mailbox](t)(c.Select(ctx, "del"))
	check(t, mb.Store(ctx, imap.UIDs(1, 2), imap.StoreAdd, imap.Deleted))
	check(t, mb.Delete(ctx, imap.UIDs(4)))
	if got := must[imap.UIDSet](t)(mb.Search(ctx, imap.All)); got.String() != "1:3,5:6" {
		t.Fatalf("after Delete: %v", got)
	}
	if gone := must[imap.UIDSet](t)(mb.Expunge(ctx)); gone.String() != "1:2" || mb.Len() != 3 {
		t.Fatalf("expunged: %v, %d left", gone, mb.Len())
	}
	check(t, mb.Delete(ctx, imap.Seqs(1)))
	check(t, mb.Store(ctx, imap.UIDs(5), imap.StoreAdd, imap.Deleted))
	check(t, mb.Close(ctx))
	if st := must[*imap.Status](t)(c.Status(ctx, "del")); st.Messages != 1 {
		t.Fatalf("after Close: %+v", st)
	}
}

func testStream(t *testing.T, s *dovecottest.Server) {
	ctx := testContext(t)
	c := dialDovecot(t, s, &imapclient.Options{BufferLimit: 1 << 20})
	check(t, c.Create(ctx, "big"))
	big := message(1, 3<<20)
	for range 2 {
		must[imap.AppendResult](t)(c.Append(ctx, "big", strings.NewReader(big), int64(len(big)), nil))
	}
	small := message(2, 100<<10)
	must[imap.AppendResult](t)(c.Append(ctx, "big", strings.NewReader(small), int64(len(small)), nil))
	mb := must[*imapclient.Mailbox](t)(c.Select(ctx, "big"))
	var sizes []int
	for m, err := range mb.Fetch(ctx, imap.UIDRange(1, 3), imap.Peek, imap.FetchFlags) {
		check(t, err)
		if m.UID == 1 {
			// 3 MiB do not fit: the command is behind a stream that nobody reads.
			if err := c.Noop(ctx); !errors.Is(err, imap.ErrWouldBlock) {
				t.Fatalf("behind 3 MiB: %v", err)
			}
		}
		if m.UID == 2 {
			continue // not read: skipped
		}
		var b bytes.Buffer
		if _, err := m.Body().WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, b.Len())
		if m.UID == 3 && sha256.Sum256(b.Bytes()) != sha256.Sum256([]byte(small)) {
			t.Fatal("content differs")
		}
	}
	if !slices.Equal(sizes, []int{len(big), len(small)}) {
		t.Fatalf("sizes %v", sizes)
	}
	for m, err := range mb.Fetch(ctx, imap.UIDs(3), imap.Peek) {
		check(t, err)
		check(t, c.Noop(ctx)) // 100 KiB do: they are held meanwhile
		if got := m.Body().String(); got != small {
			t.Fatal("content differs after a command in the loop")
		}
	}
	for _, err := range mb.Fetch(ctx, imap.UIDRange(1, 3), imap.Peek) {
		check(t, err)
		break
	}
	if got := must[imap.UIDSet](t)(mb.Search(ctx, imap.All)); got.Len() != 3 {
		t.Fatalf("after leaving a loop: %v", got)
	}
}

func testDownload(t *testing.T, s *dovecottest.Server) {
	ctx := testContext(t)
	c := dialDovecot(t, s, nil)
	check(t, c.Create(ctx, "parts"))
	msg := "From: ann@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ngr=FC=DFe\r\n" +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAwQ=\r\n" +
		"--b--\r\n"
	uid := must[imap.AppendResult](t)(c.Append(ctx, "parts", strings.NewReader(msg), int64(len(msg)), nil)).UIDs.Min()
	long := message(7, 200<<10)
	uid2 := must[imap.AppendResult](t)(c.Append(ctx, "parts", strings.NewReader(long), int64(len(long)), nil)).UIDs.Min()
	mb := must[*imapclient.Mailbox](t)(c.Examine(ctx, "parts"))
	for _, x := range []struct {
		section, want string
		decode        bool
	}{
		{"1", "gr=FC=DFe", false}, {"1", "grüße", true}, {"2", "AAEC\r\nAwQ=", false}, {"2", "\x00\x01\x02\x03\x04", true}, {"", msg, false},
		{"HEADER", msg[:strings.Index(msg, "--b")], false},
	} {
		for _, chunk := range []int64{0, 3} {
			var b bytes.Buffer
			n, err := mb.Download(ctx, uid, x.section, &b, &imapclient.DownloadOptions{Decode: x.decode, Chunk: chunk})
			if err != nil || b.String() != x.want || n != int64(b.Len()) {
				t.Fatalf("section %q, decode %v, chunk %d: %q, %v", x.section, x.decode, chunk, b.String(), err)
			}
		}
	}
	var b bytes.Buffer
	var last int64
	_, err := mb.Download(ctx, uid2, "", &b, &imapclient.DownloadOptions{Offset: 1000, Chunk: 4096, Progress: func(done, total int64) { last = done }})
	if err != nil || b.String() != long[1000:] || last != int64(len(long)) {
		t.Fatalf("resumed: %d octets, %v", b.Len(), err)
	}
	if _, err := mb.Download(ctx, 99, "1", io.Discard, nil); !errors.Is(err, imap.ErrExpunged) {
		t.Fatalf("no message: %v", err)
	}
	if _, err := mb.Download(ctx, uid, "7", io.Discard, nil); !errors.Is(err, imap.ErrMissing) {
		t.Fatalf("no part: %v", err)
	}
	if _, err := mb.Download(ctx, uid2, "", io.Discard, &imapclient.DownloadOptions{Max: 10000}); !errors.Is(err, imap.ErrTooBig) {
		t.Fatalf("too big: %v", err)
	}
}

func testWatch(t *testing.T, s *dovecottest.Server) {
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	watching := make(chan struct{}, 100)
	trace := &imapclient.Trace{Sent: func(line []byte) {
		if bytes.HasSuffix(line, []byte(" IDLE\r\n")) {
			watching <- struct{}{}
		}
	}}
	c, other := dialDovecot(t, s, &imapclient.Options{Trace: trace}), dialDovecot(t, s, nil)
	check(t, c.Create(ctx, "watched"))
	for i := range 3 {
		appendTo(t, c, "watched", i)
	}
	mb := must[*imapclient.Mailbox](t)(c.Select(ctx, "watched"))
	theirs := must[*imapclient.Mailbox](t)(other.Select(ctx, "watched"))
	step := make(chan func() error, 10)
	step <- func() error { appendTo(t, other, "watched", 3); return nil }
	step <- func() error { return theirs.Store(ctx, imap.UIDs(2), imap.StoreAdd, imap.Flagged) }
	step <- func() error { return theirs.Delete(ctx, imap.UIDs(1)) }
	step <- func() error { // the connection is lost, and things happen meanwhile
		k, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		if err := theirs.Store(ctx, imap.UIDs(3), imap.StoreAdd, imap.Answered); err != nil {
			return err
		}
		return k.Close()
	}
	var got []string
	go func() {
		<-watching
		if err := (<-step)(); err != nil {
			t.Error(err)
		}
	}()
	for e, err := range mb.Watch(ctx) {
		check(t, err)
		switch e.Kind {
		case imapclient.New:
			got = append(got, fmt.Sprintf("new %d", e.Message.UID))
			for m, err := range mb.Fetch(ctx, imap.UIDs(e.Message.UID), imap.FetchEnvelope) {
				check(t, err)
				if m.Envelope.Subject != "número 3" {
					t.Fatalf("%+v", m.Envelope)
				}
			}
		case imapclient.Changed:
			flags := slices.DeleteFunc(e.Message.Flags, imap.Recent.Equal)
			got = append(got, fmt.Sprintf("changed %d %v", e.Message.UID, flags))
		case imapclient.Vanished:
			got = append(got, "gone "+e.Gone.String())
		case imapclient.Disconnected:
			got = append(got, "disconnected")
			continue
		case imapclient.Reconnected:
			got = append(got, "reconnected")
			continue
		}
		select {
		case f := <-step:
			check(t, f())
		default:
			cancel()
		}
	}
	want := []string{"new 4", `changed 2 [\Flagged]`, "gone 1", "disconnected", "reconnected", `changed 3 [\Answered]`}
	// Deleting tells of \Deleted first, when the server looks in between.
	got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, `\Deleted`) })
	if !slices.Equal(got, want) {
		t.Fatalf("events\n%q, want\n%q", got, want)
	}
}

func testConn(t *testing.T, s *dovecottest.Server) {
	ctx := testContext(t)
	c := dialDovecot(t, s, nil)
	k := must[*imapclient.Conn](t)(c.Conn(ctx))
	var ps []*imapclient.Pending[*imap.Status]
	for range 300 {
		ps = append(ps, k.Status(ctx, "INBOX", imapclient.StatusAll))
	}
	for _, p := range ps {
		if st := must[*imap.Status](t)(p.Wait()); !st.Items.Has(imapclient.StatusAll) {
			t.Fatalf("%+v", st)
		}
	}
	must[*imapclient.SelectData](t)(k.Select(ctx, "INBOX").Wait())
	must[struct{}](t)(k.Check(ctx).Wait())
	rs := must[[]*imapclient.Response](t)(k.Do(ctx, "STATUS %m (MESSAGES UIDNEXT)", "INBOX").Collect())
	if len(rs) != 1 || rs[0].Name != "STATUS" || !strings.HasPrefix(string(rs[0].Raw), "* STATUS INBOX (MESSAGES") {
		t.Fatalf("%d responses: %+v", len(rs), rs)
	}
	_, err := k.Do(ctx, "X-NONSENSE %s %d", "with space", 5).Collect()
	var e *imap.Error
	if !errors.As(err, &e) || e.Status != "BAD" {
		t.Fatalf("nonsense: %v", err)
	}
	if _, err := k.Do(ctx, "NOOP %s\r\nx LOGOUT").Collect(); err == nil {
		t.Fatal("a line end in a format was sent")
	}
	must[struct{}](t)(k.Unselect(ctx).Wait())
	must[[]*imap.MailboxInfo](t)(k.LSub(ctx, "*").Collect())
}
