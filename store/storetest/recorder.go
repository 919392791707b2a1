package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"restante/imap"
	"restante/store"
)

// Recorder notes what the commits of any number of stores were given that have the same mail, such as
// those of several machines.
type Recorder struct {
	mu struct {
		sync.Mutex
		given   map[store.Ref][]given
		highest map[store.Ref]imap.ModSeq // that a commit has returned with
		errs    []error
	}
}

// given is what one operation got.
type given struct {
	modseq imap.ModSeq
	uids   []imap.UID
}

// NewRecorder returns a recorder that has noted nothing.
func NewRecorder() *Recorder {
	r := &Recorder{}
	r.mu.given, r.mu.highest = map[store.Ref][]given{}, map[store.Ref]imap.ModSeq{}
	return r
}

// Record returns a store whose commits are noted.
func (r *Recorder) Record(s store.Store) store.Store { return &recorded{s, r} }

// recorded is a store made by Record.
type recorded struct {
	store.Store
	recorder *Recorder
}

var _ store.Decorator = (*recorded)(nil)

// Unwrap implements store.Decorator.
func (s *recorded) Unwrap() store.Mail { return s.Store }

// Commit implements store.Mail.
func (s *recorded) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	refs := make([]store.Ref, len(ops))
	for i, op := range ops {
		refs[i] = mailboxOf(op)
	}
	before := s.recorder.before(refs)
	out, err := s.Store.Commit(ctx, actor, ops...)
	if err == nil {
		s.recorder.note(refs, before, out)
	}
	return out, err
}

// mailboxOf returns the mailbox whose mod-sequence the outcome of an operation has.
func mailboxOf(op store.Op) store.Ref {
	switch op := op.(type) {
	case *store.Append:
		return op.Mailbox
	case *store.StoreFlags:
		return op.Mailbox
	case *store.Expunge:
		return op.Mailbox
	case *store.Copy:
		return op.To
	}
	return store.Ref{}
}

func (r *Recorder) before(refs []store.Ref) []imap.ModSeq {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]imap.ModSeq, len(refs))
	for i, ref := range refs {
		out[i] = r.mu.highest[ref]
	}
	return out
}

func (r *Recorder) note(refs []store.Ref, before []imap.ModSeq, out []store.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, o := range out {
		if o.ModSeq == 0 {
			continue
		}
		ref := refs[i]
		if o.ModSeq <= before[i] {
			r.mu.errs = append(r.mu.errs, fmt.Errorf("mailbox %v: a change got mod-sequence %d after %d", ref, o.ModSeq, before[i]))
		}
		r.mu.highest[ref] = max(r.mu.highest[ref], o.ModSeq)
		r.mu.given[ref] = append(r.mu.given[ref], given{o.ModSeq, slices.Clone(o.UIDs)})
	}
}

// Check returns an error unless mod-sequences were given once each and never went back, and UIDs were
// given once each and ascend in the order of the commits, which mod-sequences tell.
func (r *Recorder) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	errs := slices.Clone(r.mu.errs)
	for ref, all := range r.mu.given {
		slices.SortStableFunc(all, func(a, b given) int { return int(int64(a.modseq) - int64(b.modseq)) })
		var last imap.UID
		for i, g := range all {
			if i > 0 && g.modseq == all[i-1].modseq {
				errs = append(errs, fmt.Errorf("mailbox %v: mod-sequence %d was given twice", ref, g.modseq))
			}
			for _, uid := range g.uids {
				if uid <= last {
					errs = append(errs, fmt.Errorf("mailbox %v: UID %d was given after %d", ref, uid, last))
				}
				last = uid
			}
		}
	}
	return errors.Join(errs...)
}
