package mailbox

import (
	"errors"
	"maps"
	"slices"

	"restante/imap"
)

// ErrBadQuota says that a limit is negative, or of a resource that is not counted.
var ErrBadQuota = errors.New("mailbox: not a limit that an account can have")

// Quota has the limits of an account (RFC 9208 §3.1.2): of STORAGE and ANNOTATION-STORAGE in octets, of
// others in number. A resource that is not in it has no limit.
type Quota map[imap.QuotaResource]int64

// Usage is how much of each resource an account uses, in the same units.
type Usage map[imap.QuotaResource]int64

// Quota returns the limits of the account, which must not be changed.
func (n *Namespace) Quota() Quota { return n.quota }

// SetQuota returns the namespace with other limits, whatever they were and is used; n itself when they
// are so already. It fails with ErrBadQuota.
func (n *Namespace) SetQuota(q Quota) (*Namespace, error) {
	for resource, limit := range q {
		if limit < 0 || !slices.Contains(imap.QuotaResources, resource) {
			return n, ErrBadQuota
		}
	}
	if maps.Equal(n.quota, q) {
		return n, nil
	}
	return n.WithQuota(q), nil
}

// WithQuota returns the namespace with limits as they were stored.
func (n *Namespace) WithQuota(q Quota) *Namespace {
	next := *n
	next.quota = maps.Clone(q)
	return &next
}

// Usage returns what an account uses that has these names, and so many messages and octets in them.
func (n *Namespace) Usage(messages, octets int64) Usage {
	return Usage{
		imap.QuotaStorage:           octets,
		imap.QuotaMessage:           messages,
		imap.QuotaMailbox:           int64(n.Len()),
		imap.QuotaAnnotationStorage: int64(n.metadataOctets),
	}
}

// Exceeded returns a resource of which a change uses more than the limit and than before: what does
// not add to it may always be done.
func (q Quota) Exceeded(before, after Usage) (imap.QuotaResource, bool) {
	for _, resource := range imap.QuotaResources {
		if limit, ok := q[resource]; ok && after[resource] > limit && after[resource] > before[resource] {
			return resource, true
		}
	}
	return "", false
}
