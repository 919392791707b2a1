package mailbox

import (
	"errors"
	"iter"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"restante/imap"
)

// Delim separates the levels of a mailbox name.
const Delim = '/'

// Limits of names, so that every name fits every store.
const (
	MaxNameLen   = 1000 // octets
	MaxNameDepth = 100  // levels
)

// What namespace changes can fail with.
var (
	ErrNotFound    = errors.New("mailbox: no such mailbox")
	ErrExists      = errors.New("mailbox: exists already")
	ErrBadName     = errors.New("mailbox: name not allowed")
	ErrHasChildren = errors.New("mailbox: has inferior names but is not itself a mailbox")
	ErrInbox       = errors.New("mailbox: not possible with INBOX")
	ErrUseTaken    = errors.New("mailbox: another mailbox has this special use")
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

// Namespace is the immutable set of an account's mailbox names and subscriptions. Levels that
// exist only as a prefix of other names are not stored; Implied tells of them.
type Namespace struct {
	entries    []Entry  // sorted by compareNames
	subscribed []string // sorted by compareNames; the names need not exist (RFC 9051 §6.3.7)
}

// compareNames orders names so that the inferiors of a name follow it directly, INBOX first.
func compareNames(a, b string) int {
	if a == imap.Inbox || b == imap.Inbox {
		switch {
		case a == b:
			return 0
		case a == imap.Inbox:
			return -1
		default:
			return 1
		}
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			switch {
			case a[i] == Delim:
				return -1
			case b[i] == Delim:
				return 1
			case a[i] < b[i]:
				return -1
			default:
				return 1
			}
		}
	}
	return len(a) - len(b)
}

// CheckName reports why name cannot be the name of a mailbox: ErrBadName, or nil. A name is
// valid UTF-8 without control characters (RFC 9051 §5.1), and no level of it is empty.
func CheckName(name string) error {
	if name == "" || len(name) > MaxNameLen || !utf8.ValidString(name) || strings.Count(name, string(Delim)) >= MaxNameDepth {
		return ErrBadName
	}
	for level := range strings.SplitSeq(name, string(Delim)) {
		if level == "" {
			return ErrBadName
		}
	}
	for _, r := range name {
		// Line and paragraph separators are excluded by RFC 5198 §2, wildcards for clients' sake.
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '%' || r == '*' {
			return ErrBadName
		}
	}
	return nil
}

// NewNamespace returns a namespace as it was stored, in any order.
func NewNamespace(entries []Entry, subscribed []string) *Namespace {
	n := &Namespace{slices.Clone(entries), slices.Clone(subscribed)}
	slices.SortFunc(n.entries, func(a, b Entry) int { return compareNames(a.Name, b.Name) })
	slices.SortFunc(n.subscribed, compareNames)
	return n
}

func (n *Namespace) find(name string) (int, bool) {
	return slices.BinarySearchFunc(n.entries, name, func(e Entry, name string) int { return compareNames(e.Name, name) })
}

// Lookup returns the mailbox of that name.
func (n *Namespace) Lookup(name string) (Entry, bool) {
	if i, ok := n.find(imap.CanonicalName(name)); ok {
		return n.entries[i], true
	}
	return Entry{}, false
}

// ByID returns the mailbox with that ID.
func (n *Namespace) ByID(id ID) (Entry, bool) {
	for _, e := range n.entries {
		if e.ID == id {
			return e, true
		}
	}
	return Entry{}, false
}

// Len returns the number of mailboxes.
func (n *Namespace) Len() int { return len(n.entries) }

// All yields the mailboxes, INBOX first, every name before its inferiors.
func (n *Namespace) All() iter.Seq[Entry] { return slices.Values(n.entries) }

// Subscribed yields the subscribed names in the same order, existing or not.
func (n *Namespace) Subscribed() iter.Seq[string] { return slices.Values(n.subscribed) }

// IsSubscribed reports whether the name is subscribed.
func (n *Namespace) IsSubscribed(name string) bool {
	_, ok := slices.BinarySearchFunc(n.subscribed, imap.CanonicalName(name), compareNames)
	return ok
}

// HasChildren reports whether a mailbox has inferior names.
func (n *Namespace) HasChildren(name string) bool {
	prefix := name + string(Delim)
	i := sort.Search(len(n.entries), func(i int) bool { return compareNames(n.entries[i].Name, prefix) >= 0 })
	return i < len(n.entries) && strings.HasPrefix(n.entries[i].Name, prefix)
}

// Implied reports whether name is not a mailbox but has inferior names: a \NonExistent level
// (RFC 9051 §7.3.1).
func (n *Namespace) Implied(name string) bool {
	_, ok := n.Lookup(name)
	return !ok && n.HasChildren(name)
}

// Create returns the namespace with a new mailbox.
func (n *Namespace) Create(e Entry) (*Namespace, error) {
	e.Name = imap.CanonicalName(e.Name)
	if err := CheckName(e.Name); err != nil {
		return n, err
	}
	i, ok := n.find(e.Name)
	if ok {
		return n, ErrExists
	}
	for _, use := range e.Use {
		for _, other := range n.entries {
			if slices.Contains(other.Use, use) {
				return n, ErrUseTaken
			}
		}
	}
	return &Namespace{slices.Insert(slices.Clone(n.entries), i, e), n.subscribed}, nil
}

// Delete returns the namespace without the mailbox. Its inferiors stay (RFC 9051 §6.3.5), and so
// does its subscription.
func (n *Namespace) Delete(name string) (*Namespace, error) {
	name = imap.CanonicalName(name)
	i, ok := n.find(name)
	switch {
	case name == imap.Inbox:
		return n, ErrInbox
	case !ok && n.HasChildren(name):
		return n, ErrHasChildren
	case !ok:
		return n, ErrNotFound
	}
	return &Namespace{slices.Delete(slices.Clone(n.entries), i, i+1), n.subscribed}, nil
}

// Rename returns the namespace in which the mailbox and its inferiors are called differently
// (RFC 9051 §6.3.6). Renaming INBOX moves its messages instead, which is not for a namespace to
// do: ErrInbox. Subscriptions are by name and stay as they are.
func (n *Namespace) Rename(from, to string) (*Namespace, error) {
	from, to = imap.CanonicalName(from), imap.CanonicalName(to)
	if from == imap.Inbox {
		return n, ErrInbox
	}
	if err := CheckName(to); err != nil {
		return n, err
	}
	_, isMailbox := n.find(from)
	if !isMailbox && !n.HasChildren(from) {
		return n, ErrNotFound
	}
	if _, ok := n.find(to); ok || n.HasChildren(to) {
		return n, ErrExists
	}
	prefix := from + string(Delim)
	if strings.HasPrefix(to, prefix) {
		return n, ErrBadName // a mailbox cannot become its own inferior
	}
	entries := slices.Clone(n.entries)
	for i := range entries {
		e := &entries[i]
		if e.Name == from {
			e.Name = to
		} else if strings.HasPrefix(e.Name, prefix) {
			e.Name = to + string(Delim) + e.Name[len(prefix):]
			if err := CheckName(e.Name); err != nil {
				return n, err
			}
		}
	}
	return NewNamespace(entries, n.subscribed), nil
}

// Subscribe returns the namespace with the name subscribed or not.
func (n *Namespace) Subscribe(name string, on bool) (*Namespace, error) {
	name = imap.CanonicalName(name)
	i, ok := slices.BinarySearchFunc(n.subscribed, name, compareNames)
	if ok == on {
		return n, nil
	}
	if !on {
		return &Namespace{n.entries, slices.Delete(slices.Clone(n.subscribed), i, i+1)}, nil
	}
	if err := CheckName(name); err != nil {
		return n, err
	}
	return &Namespace{n.entries, slices.Insert(slices.Clone(n.subscribed), i, name)}, nil
}
