package storetest

import (
	"errors"
	"fmt"
	"sync"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func setQuota(a store.Account, q mailbox.Quota) *store.SetQuota {
	return &store.SetQuota{Account: a.ID(), Quota: q}
}

// wantUsage checks what an account uses, and its limits.
func (e *env) wantUsage(a store.Account, messages, octets int, limits mailbox.Quota) {
	e.Helper()
	usage, quota, err := a.Usage(e.ctx)
	e.must(err)
	want := a.Namespace().Usage(int64(messages), int64(octets))
	if fmt.Sprint(usage) != fmt.Sprint(want) || fmt.Sprint(quota) != fmt.Sprint(limits) && len(quota)+len(limits) > 0 {
		e.Errorf("the account uses %v of %v, want %v of %v", usage, quota, want, limits)
	}
}

// testQuota: what adds beyond a limit is refused, with all that was to be done with it; what does not
// add is always done.
func testQuota(e *env) {
	a, other := e.account("ann"), e.account("bob")
	b, dst, others := e.box(a, "INBOX"), e.box(a, "dst"), e.box(other, "INBOX")
	message := func(n int) store.NewMessage { return e.message(b, fmt.Sprintf("%0*d", n, n)) }
	uids := e.add(b, message(100), message(200))
	limits := mailbox.Quota{imap.QuotaStorage: 400, imap.QuotaMessage: 4, imap.QuotaMailbox: 2, imap.QuotaAnnotationStorage: 20}
	e.one(setQuota(a, limits))
	e.wantUsage(a, 2, 300, limits)
	e.wantUsage(other, 0, 0, nil)

	appended := func(n int) store.Op {
		return &store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{message(n)}}
	}
	e.fails(store.ErrOverQuota, 0, appended(101))
	e.fails(store.ErrOverQuota, 1, appended(50), appended(51), &store.Subscribe{Account: a.ID(), Name: "q", On: true})
	e.fails(store.ErrOverQuota, 0, &store.Copy{From: b.Ref(), To: dst.Ref(), UIDs: imap.UIDs(uids[1])})
	e.fails(store.ErrOverQuota, 0, &store.Copy{From: b.Ref(), To: b.Ref(), UIDs: imap.UIDs(uids[1])})
	e.fails(store.ErrOverQuota, 0, &store.Create{Account: a.ID(), Name: "new"})
	e.fails(store.ErrOverQuota, 0, setMetadata(b.Ref(), "/shared/comment", "much too long"))
	e.one(appended(100))
	e.wantUsage(a, 3, 400, limits)
	e.fails(store.ErrOverQuota, 0, appended(1))
	// One mailbox takes the place of another, one message that of a longer one.
	e.move(b, dst, uids[0])
	e.commit(&store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{message(200)}},
		&store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[1]), Undeleted: true})
	e.commit(&store.Create{Account: a.ID(), Name: "new"}, &store.Delete{Account: a.ID(), Name: "new"})
	e.wantUsage(a, 3, 400, limits)

	// Below what is used: nothing is lost, and there can be less. Limits are those of one account.
	limits = mailbox.Quota{imap.QuotaMessage: 1, imap.QuotaStorage: 0}
	e.one(setQuota(a, limits))
	e.fails(store.ErrOverQuota, 0, appended(1))
	e.flag(dst, imap.StoreAdd, []imap.Flag{imap.Flagged}, 1)
	e.one(&store.Create{Account: a.ID(), Name: "new"})
	e.move(dst, b, 1)
	e.one(&store.Copy{From: b.Ref(), To: others.Ref(), UIDs: imap.UIDRange(1, 0)})
	e.wantUsage(other, 3, 400, nil)
	e.one(setQuota(other, mailbox.Quota{imap.QuotaMessage: 2}))
	op := e.fails(store.ErrOverQuota, 1, &store.Append{Mailbox: b.Ref()}, &store.Copy{From: b.Ref(), To: others.Ref(), UIDs: imap.UIDRange(1, 0), Move: true})
	if op.Ref != others.Ref() {
		e.Errorf("%+v is to blame, want %+v", op.Ref, others.Ref())
	}
	e.fails(mailbox.ErrBadQuota, 0, setQuota(a, mailbox.Quota{imap.QuotaMessage: -1}))
	e.fails(mailbox.ErrBadQuota, 1, setQuota(a, nil), setQuota(a, mailbox.Quota{"OTHER": 1}))
	e.fails(store.ErrNotFound, 0, &store.SetQuota{Account: 4711})

	for range 2 { // the second time after reopening
		a, other = e.account("ann"), e.account("bob")
		e.wantUsage(a, 3, 400, limits)
		e.wantUsage(other, 3, 400, mailbox.Quota{imap.QuotaMessage: 2})
		b = e.box(a, "INBOX")
		e.fails(store.ErrOverQuota, 0, appended(1))
		e.reopen()
	}
	a = e.account("ann")
	e.one(&store.Delete{Account: a.ID(), Name: "new"})
	e.one(&store.Delete{Account: a.ID(), Name: "dst"})
	b = e.box(a, "INBOX")
	e.one(&store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDRange(1, 0), Undeleted: true})
	e.fails(store.ErrOverQuota, 0, appended(1))
	e.one(setQuota(a, nil))
	e.one(appended(1000))
	e.wantUsage(a, 1, 1000, nil)
}

// testQuotaRace adds to an account in many mailboxes at the same time: together no more than may be.
func testQuotaRace(e *env) {
	const many, limit = 64, 23
	a := e.account("ann")
	var boxes []store.Mailbox
	for i := range 4 {
		boxes = append(boxes, e.box(a, fmt.Sprint("box", i)))
	}
	e.one(setQuota(a, mailbox.Quota{imap.QuotaMessage: limit}))
	msgs := make([]store.NewMessage, many)
	for i := range msgs {
		msgs[i] = e.message(boxes[0], text())
	}
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range msgs {
		wg.Go(func() {
			_, errs[i] = e.store.Commit(e.ctx, store.System, &store.Append{Mailbox: boxes[i%len(boxes)].Ref(), Messages: msgs[i : i+1]})
		})
	}
	wg.Wait()
	added := 0
	for _, err := range errs {
		switch {
		case err == nil:
			added++
		case !errors.Is(err, store.ErrOverQuota):
			e.Error(err)
		}
	}
	usage, _, err := a.Usage(e.ctx)
	e.must(err)
	if added != limit || usage[imap.QuotaMessage] != limit {
		e.Errorf("%d messages were added, and there are %d; want %d", added, usage[imap.QuotaMessage], limit)
	}
}
