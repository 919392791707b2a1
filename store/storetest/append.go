package storetest

import (
	"errors"
	"fmt"
	"io"
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
	binary := "Subject: \x00\xff\r\n\r\nno newline at the end, a bare \n and \x00"
	long := text() + strings.Repeat("0123456789abcdef", 5000)
	var asked, end bool
	body := strings.NewReader(binary + "of the next command")
	msgs := []store.NewMessage{
		{Date: date, Size: int64(len(binary)), Body: body, Flags: []imap.Flag{imap.Seen, "$Work", imap.Recent},
			Summary: func() []byte {
				if asked {
					e.Error("Summary was called twice")
				}
				asked, end = true, body.Len() == len("of the next command")
				return []byte("summary")
			}},
		{Size: 0, Body: strings.NewReader("")},
		message(long, imap.Deleted),
	}
	before := time.Now().Truncate(time.Second)
	r, err := a.Append(e.ctx, b.ID(), msgs)
	e.must(err)
	after := time.Now()
	if !asked || !end {
		e.Errorf("Summary was called: %v; after exactly the message was read: %v", asked, end)
	}
	if r.UIDValidity != start.UIDValidity || len(r.UIDs) != 3 || !slices.IsSorted(r.UIDs) || r.UIDs[0] < start.UIDNext {
		e.Fatalf("Append returned %+v, the mailbox was %+v", r, start.Counts())
	}
	if start.Len() != 0 {
		e.Error("a version that was read has changed")
	}
	if v := b.Version(); v.HighestModSeq <= start.HighestModSeq || other.Version().Len() != 3 {
		e.Errorf("HIGHESTMODSEQ went from %d to %d; the other handle has %d messages", start.HighestModSeq, v.HighestModSeq, other.Version().Len())
	}

	for range 2 { // the second time after reopening
		e.want(a, b, r.UIDs...)
		for i, want := range []string{binary, "", long} {
			if got := e.body(b, r.UIDs[i]); got != want {
				e.Errorf("message %d has %d octets, want %d", i, len(got), len(want))
			}
			if row := e.row(b, r.UIDs[i]); int(row.Size) != len(want) || row.ModSeq <= start.HighestModSeq {
				e.Errorf("message %d is %+v", i, row)
			}
		}
		if got := [...]string{e.flags(b, r.UIDs[0]), e.flags(b, r.UIDs[1]), e.flags(b, r.UIDs[2])}; got != [...]string{`$work \seen`, "", `\deleted`} {
			e.Errorf("flags are %q", got)
		}
		if got := e.row(b, r.UIDs[0]).Date.Time().Format(time.RFC3339); got != "2001-02-03T04:05:06-09:30" {
			e.Errorf("the internal date is %s", got)
		}
		if got := e.row(b, r.UIDs[1]).Date.Time(); got.Before(before) || got.After(after) {
			e.Errorf("a message without a date has %v, it was appended at %v", got, before)
		}
		e.reopen()
		a = e.account("ann")
		b = e.box(a, "INBOX")
	}

	v := b.Version()
	r, err = a.Append(e.ctx, b.ID(), nil)
	e.must(err)
	if r.UIDValidity != v.UIDValidity || len(r.UIDs) != 0 || b.Version().HighestModSeq != v.HighestModSeq {
		e.Errorf("appending nothing returned %+v and made HIGHESTMODSEQ %d of %d", r, b.Version().HighestModSeq, v.HighestModSeq)
	}
}

func testAppendFails(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	uids := e.fill(a, b, 2)
	v := b.Version()
	errRead := errors.New("the connection broke")
	short := message(text())
	short.Size++
	none := store.NewMessage{Size: 10, Body: strings.NewReader("")}
	broken := store.NewMessage{Size: 100, Body: io.MultiReader(strings.NewReader("half"), reader(func([]byte) (int, error) { return 0, errRead }))}
	big := store.NewMessage{Size: 2 << 20, Body: io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20+1)), reader(func([]byte) (int, error) { return 0, errRead }))}
	tooBig := store.NewMessage{Size: store.MaxMessageSize + 1, Body: reader(func([]byte) (int, error) { return 0, errRead })}
	negative := store.NewMessage{Size: -1, Body: strings.NewReader("x")}
	for _, c := range []struct {
		what string
		bad  store.NewMessage
		want error
	}{{"short", short, store.ErrShortBody}, {"empty", none, store.ErrShortBody}, {"broken", broken, errRead},
		{"big and broken", big, errRead}, {"too big", tooBig, store.ErrTooBig}, {"negative", negative, nil}} {
		r, err := a.Append(e.ctx, b.ID(), []store.NewMessage{message(text()), c.bad, message(text())})
		if c.want != nil {
			e.wantErr(c.what, err, c.want)
		}
		if err == nil || len(r.UIDs) != 0 {
			e.Errorf("%s: returned %+v, %v", c.what, r, err)
		}
		if now := b.Version(); now.Len() != v.Len() || now.HighestModSeq != v.HighestModSeq {
			e.Errorf("%s: the mailbox is now %+v, was %+v", c.what, now.Counts(), v.Counts())
		}
	}
	_, err := a.Append(e.ctx, 4711, []store.NewMessage{message(text())})
	e.wantErr("no such mailbox", err, store.ErrNotFound)
	e.reopen()
	a = e.account("ann")
	b = e.box(a, "INBOX")
	e.want(a, b, uids...)
	e.want(a, b, append(uids, e.fill(a, b, 1)...)...)
}

func testAppendConcurrently(e *env) {
	a := e.account("ann")
	id := e.id(a, "INBOX")
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
				var msgs []store.NewMessage
				var texts []string
				for range 1 + (w+i)%3 {
					texts = append(texts, text())
					msgs = append(msgs, message(texts[len(texts)-1]))
				}
				r, err := a.Append(e.ctx, id, msgs)
				if err != nil || len(r.UIDs) != len(msgs) {
					e.Errorf("Append: %+v, %v", r, err)
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
				for i, uid := range r.UIDs {
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

// testAppendSlowly appends messages whose readers stand still in the middle, and reads one into a
// writer that does, while everything else goes on.
func testAppendSlowly(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	first := e.fill(a, b, 1)[0]
	for _, size := range []int{100, 6 << 20} {
		want := strings.Repeat(text(), size/50+1)[:size]
		r, w := io.Pipe()
		var result store.AppendResult
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			msg := message(want)
			msg.Body = r
			result, err = a.Append(e.ctx, b.ID(), []store.NewMessage{message(text()), msg})
			r.CloseWithError(err) // if it fails early
		}()
		half := size / 2
		if _, err := io.WriteString(w, want[:half]); err != nil {
			e.Fatal(err)
		}
		readEnd, writeEnd := io.Pipe()
		body, err2 := b.Body(e.ctx, e.row(b, first).Ref)
		e.must(err2)
		written := make(chan error)
		go func() {
			_, err := body.WriteRange(writeEnd, 0, body.Size())
			written <- errors.Join(err, body.Close())
		}()
		var between []imap.UID
		e.within("something, while an Append's reader and a Body's writer hang,", func() {
			for i := range 5 {
				between = append(between, e.fill(a, b, 1)...)
				e.flag(b, imap.StoreAdd, []imap.Flag{imap.Flagged}, between[i])
				other := e.box(a, fmt.Sprintf("other %d %d", size, i))
				e.fill(a, other, 1)
				_, err := b.Copy(e.ctx, imap.UIDs(between...), other.ID())
				e.must(err)
				if n := other.Version().Len(); n != i+2 || !strings.Contains(describe(a.Namespace()), "other") {
					e.Errorf("%d messages instead of %d", n, i+2)
				}
			}
			e.expunge(b, between[0])
		})
		if _, err := io.ReadFull(readEnd, make([]byte, e.row(b, first).Size)); err != nil {
			e.Error(err)
		}
		e.must(<-written)
		if _, err := io.WriteString(w, want[half:]); err != nil {
			e.Error(err)
		}
		e.within("Append", func() { <-done })
		e.must(err)
		if result.UIDs[0] <= slices.Max(between) {
			e.Errorf("UID %d appeared after %v", result.UIDs[0], between)
		}
		if got := e.body(b, result.UIDs[1]); got != want {
			e.Errorf("the slow message of %d octets is not what was appended", len(want))
		}
	}
}
