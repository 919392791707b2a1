package storetest

import (
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// testHold checks that messages stay readable for the handle whose version shows them, exactly.
func testHold(e *env) {
	a := e.account("ann")
	writer := e.box(a, "INBOX")
	kept := text()
	uid := e.add(a, writer, message(kept))[0]
	rest := e.fill(a, writer, 2)
	ref := e.row(writer, uid).Ref
	readable := func(who string, b store.Mailbox, ref uint64, want string) {
		e.Helper()
		if got, err := readBody(b, ref); err != nil || got != want {
			e.Errorf("%s: body %q, %v; want %q", who, got, err, want)
		}
	}
	gone := func(who string, b store.Mailbox, ref uint64) {
		e.Helper()
		_, err := readBody(b, ref)
		e.wantErr(who, err, store.ErrGone)
	}

	reader := e.box(a, "INBOX") // holds what is there now
	writer.Hold(writer.Version())
	e.expunge(writer, uid)
	readable("both hold it", writer, ref, kept)
	readable("both hold it", reader, ref, kept)
	writer.Hold(writer.Version())
	readable("another holds it", reader, ref, kept)
	if got := e.summaries(reader, ref); got[0] != "" {
		e.Errorf("a message without a summary has %q", got)
	}

	// A message that came and went after the held version: the session may still turn to the
	// version that had it.
	late := text()
	lateUID := e.add(a, writer, message(late))[0]
	between := reader.Version()
	_, lateRow, _ := between.Find(lateUID)
	e.expunge(writer, lateUID)
	writer.Hold(writer.Version())
	readable("an older version is held", reader, lateRow.Ref, late)
	reader.Hold(between)
	readable("its version is held", reader, lateRow.Ref, late)
	gone("no held version has it", reader, ref)
	reader.Hold(reader.Version())
	gone("no held version has it", reader, lateRow.Ref)
	gone("no held version has it", writer, ref)

	// What is not expunged is not affected.
	e.want(a, reader, rest...)
	// A handle holds until it is closed, also when its mailbox has others.
	holder, other := e.box(a, "INBOX"), e.box(a, "INBOX")
	_, r, _ := holder.Version().Find(rest[0])
	want := e.body(holder, rest[0])
	e.expunge(writer, rest[0])
	for _, h := range []store.Mailbox{writer, reader, other} {
		h.Hold(h.Version())
	}
	readable("the first handle holds it", holder, r.Ref, want)
	e.closeBox(holder)
	gone("its handle is closed", other, r.Ref)

	// Moved away is gone as well.
	_, r, _ = other.Version().Find(rest[1])
	want = e.body(other, rest[1])
	dst := e.box(a, "dst")
	moved, err := writer.Move(e.ctx, imap.UIDs(rest[1]), dst.ID())
	e.must(err)
	readable("moved away, held", other, r.Ref, want)
	e.reopen() // with handles that hold things
	a = e.account("ann")
	dst = e.box(a, "dst")
	if got := e.body(dst, moved.Dest[0]); got != want {
		e.Errorf("moved message is %q, want %q", got, want)
	}
	e.want(a, e.box(a, "INBOX"))
}

// testHoldGhosts does what a session does that must not tell of EXPUNGE: it holds the newest
// version with the removed messages as ghosts.
func testHoldGhosts(e *env) {
	a := e.account("ann")
	writer, reader := e.box(a, "INBOX"), e.box(a, "INBOX")
	uids := e.fill(a, writer, 4)
	view := reader.Version()
	reader.Hold(view)
	refs := map[imap.UID]uint64{}
	for _, r := range view.Rows() {
		refs[r.UID] = r.Ref
	}
	for _, uid := range uids[:3] {
		e.expunge(writer, uid)
		e.fill(a, writer, 1)
		writer.Hold(writer.Version())
		view = mailbox.Retain(view, reader.Version())
		reader.Hold(view)
		for _, uid := range uids {
			if _, err := readBody(reader, refs[uid]); err != nil {
				e.Errorf("ghosts %v, UID %d: %v", view.Ghosts(), uid, err)
			}
		}
	}
	reader.Hold(reader.Version())
	for i, uid := range uids {
		_, err := readBody(reader, refs[uid])
		if i < 3 {
			e.wantErr("a ghost that was let go", err, store.ErrGone)
		} else {
			e.must(err)
		}
	}
}

// testHoldOpenBody checks that an open Body outlives its message.
func testHoldOpenBody(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	want := text()
	uid := e.add(a, b, message(want))[0]
	body, err := b.Body(e.ctx, e.row(b, uid).Ref)
	e.must(err)
	e.expunge(b, uid)
	b.Hold(b.Version())
	e.must(a.Subscribe(e.ctx, "x", true)) // give it time to be forgotten
	got := make([]byte, len(want))
	if n, _ := body.ReadAt(got, 0); n != len(want) || string(got) != want {
		e.Errorf("read %q of an open body, want %q", got[:n], want)
	}
	e.must(body.Close())
}

func testRecent(e *env) {
	a := e.account("ann")
	one, two := e.box(a, "INBOX"), e.box(a, "INBOX")
	from := func() imap.UID {
		e.Helper()
		uid, err := a.RecentFrom(e.ctx, one.ID())
		e.must(err)
		return uid
	}
	uids := e.fill(a, one, 3)
	if got := from(); got > uids[0] {
		e.Errorf("nobody has claimed anything, but only %d and above are recent", got)
	}
	next := one.Version().UIDNext
	if got := one.ClaimRecent(uids[2]); got > uids[0] {
		e.Errorf("the first claim begins at %d, the first UID is %d", got, uids[0])
	}
	if got := from(); got != uids[2] {
		e.Errorf("recent are messages from %d on, want %d", got, uids[2])
	}
	if got := two.ClaimRecent(next); got != uids[2] {
		e.Errorf("the second claim begins at %d, want %d", got, uids[2])
	}
	for _, below := range []imap.UID{next, uids[0], 1} { // nothing is given back
		if got := one.ClaimRecent(below); got != next {
			e.Errorf("a claim below %d begins at %d, want %d", below, got, next)
		}
	}
	more := e.fill(a, one, 1)
	e.reopen()
	a = e.account("ann")
	one = e.box(a, "INBOX")
	if got := from(); got > more[0] {
		e.Errorf("after reopening recent are messages from %d on, %d is unclaimed", got, more[0])
	}
	if got := one.ClaimRecent(more[0] + 1); got > more[0] {
		e.Errorf("UID %d is lost to claims, they begin at %d", more[0], got)
	}
}

// drain empties a bell.
func drain(b store.Mailbox) {
	select {
	case <-b.Bell():
	default:
	}
}

// wantBell checks that a bell rings.
func (e *env) wantBell(b store.Mailbox) {
	e.Helper()
	select {
	case <-b.Bell():
	case <-time.After(patience):
		e.Error("the bell does not ring")
	}
}

func testBell(e *env) {
	a := e.account("ann")
	one, two, elsewhere := e.box(a, "INBOX"), e.box(a, "INBOX"), e.box(a, "elsewhere")
	for what, change := range map[string]func(){
		"Append":  func() { e.fill(a, one, 3) },
		"Store":   func() { e.flag(one, imap.StoreAdd, []imap.Flag{imap.Seen}, e.fill(a, one, 1)...) },
		"Expunge": func() { e.expunge(one, e.fill(a, one, 2)...) },
		"Copy": func() {
			_, err := elsewhere.Copy(e.ctx, imap.UIDs(e.fill(a, elsewhere, 1)...), one.ID())
			e.must(err)
		},
		"Move": func() {
			_, err := one.Move(e.ctx, imap.UIDs(e.fill(a, one, 1)...), elsewhere.ID())
			e.must(err)
		},
	} {
		change()
		change() // nobody has listened: the bell has room for one
		for _, b := range []store.Mailbox{one, two} {
			before := b.Version()
			e.wantBell(b)
			if b.Version() != before {
				e.Errorf("%s: the version changed after the change had returned", what)
			}
		}
	}
	// Whoever waits is woken for a version that is there already.
	drain(two)
	old := two.Version()
	done := make(chan error)
	go func() {
		_, err := a.Append(e.ctx, one.ID(), []store.NewMessage{message(text())})
		done <- err
	}()
	e.wantBell(two)
	if two.Version().HighestModSeq <= old.HighestModSeq {
		e.Error("the bell rang before the version changed")
	}
	e.must(<-done)
}
