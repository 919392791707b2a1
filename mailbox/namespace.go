package mailbox

import (
	"errors"
	"iter"
	"strings"

	"github.com/tidwall/btree"

	"restante/imap"
)

// Limits of an account, in number and in octets, so that one account cannot fill the server's
// memory. A namespace that was stored with more is loaded as it is; it can only shrink.
const (
	MaxMailboxes        = 100_000
	MaxSubscriptions    = 100_000
	MaxMailboxOctets    = 16 << 20 // of the names of all mailboxes together
	MaxSubscribedOctets = 16 << 20 // of all subscribed names together
)

// What namespace changes can fail with.
var (
	ErrNotFound    = errors.New("mailbox: no such mailbox")
	ErrExists      = errors.New("mailbox: exists already")
	ErrBadName     = errors.New("mailbox: name not allowed")
	ErrHasChildren = errors.New("mailbox: has inferior names but is not itself a mailbox")
	ErrInbox       = errors.New("mailbox: not possible with INBOX")
	ErrUseTaken    = errors.New("mailbox: another mailbox has this special use")
	ErrTooMany     = errors.New("mailbox: the account has too many mailboxes or subscriptions")
)

// ID identifies a mailbox within its account, for ever; a rename does not change it.
type ID uint64

// Entry is one mailbox of an account.
type Entry struct {
	Name        string
	ID          ID
	UIDValidity uint32
	Use         []imap.MailboxAttr // special uses, RFC 6154
}

// Namespace is the immutable set of an account's mailbox names, subscriptions, metadata and limits. Levels
// that exist only as a prefix of other names are not stored. Namespaces share structure: a change costs
// O(log n) for each mailbox that it changes. Any number of goroutines may read one without locks
// while the next one is made of it, by one writer at a time as with a Version (a tree notes that it
// was copied).
type Namespace struct {
	entries    *btree.BTreeG[namedEntry]         // by compareNames
	ids        *btree.Map[ID, *Entry]            // the same entries
	uses       *btree.Map[imap.MailboxAttr, int] // how many mailboxes have a special use
	subscribed *btree.BTreeG[string]             // by compareNames; the names need not exist (RFC 9051 §6.3.7)
	metadata   *metadataTree
	quota      Quota

	entryOctets, subscribedOctets int // of the names
	metadataOctets                int // of names and values
}

// namedEntry is an entry beside its name, so that a name alone can be looked for. Entries never
// change: namespaces share them.
type namedEntry struct {
	name  string
	entry *Entry
}

// NewNamespace returns a namespace as it was stored, in any order. No name and no ID is twice
// among the entries.
func NewNamespace(entries []Entry, subscribed []string) *Namespace {
	// A tree is not changed once its namespace is made: a change is made to a copy, which copies what
	// it touches. So nobody needs a lock.
	options := btree.Options{NoLocks: true}
	n := &Namespace{
		entries:    btree.NewBTreeGOptions(func(a, b namedEntry) bool { return compareNames(a.name, b.name) < 0 }, options),
		ids:        &btree.Map[ID, *Entry]{},
		uses:       &btree.Map[imap.MailboxAttr, int]{},
		subscribed: btree.NewBTreeGOptions(func(a, b string) bool { return compareNames(a, b) < 0 }, options),
		metadata:   &metadataTree{},
	}
	for _, e := range entries {
		n.add(e)
	}
	for _, name := range subscribed {
		if _, twice := n.subscribed.Set(name); !twice {
			n.subscribedOctets += len(name)
		}
	}
	return n
}

// Lookup returns the mailbox of that name.
func (n *Namespace) Lookup(name string) (Entry, bool) {
	if e, ok := n.find(imap.CanonicalName(name)); ok {
		return *e, true
	}
	return Entry{}, false
}

// find is Lookup for a canonical name.
func (n *Namespace) find(name string) (*Entry, bool) {
	found, ok := n.entries.Get(namedEntry{name: name})
	return found.entry, ok
}

// ByID returns the mailbox with that ID.
func (n *Namespace) ByID(id ID) (Entry, bool) {
	if e, ok := n.ids.Get(id); ok {
		return *e, true
	}
	return Entry{}, false
}

// Len returns the number of mailboxes.
func (n *Namespace) Len() int { return n.entries.Len() }

// All yields the mailboxes, INBOX first, every name before its inferiors.
func (n *Namespace) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		n.entries.Scan(func(e namedEntry) bool { return yield(*e.entry) })
	}
}

// Inferiors yields the mailboxes below a name, which need not be a mailbox, in the order of All.
func (n *Namespace) Inferiors(name string) iter.Seq[Entry] {
	prefix := name + string(Delim)
	return func(yield func(Entry) bool) {
		n.entries.Ascend(namedEntry{name: prefix}, func(e namedEntry) bool {
			return strings.HasPrefix(e.name, prefix) && yield(*e.entry)
		})
	}
}

// HasChildren reports whether a mailbox has inferior names.
func (n *Namespace) HasChildren(name string) bool {
	for range n.Inferiors(name) {
		return true
	}
	return false
}

// Subscribed yields the subscribed names in the order of All, existing or not.
func (n *Namespace) Subscribed() iter.Seq[string] { return n.subscribed.Scan }

// IsSubscribed reports whether the name is subscribed.
func (n *Namespace) IsSubscribed(name string) bool {
	_, ok := n.subscribed.Get(imap.CanonicalName(name))
	return ok
}
