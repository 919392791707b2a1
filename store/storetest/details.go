package storetest

import (
	"bytes"
	"math/rand/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// testDetails reads the details of many messages, some of them gone, in any order.
func testDetails(e *env) {
	b := e.box(e.account("ann"), "INBOX")
	const n = 300
	op := &store.Append{Mailbox: b.Ref()}
	want := make([]store.Details, n)
	for i := range want {
		d := &want[i]
		d.EmailID, d.ThreadID = store.EmailID(i)<<55|1, store.ThreadID(i)
		if i%5 != 0 {
			d.Summary = bytes.Repeat([]byte{byte(i), 0, 'x'}, 1+i*i%997)
		}
		op.Messages = append(op.Messages, store.NewMessage{Body: e.stage(b.Ref().Account, text()), Summary: d.Summary, EmailID: d.EmailID, ThreadID: d.ThreadID})
	}
	uids := e.one(op).UIDs
	missing := *e.row(b, uids[n-1])
	e.expunge(b, uids[n-1])
	want[n-1] = store.Details{}
	b.Hold(b.Version())
	for range 2 { // the second time after reopening
		order := rand.Perm(n)
		rows, out := make([]mailbox.Row, n), make([]store.Details, n)
		for i, k := range order {
			out[i] = store.Details{Summary: []byte("from the last time"), EmailID: 4711, ThreadID: 4711}
			if rows[i] = missing; k < n-1 {
				rows[i] = *e.row(b, uids[k])
			}
		}
		buf, read, err := b.Details(e.ctx, rows, []byte("kept"), 1<<30, out)
		e.must(err)
		if read != n || !bytes.HasPrefix(buf, []byte("kept")) {
			e.Fatalf("%d messages were read; the buffer begins with %.4q", read, buf)
		}
		for i, k := range order {
			if got := out[i]; got.EmailID != want[k].EmailID || got.ThreadID != want[k].ThreadID || !bytes.Equal(got.Summary, want[k].Summary) || (got.Summary == nil) != (want[k].Summary == nil) {
				e.Errorf("the details of message %d are %+v, want %+v", k, got, want[k])
			}
			if s := out[i].Summary; s != nil && !liesIn(s, buf) {
				e.Errorf("the summary of message %d does not lie in the buffer", k)
			}
		}
		e.reopen()
		b = e.box(e.account("ann"), "INBOX")
	}
}

// liesIn reports whether s is a part of the memory of buf.
func liesIn(s, buf []byte) bool {
	for i := range buf {
		if &buf[i] == &s[0] {
			return i+len(s) <= len(buf)
		}
	}
	return false
}

// testDetailsLimit reads details in pieces of limited size.
func testDetailsLimit(e *env) {
	b := e.box(e.account("ann"), "INBOX")
	rnd := newRand(e.T)
	op := &store.Append{Mailbox: b.Ref()}
	var sizes []int
	for i := range 200 {
		sizes = append(sizes, 1+rnd.IntN(200))
		if i%50 == 49 {
			sizes[i] = 5000
		}
		op.Messages = append(op.Messages, store.NewMessage{Body: e.stage(b.Ref().Account, text()), Summary: bytes.Repeat([]byte{byte(i)}, sizes[i])})
	}
	e.one(op)
	var rows []mailbox.Row
	for _, r := range b.Version().Rows() {
		rows = append(rows, *r)
	}
	for _, limit := range []int{0, 1, 50, 500, 1000, 4999, 1 << 20} {
		for _, room := range []int{1, 7, len(rows)} {
			out := make([]store.Details, room)
			for from := 0; from < len(rows); {
				buf, n, err := b.Details(e.ctx, rows[from:], nil, limit, out)
				e.must(err)
				total, wanted := 0, 1 // how many must be read, as long as they fit
				for i := range n {
					if total += len(out[i].Summary); len(out[i].Summary) != sizes[from+i] || out[i].Summary[0] != byte(from+i) {
						e.Fatalf("limit %d, room %d: the summary of message %d has %d octets, want %d", limit, room, from+i, len(out[i].Summary), sizes[from+i])
					}
				}
				for size := sizes[from]; wanted < min(room, len(rows)-from) && size+sizes[from+wanted] <= limit; wanted++ {
					size += sizes[from+wanted]
				}
				if n != wanted || len(buf) < total || n > 1 && total > limit {
					e.Fatalf("limit %d, room %d, from %d on: %d messages with %d octets, want %d", limit, room, from, n, total, wanted)
				}
				from += n
			}
		}
	}
	for _, c := range []struct {
		rows []mailbox.Row
		out  []store.Details
	}{{nil, make([]store.Details, 3)}, {rows, nil}, {nil, nil}} {
		if buf, n, err := b.Details(e.ctx, c.rows, []byte("kept"), 100, c.out); err != nil || n != 0 || string(buf) != "kept" {
			e.Errorf("details of nothing: %q, %d, %v", buf, n, err)
		}
	}
	// Of messages that are gone, or without a summary, any number fits.
	e.expunge(b, uidsOf(b.Version())...)
	b.Hold(b.Version())
	out := make([]store.Details, len(rows))
	if _, n, err := b.Details(e.ctx, rows, nil, 1, out); err != nil || n != len(rows) || out[0].EmailID != 0 {
		e.Errorf("details of %d messages that are gone: %d, %+v, %v", len(rows), n, out[0], err)
	}
	e.flag(b, imap.StoreAdd, []imap.Flag{imap.Seen})
}
