// Package gate decides rights, in one place below the protocol. Sessions are given a Gate and no
// store, so a check cannot be forgotten: what is not allowed by name here is refused.
//
// # Invariants
//
//   - Every call is judged by its Actor before the store hears of it.
//   - Whoever may not look a mailbox up (l) gets the error of one that does not exist.
//   - An operation or optional part that this package does not know is refused, not passed on.
package gate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Gate is a store.Mail in front of another. There is no way through it to the one behind.
type Gate struct {
	mail   store.Mail
	policy Policy

	ownQuota bool // whoever has the rights on an account may set its limits
}

var (
	_ store.Mail       = (*Gate)(nil)
	_ store.PartWarden = (*Gate)(nil)
)

// New returns a gate in front of a store.
func New(mail store.Mail, policy Policy) *Gate { return &Gate{mail: mail, policy: policy} }

// AllowSetQuota has whoever administers an account set its limits, which otherwise the server alone may
// (RFC 9208 §6). It must be called before the gate is used.
func (g *Gate) AllowSetQuota() { g.ownQuota = true }

// AllowsSetQuota reports whether AllowSetQuota was called.
func (g *Gate) AllowsSetQuota() bool { return g.ownQuota }

// judge turns rights that are there, and those that are needed, into an error. Of an actor who may only
// look nothing else counts.
func judge(actor store.Actor, have, need Rights) error {
	if actor.IsReadOnly() {
		have &= Lookup | Read
	}
	switch {
	case have.Has(need):
		return nil
	case have.Has(Lookup):
		return fmt.Errorf("gate: %w", store.ErrForbidden)
	}
	return fmt.Errorf("gate: %w", store.ErrNotFound)
}

// check judges a call about a mailbox.
func (g *Gate) check(ctx context.Context, actor store.Actor, ref store.Ref, need Rights) error {
	have, err := g.policy.Rights(ctx, actor, ref)
	if err != nil {
		return err
	}
	return judge(actor, have, need)
}

// checkName judges a call about a name.
func (g *Gate) checkName(ctx context.Context, actor store.Actor, account store.AccountID, name string, need Rights) error {
	have, err := g.policy.NameRights(ctx, actor, account, name)
	if err != nil {
		return err
	}
	return judge(actor, have, need)
}

// Account implements store.Mail. It takes the right to look up the account's own names.
func (g *Gate) Account(ctx context.Context, actor store.Actor, id store.AccountID) (store.Account, error) {
	if err := g.checkName(ctx, actor, id, "", Lookup); err != nil {
		return nil, err
	}
	return g.mail.Account(ctx, actor, id)
}

// Open implements store.Mail. It takes the right to read.
func (g *Gate) Open(ctx context.Context, actor store.Actor, ref store.Ref) (store.Mailbox, error) {
	if err := g.check(ctx, actor, ref, Read); err != nil {
		return nil, err
	}
	return g.mail.Open(ctx, actor, ref)
}

// Status implements store.Mail. It takes the right to read.
func (g *Gate) Status(ctx context.Context, actor store.Actor, ref store.Ref) (mailbox.Counts, error) {
	if err := g.check(ctx, actor, ref, Read); err != nil {
		return mailbox.Counts{}, err
	}
	return g.mail.Status(ctx, actor, ref)
}

// Stage implements store.Mail. Anybody may make a body ready who may change anything: it becomes a message only by an
// operation, which is judged.
func (g *Gate) Stage(ctx context.Context, actor store.Actor, account store.AccountID, body io.Reader) (store.Staged, error) {
	if _, ok := actor.Account(); !ok && !actor.IsSystem() || actor.IsReadOnly() {
		return nil, fmt.Errorf("gate: %w", store.ErrForbidden)
	}
	return g.mail.Stage(ctx, actor, account, body)
}

// Commit implements store.Mail. One operation that is not allowed forbids them all.
func (g *Gate) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	created := map[store.Ref]bool{} // by this commit: its maker may do everything with it
	check := func(ref store.Ref, need Rights) error {
		if created[ref] {
			return nil
		}
		return g.check(ctx, actor, ref, need)
	}
	for i, op := range ops {
		var ref store.Ref
		var err error
		switch op := op.(type) {
		case *store.Append:
			ref = op.Mailbox
			err = check(ref, Insert|flagRights(newFlags(op)))
		case *store.StoreFlags:
			ref = op.Mailbox
			need := flagRights(op.Flags)
			if op.Op == imap.StoreSet {
				need = KeepSeen | Write | DeleteMessages // it takes all flags away
			}
			err = check(ref, Read|need)
		case *store.Expunge:
			ref = op.Mailbox
			err = check(ref, Read|Expunge)
		case *store.Copy:
			ref = op.From
			need := Read
			if op.Move {
				need |= DeleteMessages | Expunge
			}
			if err = check(ref, need); err == nil {
				ref = op.To
				err = check(ref, Insert)
			}
		case *store.Create:
			err = g.checkName(ctx, actor, op.Account, op.Name, CreateMailbox)
			created[store.Ref{Account: op.Account, Mailbox: op.ID}] = err == nil && op.ID != 0
		case *store.Delete:
			err = g.checkName(ctx, actor, op.Account, op.Name, DeleteMailbox)
		case *store.Rename:
			if err = g.checkName(ctx, actor, op.Account, op.From, DeleteMailbox); err == nil {
				err = g.checkName(ctx, actor, op.Account, op.To, CreateMailbox)
			}
		case *store.Subscribe:
			err = g.checkName(ctx, actor, op.Account, "", Administer) // the account's own list
		case *store.SetMetadata:
			if op.Mailbox.Mailbox == 0 {
				err = g.checkName(ctx, actor, op.Mailbox.Account, "", Administer) // the account's own entries
			} else {
				ref = op.Mailbox
				err = check(ref, metadataRights(op))
			}
		case *store.SetQuota:
			if err = g.checkName(ctx, actor, op.Account, "", Administer); err == nil && !actor.IsSystem() && !g.ownQuota {
				err = fmt.Errorf("gate: %w", store.ErrForbidden)
			}
		default:
			err = fmt.Errorf("gate: %T: %w", op, store.ErrForbidden)
		}
		if err != nil {
			return nil, &store.OpError{Index: i, Ref: ref, Err: err}
		}
	}
	return g.mail.Commit(ctx, actor, ops...)
}

// metadataRights returns the rights that changing entries of a mailbox takes: what others see is changed
// by whoever may change the flags that they see (RFC 5464 §3.3).
func metadataRights(op *store.SetMetadata) Rights {
	shared := func(name string) bool { return !strings.HasPrefix(name, "/private/") }
	if slices.ContainsFunc(op.Remove, shared) || slices.ContainsFunc(op.Set, func(m mailbox.Metadata) bool { return shared(m.Name) }) {
		return Read | Write
	}
	return Read
}

func newFlags(op *store.Append) (flags []imap.Flag) {
	for i := range op.Messages {
		flags = append(flags, op.Messages[i].Flags...)
	}
	return flags
}

// flagRights returns the rights that changing flags takes (RFC 4314 §4).
func flagRights(flags []imap.Flag) (need Rights) {
	for _, f := range flags {
		switch {
		case f.Equal(imap.Seen):
			need |= KeepSeen
		case f.Equal(imap.Deleted):
			need |= DeleteMessages
		case !f.Equal(imap.Recent):
			need |= Write
		}
	}
	return need
}

// Part implements store.PartWarden.
func (g *Gate) Part(kind any) any {
	if _, ok := kind.(*store.Recent); ok {
		if inner, ok := store.Find[store.Recent](g.mail); ok {
			return recent{g, inner}
		}
	}
	return nil
}

// recent is the gate in front of store.Recent.
type recent struct {
	gate  *Gate
	inner store.Recent
}

// ClaimRecent implements store.Recent. Whoever may read may be the one who is told.
func (r recent) ClaimRecent(ctx context.Context, actor store.Actor, ref store.Ref, below imap.UID) (imap.UID, error) {
	if err := r.gate.check(ctx, actor, ref, Read); err != nil {
		return 0, err
	}
	return r.inner.ClaimRecent(ctx, actor, ref, below)
}

// RecentFrom implements store.Recent.
func (r recent) RecentFrom(ctx context.Context, actor store.Actor, ref store.Ref) (imap.UID, error) {
	if err := r.gate.check(ctx, actor, ref, Read); err != nil {
		return 0, err
	}
	return r.inner.RecentFrom(ctx, actor, ref)
}
