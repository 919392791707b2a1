package storetest

import (
	"slices"
	"strings"
	"sync"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func testAppend(e *env) {
	a := e.account("ann")
	b, other := e.box(a, "INBOX"), e.box(a, "INBOX")
	start := b.Version()

	date := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", -(9*60+30)*60))
	saved := time.Date(2011, 12, 13, 14, 15, 16, 0, time.UTC)
	binary := "Subject: \x00\xff\r\n\r\nno newline at the end, a bare \n and \x00"
	long := text() + strings.Repeat("0123456789abcdef", 5000)
	summary := []byte("summary")
	flags := []imap.Flag{imap.Seen, "$Work", imap.Recent}
	msgs := []store.NewMessage{
		{Body: e.stage(a.ID(), binary), Date: date, Saved: saved, Flags: flags, Summary: summary, EmailID: 77, ThreadID: 1 << 63},
		{Body: e.stage(a.ID(), "")},
		e.message(b, long, imap.Deleted),
	}
	before := time.Now().Truncate(time.Second)
	r := e.one(&store.Append{Mailbox: b.Ref(), Messages: msgs})
	after := time.Now()
	copy(summary, "changed") // the caller's own
	flags[0], msgs[2].Flags[0] = imap.Draft, imap.Draft
	if r.UIDValidity != start.UIDValidity || len(r.UIDs) != 3 || !slices.IsSorted(r.UIDs) || r.UIDs[0] < start.UIDNext || r.ModSeq <= start.HighestModSeq {
		e.Fatalf("Append returned %+v, the mailbox was %+v", r, start.Counts())
	}
	if start.Len() != 0 {
		e.Error("a version that was read has changed")
	}
	if v := b.Version(); v.HighestModSeq != r.ModSeq || other.Version().Len() != 3 {
		e.Errorf("HIGHESTMODSEQ went from %d to %d with %d; the other handle has %d messages", start.HighestModSeq, v.HighestModSeq, r.ModSeq, other.Version().Len())
	}
	now := func(t time.Time) bool { return !t.Before(before) && !t.After(after) }
	var ids []store.EmailID
	for round := range 2 { // the second time after reopening
		e.want(b, r.UIDs...)
		for i, want := range []string{binary, "", long} {
			if got := e.body(b, r.UIDs[i]); got != want {
				e.Errorf("message %d has %d octets, want %d", i, len(got), len(want))
			}
			row := e.row(b, r.UIDs[i])
			if int(row.Size) != len(want) || row.ModSeq != r.ModSeq {
				e.Errorf("message %d is %+v", i, row)
			}
			if t, ok := row.Saved.Time(); !ok || (i == 0) != t.Equal(saved) || i > 0 && !now(t) {
				e.Errorf("message %d was saved at %v", i, t)
			}
			d := e.details(b, row)
			if round == 0 {
				ids = append(ids, d.EmailID)
			}
			if d.EmailID != ids[i] || d.EmailID == 0 || (d.ThreadID == 1<<63) != (i == 0) || (i > 0 && d.ThreadID != 0) ||
				i == 0 && string(d.Summary) != "summary" || i > 0 && d.Summary != nil {
				e.Errorf("message %d has details %+v", i, d)
			}
		}
		if ids[0] != 77 || ids[1] == ids[2] {
			e.Errorf("the email IDs are %d", ids)
		}
		if got := [...]string{e.flags(b, r.UIDs[0]), e.flags(b, r.UIDs[1]), e.flags(b, r.UIDs[2])}; got != [...]string{`$work \seen`, "", `\deleted`} {
			e.Errorf("flags are %q", got)
		}
		if got := e.row(b, r.UIDs[0]).Date.Time().Format(time.RFC3339); got != "2001-02-03T04:05:06-09:30" {
			e.Errorf("the internal date is %s", got)
		}
		if got := e.row(b, r.UIDs[1]).Date.Time(); !now(got) {
			e.Errorf("a message without a date has %v, it was appended at %v", got, before)
		}
		e.reopen()
		b = e.box(e.account("ann"), "INBOX")
	}

	v := b.Version()
	r = e.one(&store.Append{Mailbox: b.Ref()})
	if r.UIDValidity != v.UIDValidity || len(r.UIDs) != 0 || r.ModSeq != 0 || b.Version().HighestModSeq != v.HighestModSeq {
		e.Errorf("appending nothing returned %+v and made HIGHESTMODSEQ %d of %d", r, b.Version().HighestModSeq, v.HighestModSeq)
	}
}

// testAppendFails checks that nothing is left of appended messages when one cannot be.
func testAppendFails(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	uids := e.fill(b, 2)
	stale := e.message(b, text())
	stale.Body.Discard()
	good := []store.NewMessage{e.message(b, text(), "new"), e.message(b, text())}
	e.fails(store.ErrStale, 0, &store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{good[0], stale, good[1]}})
	for _, ref := range []store.Ref{{Account: a.ID(), Mailbox: 4711}, {Account: 4711, Mailbox: b.Ref().Mailbox}, {}} {
		if err := e.fails(store.ErrNotFound, 0, &store.Append{Mailbox: ref, Messages: good}); err.Ref != ref {
			e.Errorf("mailbox %+v is to blame, want %+v", err.Ref, ref)
		}
	}
	uids = append(uids, e.add(b, good...)...)
	e.reopen()
	b = e.box(e.account("ann"), "INBOX")
	e.want(b, uids...)
	e.want(b, append(uids, e.fill(b, 1)...)...)
}

// testAppendShared makes several messages of one body, which stays until the last is gone.
func testAppendShared(e *env) {
	a := e.account("ann")
	b, dst := e.box(a, "INBOX"), e.box(a, "dst")
	for _, size := range []int{200, 2 << 20} {
		want := strings.Repeat(text(), size/50+1)[:size]
		s := e.stage(a.ID(), want)
		out := e.commit(
			&store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{{Body: s, Flags: []imap.Flag{imap.Seen}}, {Body: s, Summary: []byte("second")}}},
			&store.Append{Mailbox: dst.Ref(), Messages: []store.NewMessage{{Body: s}}},
			&store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{{Body: s}}})
		uids := append(slices.Clone(out[0].UIDs), out[2].UIDs...)
		if !slices.IsSorted(uids) || len(slices.Compact(slices.Clone(uids))) != 3 || out[2].ModSeq < out[0].ModSeq {
			e.Fatalf("the outcomes are %+v", out)
		}
		for len(uids) > 0 { // another one goes each time
			for i, uid := range uids {
				if got := e.body(b, uid); got != want {
					e.Errorf("message %d of %d with one body has %d octets, want %d", i, len(uids), len(got), len(want))
				}
			}
			if got := e.body(dst, out[1].UIDs[0]); got != want {
				e.Errorf("the message in another mailbox has %d octets, want %d", len(got), len(want))
			}
			e.expunge(b, uids[0])
			b.Hold(b.Version())
			uids = uids[1:]
			e.reopen()
			a = e.account("ann")
			b, dst = e.box(a, "INBOX"), e.box(a, "dst")
		}
		if got := e.body(dst, out[1].UIDs[0]); got != want {
			e.Errorf("the last message has %d octets, want %d", len(got), len(want))
		}
		e.want(b)
	}
}

func testAppendConcurrently(e *env) {
	a := e.account("ann")
	const writers, each = 16, 12
	var mu sync.Mutex
	bodies := map[imap.UID]string{}
	var wg sync.WaitGroup
	for w := range writers {
		b := e.box(a, "INBOX")
		wg.Go(func() {
			old := b.Version()
			var last imap.UID
			for i := range each {
				op := &store.Append{Mailbox: b.Ref()}
				var texts []string
				for range 1 + (w+i)%3 {
					texts = append(texts, text())
					s, err := e.store.Stage(e.ctx, store.System, b.Ref().Account, strings.NewReader(texts[len(texts)-1]))
					if err != nil {
						e.Errorf("Stage: %v", err)
						return
					}
					op.Messages = append(op.Messages, store.NewMessage{Body: s})
				}
				out, err := e.store.Commit(e.ctx, store.System, op)
				if err != nil || len(out[0].UIDs) != len(op.Messages) {
					e.Errorf("Append: %+v, %v", out, err)
					return
				}
				v := b.Version()
				if v.HighestModSeq < old.HighestModSeq || v.UIDNext < old.UIDNext || v.Len() < old.Len() {
					e.Errorf("a version went back from %+v to %+v", old.Counts(), v.Counts())
				}
				if d := mailbox.Diff(old, v); len(d.Expunged)+len(changed(&d)) > 0 || len(d.Added) != v.Len()-old.Len() {
					e.Errorf("from %+v to %+v %d messages were expunged, %d changed", old.Counts(), v.Counts(), len(d.Expunged), len(changed(&d)))
				}
				old = v
				mu.Lock()
				for i, uid := range out[0].UIDs {
					if _, _, ok := v.Find(uid); !ok || uid <= last || bodies[uid] != "" {
						e.Errorf("UID %d: there %v, after %d, given to another: %v", uid, ok, last, bodies[uid] != "")
					}
					bodies[uid] = texts[i]
					last = uid
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for range 2 { // the second time after reopening
		b := e.box(a, "INBOX")
		if n := b.Version().Len(); n != len(bodies) {
			e.Errorf("there are %d messages, %d were appended", n, len(bodies))
		}
		e.must(checkVersion(b.Version()))
		for uid, want := range bodies {
			if got := e.body(b, uid); got != want {
				e.Fatalf("UID %d is %q, want %q", uid, got, want)
			}
		}
		e.reopen()
		a = e.account("ann")
	}
}
