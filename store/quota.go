package store

import (
	"fmt"
	"maps"
	"slices"

	"restante/imap"
	"restante/mailbox"
)

// Quota is what a driver notes of an account before it makes a commit that can add to it. When all
// operations are made, and nobody sees them yet, Check tells whether they may be.
type Quota struct {
	Account AccountID
	Limits  mailbox.Quota
	Before  mailbox.Usage
}

// AddedTo returns the accounts that can use more of a resource after the operations.
func AddedTo(ops []Op) (accounts []AccountID) {
	for _, op := range ops {
		if id, _, resources := adds(op); len(resources) > 0 && !slices.Contains(accounts, id) {
			accounts = append(accounts, id)
		}
	}
	return accounts
}

// MayExceed reports whether the operations might take the account beyond a limit, as far as that can be
// known before they are made.
func (q *Quota) MayExceed(ops []Op) bool {
	after := maps.Clone(q.Before)
	for _, op := range ops {
		id, _, resources := adds(op)
		if id != q.Account || len(resources) == 0 {
			continue
		}
		a, ok := op.(*Append)
		if !ok {
			return true
		}
		for i := range a.Messages {
			if a.Messages[i].Body == nil {
				return true
			}
			after[imap.QuotaMessage]++
			after[imap.QuotaStorage] += a.Messages[i].Body.Size()
		}
	}
	_, is := q.Limits.Exceeded(q.Before, after)
	return is
}

// Check returns an error with ErrOverQuota when the account would use more of a resource than its limit
// and than before; the last operation that adds to it is to blame. All operations count together: one
// message that takes the place of another adds the difference.
func (q *Quota) Check(ops []Op, after mailbox.Usage) error {
	resource, is := q.Limits.Exceeded(q.Before, after)
	if !is {
		return nil
	}
	for i, op := range slices.Backward(ops) {
		if id, ref, resources := adds(op); id == q.Account && slices.Contains(resources, resource) {
			return &OpError{Index: i, Ref: ref, Err: fmt.Errorf("%w: %s", ErrOverQuota, resource)}
		}
	}
	return nil
}

var (
	messageResources  = []imap.QuotaResource{imap.QuotaStorage, imap.QuotaMessage}
	mailboxResources  = []imap.QuotaResource{imap.QuotaMailbox}
	metadataResources = []imap.QuotaResource{imap.QuotaAnnotationStorage}
)

// adds returns of which resources an account can use more after an operation, and the mailbox, if it is
// about one.
func adds(op Op) (id AccountID, ref Ref, resources []imap.QuotaResource) {
	switch op := op.(type) {
	case *Append:
		return op.Mailbox.Account, op.Mailbox, messageResources
	case *Copy:
		if op.Move && op.From.Account == op.To.Account {
			return 0, Ref{}, nil
		}
		return op.To.Account, op.To, messageResources
	case *Create:
		return op.Account, Ref{}, mailboxResources
	case *SetMetadata:
		return op.Mailbox.Account, op.Mailbox, metadataResources
	}
	return 0, Ref{}, nil
}
