package storetest

import (
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// testHold checks that messages stay readable for the handle whose version shows them, exactly.
func testHold(e *env) {
	a := e.account("ann")
	writer := e.box(a, "INBOX")
	kept := text()
	uid := e.add(writer, e.message(writer, kept))[0]
	rest := e.fill(writer, 2)
	row := e.row(writer, uid)
	readable := func(who string, b store.Mailbox, row *mailbox.Row, want string) {
		e.Helper()
		if got, err := readBody(b, row); err != nil || got != want {
			e.Errorf("%s: body %q, %v; want %q", who, got, err, want)
		}
		if e.details(b, row).EmailID == 0 {
			e.Errorf("%s: there are no details", who)
		}
	}
	gone := func(who string, b store.Mailbox, row *mailbox.Row) {
		e.Helper()
		_, err := readBody(b, row)
		e.wantErr(who, err, store.ErrGone)
		if d := e.details(b, row); d.EmailID != 0 || d.ThreadID != 0 || d.Summary != nil {
			e.Errorf("%s: a message that is gone has details %+v", who, d)
		}
	}

	reader := e.box(a, "INBOX") // holds what is there now
	writer.Hold(writer.Version())
	e.expunge(writer, uid)
	readable("both hold it", writer, row, kept)
	readable("both hold it", reader, row, kept)
	writer.Hold(writer.Version())
	readable("another holds it", reader, row, kept)

	// A message that came and went after the held version: the session may still turn to the
	// version that had it.
	late := text()
	lateUID := e.add(writer, e.message(writer, late))[0]
	between := reader.Version()
	_, lateRow, _ := between.Find(lateUID)
	e.expunge(writer, lateUID)
	writer.Hold(writer.Version())
	readable("an older version is held", reader, &lateRow, late)
	reader.Hold(between)
	readable("its version is held", reader, &lateRow, late)
	gone("no held version has it", reader, row)
	reader.Hold(reader.Version())
	gone("no held version has it", reader, &lateRow)
	gone("no held version has it", writer, row)

	// What is not expunged is not affected.
	e.want(reader, rest...)
	// A handle holds until it is closed, also when its mailbox has others.
	holder, other := e.box(a, "INBOX"), e.box(a, "INBOX")
	_, r, _ := holder.Version().Find(rest[0])
	want := e.body(holder, rest[0])
	e.expunge(writer, rest[0])
	for _, h := range []store.Mailbox{writer, reader, other} {
		h.Hold(h.Version())
	}
	readable("the first handle holds it", holder, &r, want)
	e.closeBox(holder)
	gone("its handle is closed", other, &r)

	// Moved away is gone as well.
	_, r, _ = other.Version().Find(rest[1])
	want = e.body(other, rest[1])
	dst := e.box(a, "dst")
	moved := e.move(writer, dst, rest[1])
	readable("moved away, held", other, &r, want)
	readable("moved to", dst, e.row(dst, moved.UIDs[0]), want)
	e.reopen() // with handles that hold things
	a = e.account("ann")
	dst = e.box(a, "dst")
	if got := e.body(dst, moved.UIDs[0]); got != want {
		e.Errorf("moved message is %q, want %q", got, want)
	}
	e.want(e.box(a, "INBOX"))
}

// testHoldGhosts does what a session does that must not tell of EXPUNGE: it holds the newest
// version with the removed messages as ghosts.
func testHoldGhosts(e *env) {
	a := e.account("ann")
	writer, reader := e.box(a, "INBOX"), e.box(a, "INBOX")
	uids := e.fill(writer, 4)
	view := reader.Version()
	reader.Hold(view)
	rows := map[imap.UID]*mailbox.Row{}
	for _, r := range view.Rows() {
		rows[r.UID] = r
	}
	for _, uid := range uids[:3] {
		e.expunge(writer, uid)
		e.fill(writer, 1)
		writer.Hold(writer.Version())
		view = mailbox.Retain(view, reader.Version())
		reader.Hold(view)
		for _, uid := range uids {
			if _, err := readBody(reader, rows[uid]); err != nil {
				e.Errorf("ghosts %v, UID %d: %v", view.Ghosts(), uid, err)
			}
		}
	}
	reader.Hold(reader.Version())
	for i, uid := range uids {
		_, err := readBody(reader, rows[uid])
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
	uid := e.add(b, e.message(b, want))[0]
	body, err := b.Body(e.ctx, e.row(b, uid))
	e.must(err)
	e.expunge(b, uid)
	b.Hold(b.Version())
	e.one(&store.Subscribe{Account: a.ID(), Name: "x", On: true}) // give it time to be forgotten
	got := make([]byte, len(want))
	if n, _ := body.ReadAt(got, 0); n != len(want) || string(got) != want {
		e.Errorf("read %q of an open body, want %q", got[:n], want)
	}
	e.must(body.Close())
}

func testRecent(e *env) {
	recent, ok := store.Find[store.Recent](e.store)
	if !ok {
		return
	}
	b := e.box(e.account("ann"), "INBOX")
	ref := b.Ref()
	from := func() imap.UID {
		e.Helper()
		uid, err := recent.RecentFrom(e.ctx, store.System, ref)
		e.must(err)
		return uid
	}
	claim := func(below imap.UID) imap.UID {
		e.Helper()
		uid, err := recent.ClaimRecent(e.ctx, store.System, ref, below)
		e.must(err)
		return uid
	}
	uids := e.fill(b, 3)
	if got := from(); got > uids[0] {
		e.Errorf("nobody has claimed anything, but only %d and above are recent", got)
	}
	next := b.Version().UIDNext
	if got := claim(uids[2]); got > uids[0] {
		e.Errorf("the first claim begins at %d, the first UID is %d", got, uids[0])
	}
	if got := from(); got != uids[2] {
		e.Errorf("recent are messages from %d on, want %d", got, uids[2])
	}
	if got := claim(next); got != uids[2] {
		e.Errorf("the second claim begins at %d, want %d", got, uids[2])
	}
	for _, below := range []imap.UID{next, uids[0], 1} { // nothing is given back
		if got := claim(below); got != next {
			e.Errorf("a claim below %d begins at %d, want %d", below, got, next)
		}
	}
	for _, bad := range []store.Ref{{Account: ref.Account, Mailbox: 4711}, {Account: 4711, Mailbox: ref.Mailbox}} {
		_, err := recent.RecentFrom(e.ctx, store.System, bad)
		e.wantErr("RecentFrom", err, store.ErrNotFound)
		_, err = recent.ClaimRecent(e.ctx, store.System, bad, 5)
		e.wantErr("ClaimRecent", err, store.ErrNotFound)
	}
	more := e.fill(b, 1)
	e.reopen()
	recent, _ = store.Find[store.Recent](e.store)
	if got := from(); got > more[0] {
		e.Errorf("after reopening recent are messages from %d on, %d is unclaimed", got, more[0])
	}
	if got := claim(more[0] + 1); got > more[0] {
		e.Errorf("UID %d is lost to claims, they begin at %d", more[0], got)
	}
}
