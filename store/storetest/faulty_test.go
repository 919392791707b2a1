package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// faulty is a store with a fault.
type faulty struct {
	store.Store
	fault  string
	mu     sync.Mutex
	opened imap.ModSeq // how far the first mailbox was when the store was opened
}

func (s *faulty) Unwrap() store.Mail { return s.Store }

func (s *faulty) User(ctx context.Context, name string) (store.User, error) {
	if s.fault == "context ignored" {
		ctx = context.Background()
	}
	return s.Store.User(ctx, name)
}

func (s *faulty) DeleteUser(ctx context.Context, name string) error {
	if s.fault == "user stays" {
		return nil
	}
	return s.Store.DeleteUser(ctx, name)
}

// Recent is of the faulty store: Unwrap would find the inner one's.
func (s *faulty) ClaimRecent(ctx context.Context, actor store.Actor, ref store.Ref, below imap.UID) (imap.UID, error) {
	from, err := s.Store.(store.Recent).ClaimRecent(ctx, actor, ref, below)
	if s.fault == "recent twice" {
		return min(from, 1), err
	}
	return from, err
}

func (s *faulty) RecentFrom(ctx context.Context, actor store.Actor, ref store.Ref) (imap.UID, error) {
	return s.Store.(store.Recent).RecentFrom(ctx, actor, ref)
}

// faultyStaged is a body that a fault needs to know.
type faultyStaged struct {
	store.Staged
	body []byte
}

func (b *faultyStaged) Discard() {}

func (s *faulty) Stage(ctx context.Context, actor store.Actor, id store.AccountID, body io.Reader) (store.Staged, error) {
	switch s.fault {
	case "stage loses the reader's error":
		in := body
		body = reader(func(p []byte) (int, error) {
			n, err := in.Read(p)
			if err != nil {
				err = io.EOF
			}
			return n, err
		})
	case "stage cuts off what is too big":
		body = io.LimitReader(body, diaryMaxMessage)
	case "stage locks while it reads":
		s.mu.Lock()
		defer s.mu.Unlock()
	case "discard does nothing":
		staged, err := s.Store.Stage(ctx, actor, id, body)
		if err != nil {
			return nil, err
		}
		return &faultyStaged{Staged: staged}, nil
	case "a body for two commits":
		var octets bytes.Buffer
		staged, err := s.Store.Stage(ctx, actor, id, io.TeeReader(body, &octets))
		if err != nil {
			return nil, err
		}
		return &faultyStaged{staged, octets.Bytes()}, nil
	}
	return s.Store.Stage(ctx, actor, id, body)
}

func (s *faulty) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	if s.fault == "stage locks while it reads" {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	faultyOps := make([]store.Op, len(ops))
	for i, op := range ops {
		faultyOps[i] = s.op(ctx, ops, i, op)
	}
	commit := s.Store.Commit
	switch s.fault {
	case "commit is not atomic", "operations one at a time", "messages one at a time":
		commit = s.oneByOne
	case "commit rings before it is known":
		s.ringAll(ctx, ops)
	}
	out, err := commit(ctx, actor, faultyOps...)
	var op *store.OpError
	if errors.As(err, &op) {
		switch s.fault {
		case "commit blames the first operation":
			op.Index = 0
		case "commit blames nobody":
			op.Ref = store.Ref{}
		}
		return out, err
	}
	for i := range out {
		s.outcome(ctx, ops[i], &out[i])
	}
	return out, err
}

// oneByOne makes operations, or even messages, one by one. In the writer of a crash test the
// process ends between two of which both certainly change something.
func (s *faulty) oneByOne(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	type piece struct {
		store.Op
		of int // ops
	}
	var pieces []piece
	for i, op := range ops {
		a, ok := op.(*store.Append)
		if !ok || s.fault != "messages one at a time" || len(a.Messages) == 0 {
			pieces = append(pieces, piece{op, i})
			continue
		}
		for j := range a.Messages {
			pieces = append(pieces, piece{&store.Append{Mailbox: a.Mailbox, Messages: a.Messages[j : j+1]}, i})
		}
	}
	all := make([]store.Outcome, len(ops))
	for k, p := range pieces {
		out, err := s.Store.Commit(ctx, actor, p.Op)
		if err != nil {
			var at *store.OpError
			if errors.As(err, &at) {
				at.Index = p.of
			}
			return nil, err
		}
		uids := append(all[p.of].UIDs, out[0].UIDs...)
		all[p.of] = out[0]
		all[p.of].UIDs = uids
		if os.Getenv(childEnv) != "" && k+1 < len(pieces) && isAppend(p.Op) && isAppend(pieces[k+1].Op) &&
			(s.fault == "operations one at a time" || pieces[k+1].of == p.of) {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	return all, nil
}

func isAppend(op store.Op) bool {
	a, ok := op.(*store.Append)
	return ok && len(a.Messages) > 0
}

// ringAll rings the bells of the mailboxes that operations are about, by what leaves them as they
// are.
func (s *faulty) ringAll(ctx context.Context, ops []store.Op) {
	for _, op := range ops {
		if op, ok := op.(*store.Append); ok {
			s.rung(ctx, op.Mailbox)
		}
	}
}

// rung changes a flag of a mailbox and changes it back.
func (s *faulty) rung(ctx context.Context, ref store.Ref) {
	for _, op := range []imap.StoreOp{imap.StoreAdd, imap.StoreRemove} {
		s.Store.Commit(ctx, store.System, &store.StoreFlags{Mailbox: ref, UIDs: imap.UIDs(0), Op: op, Flags: []imap.Flag{imap.Draft}})
	}
}

// op returns the operation that the faulty store makes of one.
func (s *faulty) op(ctx context.Context, ops []store.Op, i int, op store.Op) store.Op {
	switch op := op.(type) {
	case *store.Append:
		c := *op
		c.Messages = slices.Clone(op.Messages)
		for j := range c.Messages {
			s.message(ctx, ops[:i], &c, j)
		}
		return &c
	case *store.StoreFlags:
		c := *op
		switch s.fault {
		case "store touches what stays the same":
			s.rung(ctx, op.Mailbox)
		case "MustExist ignored":
			c.MustExist = false
		case "UNCHANGEDSINCE ignored":
			c.UnchangedSince = nil
		case "UNCHANGEDSINCE 0 ignored":
			if c.UnchangedSince != nil && *c.UnchangedSince == 0 {
				c.UnchangedSince = nil
			}
		case "UNCHANGEDSINCE of before the commit":
			if i > 0 {
				c.UnchangedSince = nil
			}
		case "store learns keywords for no message":
			if c.UnchangedSince != nil && c.Op != imap.StoreRemove { // by a message that comes and goes
				body, _ := s.Store.Stage(ctx, store.System, op.Mailbox.Account, strings.NewReader(""))
				if out, err := s.Store.Commit(ctx, store.System, &store.Append{Mailbox: op.Mailbox, Messages: []store.NewMessage{{Body: body, Flags: c.Flags}}}); err == nil {
					s.Store.Commit(ctx, store.System, &store.Expunge{Mailbox: op.Mailbox, UIDs: imap.UIDs(out[0].UIDs...), Undeleted: true})
				}
			}
		}
		return &c
	case *store.SetQuota:
		c := *op
		if s.fault == "no quota" {
			c.Quota = nil
		}
		return &c
	case *store.SetMetadata:
		c := *op
		switch s.fault {
		case "metadata stays":
			c.Remove = nil
		case "one metadata entry at a time":
			c.Set = c.Set[:min(1, len(c.Set))]
		}
		return &c
	case *store.Expunge:
		c := *op
		switch s.fault {
		case "expunge without \\Deleted":
			c.Undeleted = true
		case "expunge undeleted ignored":
			c.Undeleted = false
		case "MustExist ignored":
			c.MustExist = false
		}
		return &c
	case *store.Copy:
		c := *op
		switch s.fault {
		case "move keeps the source":
			c.Move = false
		case "MustExist ignored":
			c.MustExist = false
		}
		return &c
	case *store.Create:
		c := *op
		if s.fault == "created ID ignored" {
			c.ID = 0
		}
		return &c
	}
	return op
}

// message makes message j of op faulty. before are the operations before it.
func (s *faulty) message(ctx context.Context, before []store.Op, op *store.Append, j int) {
	m := &op.Messages[j]
	switch s.fault {
	case "append loses \\Flagged":
		m.Flags = slices.DeleteFunc(slices.Clone(m.Flags), func(f imap.Flag) bool { return f.Equal(imap.Flagged) })
	case "append loses the saved date":
		m.Saved = m.Saved.AddDate(0, 0, 1)
	case "append loses far keywords":
		m.Flags = m.Flags[:min(len(m.Flags), 59)]
	case "append makes an email ID":
		m.EmailID = 0
	case "append loses a shared body":
		shared := false
		for k := range j {
			shared = shared || op.Messages[k].Body == m.Body
		}
		for _, b := range before {
			b, ok := b.(*store.Append)
			shared = shared || ok && slices.ContainsFunc(b.Messages, func(o store.NewMessage) bool { return o.Body == m.Body })
		}
		if shared && m.Body.Size() > 0 {
			m.Body, _ = s.Store.Stage(ctx, store.System, op.Mailbox.Account, strings.NewReader(strings.Repeat("?", int(m.Body.Size()))))
		}
	}
	if b, ok := m.Body.(*faultyStaged); ok {
		if m.Body = b.Staged; s.fault == "a body for two commits" {
			m.Body, _ = s.Store.Stage(ctx, store.System, op.Mailbox.Account, bytes.NewReader(b.body))
		}
	}
}

// outcome makes an outcome faulty.
func (s *faulty) outcome(ctx context.Context, op store.Op, out *store.Outcome) {
	switch op := op.(type) {
	case *store.Append:
		if s.fault == "append gives one UID twice" && len(out.UIDs) > 1 {
			out.UIDs[1] = out.UIDs[0]
		}
	case *store.StoreFlags:
		switch s.fault {
		case "store is done to messages that are not there":
			if !op.UIDs.Dynamic() {
				out.Done = op.UIDs.Clone()
			}
		case "modified is empty":
			out.Modified = imap.UIDSet{}
		case "modified is everything":
			if op.UnchangedSince != nil {
				out.Modified = out.Modified.Union(out.Done)
			}
		}
	case *store.Copy:
		if s.fault == "copy loses flags" {
			s.Store.Commit(ctx, store.System, &store.StoreFlags{Mailbox: op.To, UIDs: imap.UIDs(out.UIDs...), Op: imap.StoreSet})
		}
	}
}

func (s *faulty) Account(ctx context.Context, actor store.Actor, id store.AccountID) (store.Account, error) {
	a, err := s.Store.Account(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	return &faultyAccount{a, s}, nil
}

type faultyAccount struct {
	store.Account
	s *faulty
}

func (a *faultyAccount) Bell() <-chan struct{} {
	if a.s.fault == "no bell of the account" {
		return nil
	}
	return a.Account.Bell()
}

func (a *faultyAccount) Changed(since uint64) ([]mailbox.ID, uint64, bool) {
	ids, now, all := a.Account.Changed(since)
	switch a.s.fault {
	case "changed forgets a mailbox":
		if len(ids) > 0 {
			ids = ids[1:]
		}
	case "changed knows everything":
		all = true
	}
	return ids, now, all
}

func (s *faulty) Open(ctx context.Context, actor store.Actor, ref store.Ref) (store.Mailbox, error) {
	b, err := s.Store.Open(ctx, actor, ref)
	if err != nil {
		return nil, err
	}
	return &faultyMailbox{b, s, b.Version()}, nil
}
