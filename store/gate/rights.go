package gate

import (
	"context"

	"restante/store"
)

// Rights is a set of rights on a mailbox (RFC 4314 §2.1).
type Rights uint16

const (
	Lookup         Rights = 1 << iota // l: the mailbox can be seen
	Read                              // r: it can be opened, its messages read
	KeepSeen                          // s: \Seen can be changed
	Write                             // w: flags but \Seen and \Deleted can be changed
	Insert                            // i: messages can be appended and copied into it
	Post                              // p: mail can be sent to it
	CreateMailbox                     // k: mailboxes can be made below it
	DeleteMailbox                     // x: it can be deleted and renamed
	DeleteMessages                    // t: \Deleted can be changed
	Expunge                           // e: messages can be removed
	Administer                        // a: rights can be changed

	All = 1<<iota - 1
)

// Has reports whether all of the rights in want are there.
func (r Rights) Has(want Rights) bool { return r&want == want }

// Policy says who may do what.
type Policy interface {
	// Rights returns the rights of an actor on a mailbox, none when there is no such mailbox.
	Rights(ctx context.Context, actor store.Actor, ref store.Ref) (Rights, error)
	// NameRights returns the rights of an actor on the mailbox of that name; when there is none,
	// those that it would have by the one above it, or by the account.
	NameRights(ctx context.Context, actor store.Actor, account store.AccountID, name string) (Rights, error)
}

// Owners is the policy by which everybody has all rights on their own mail, and none on other
// people's.
var Owners Policy = owners{}

type owners struct{}

func (owners) Rights(_ context.Context, actor store.Actor, ref store.Ref) (Rights, error) {
	if id, ok := actor.Account(); ok && id == ref.Account || actor.IsSystem() {
		return All, nil
	}
	return 0, nil
}

func (o owners) NameRights(ctx context.Context, actor store.Actor, account store.AccountID, _ string) (Rights, error) {
	return o.Rights(ctx, actor, store.Ref{Account: account})
}
