package storetest_test

import (
	"context"
	"testing"

	"restante/imap"
	"restante/store"
	"restante/store/memstore"
	"restante/store/storetest"
)

// given is a store whose next outcomes are those.
type given struct {
	store.Store
	next []store.Outcome
}

func (s *given) Commit(_ context.Context, _ store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	out := s.next[:len(ops)]
	s.next = s.next[len(ops):]
	return out, nil
}

// What is wrong is noticed, also when it is given out by two stores.
func TestRecorder(t *testing.T) {
	out := func(modseq imap.ModSeq, uids ...imap.UID) store.Outcome {
		return store.Outcome{ModSeq: modseq, UIDs: uids}
	}
	for what, c := range map[string]struct {
		here, there []store.Outcome
		ok          bool
	}{
		"all is well":           {[]store.Outcome{out(2, 1), out(4, 3, 4)}, []store.Outcome{out(3, 2), out(5)}, true},
		"a UID twice":           {[]store.Outcome{out(2, 1), out(4, 2)}, []store.Outcome{out(3, 2), out(5)}, false},
		"a UID twice in one":    {[]store.Outcome{out(2, 1), out(4, 3, 3)}, []store.Outcome{out(3, 2), out(5)}, false},
		"a UID that goes back":  {[]store.Outcome{out(2, 2), out(4, 3)}, []store.Outcome{out(3, 1), out(5)}, false},
		"a mod-sequence twice":  {[]store.Outcome{out(2, 1), out(4)}, []store.Outcome{out(3, 2), out(4)}, false},
		"one that goes back":    {[]store.Outcome{out(3, 1), out(4)}, []store.Outcome{out(2), out(5)}, false},
		"nothing was changed":   {[]store.Outcome{out(2, 1), out(0)}, []store.Outcome{out(0), out(0)}, true},
		"flags that stay alike": {[]store.Outcome{out(2, 1), out(0)}, []store.Outcome{out(3), out(0)}, true},
	} {
		r := storetest.NewRecorder()
		ref := store.Ref{Account: 1, Mailbox: 2}
		here, there := r.Record(&given{memstore.New(), c.here}), r.Record(&given{memstore.New(), c.there})
		for range 2 {
			commit(t, here, &store.Append{Mailbox: ref})
			commit(t, there, &store.Copy{From: store.Ref{Account: 1, Mailbox: 3}, To: ref})
		}
		if err := r.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}
