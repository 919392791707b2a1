package mailbox

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/tidwall/btree"
)

// Limits of metadata (RFC 5464 §4.1), which is in memory as names are.
const (
	MaxMetadataValue  = 64 << 10 // octets of a value
	MaxMetadataCount  = 100      // entries of a mailbox, and of the account itself
	MaxMetadataOctets = 1 << 20  // of all names and values of an account
	MaxMetadataName   = 1000     // octets
)

// What changes of metadata can fail with.
var (
	ErrBadEntry        = errors.New("mailbox: not the name of a metadata entry")
	ErrMetadataTooBig  = errors.New("mailbox: a metadata value is too big")
	ErrTooManyMetadata = errors.New("mailbox: too many metadata entries, or too many octets in them")
)

// Metadata is an entry of RFC 5464 and its value.
type Metadata struct {
	Name  string // in lower case, "/shared/comment"
	Value string // any octets
}

func (m *Metadata) octets() int { return len(m.Name) + len(m.Value) }

func compareMetadata(m Metadata, name string) int { return strings.Compare(m.Name, name) }

// metadataTree has the entries of mailboxes, of each in the order of their names; under ID 0 those of
// the account. A slice never changes once it is in a tree.
type metadataTree = btree.Map[ID, []Metadata]

// CheckEntry reports why name cannot be the name of an entry: ErrBadEntry, or nil. It begins with
// /private/ or /shared/, is in lower case, since case does not matter, and has no wildcards, control
// characters or empty components (RFC 5464 §3.2); names of vendors have four components at least.
func CheckEntry(name string) error {
	if len(name) > MaxMetadataName || !strings.HasPrefix(name, "/private/") && !strings.HasPrefix(name, "/shared/") {
		return ErrBadEntry
	}
	components := strings.Split(name[1:], "/")
	if slices.Contains(components, "") || components[1] == "vendor" && len(components) < 4 {
		return ErrBadEntry
	}
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' || c == '*' || c == '%' || 'A' <= c && c <= 'Z' {
			return ErrBadEntry
		}
	}
	return nil
}

// MetadataOf returns the entries of a mailbox, or with ID 0 those of the account, by name. The slice must
// not be changed.
func (n *Namespace) MetadataOf(id ID) []Metadata {
	list, _ := n.metadata.Get(id)
	return list
}

// Metadata returns the value of an entry whose name is in lower case; false when it has none.
func (n *Namespace) Metadata(id ID, name string) (string, bool) {
	list := n.MetadataOf(id)
	i, ok := slices.BinarySearchFunc(list, name, compareMetadata)
	if !ok {
		return "", false
	}
	return list[i].Value, true
}

// AllMetadata yields every entry and whose it is, in a fixed order.
func (n *Namespace) AllMetadata() iter.Seq2[ID, Metadata] {
	return func(yield func(ID, Metadata) bool) {
		n.metadata.Scan(func(id ID, list []Metadata) bool {
			for _, m := range list {
				if !yield(id, m) {
					return false
				}
			}
			return true
		})
	}
}

// WithMetadata returns the namespace with entries as they were stored, in whatever order.
func (n *Namespace) WithMetadata(all iter.Seq2[ID, Metadata]) *Namespace {
	next := *n
	next.metadata, next.metadataOctets = &metadataTree{}, 0
	lists := map[ID][]Metadata{}
	for id, m := range all {
		lists[id] = append(lists[id], m)
		next.metadataOctets += m.octets()
	}
	for id, list := range lists {
		slices.SortFunc(list, func(a, b Metadata) int { return compareMetadata(a, b.Name) })
		next.metadata.Set(id, list)
	}
	return &next
}

// SetMetadata returns the namespace in which entries of a mailbox, or with ID 0 of the account, have the
// values in set, and those in remove have none; n itself when it is so already. It fails with ErrNotFound,
// ErrBadEntry, ErrMetadataTooBig or ErrTooManyMetadata.
func (n *Namespace) SetMetadata(id ID, set []Metadata, remove []string) (*Namespace, error) {
	if _, ok := n.ids.Get(id); !ok && id != 0 {
		return n, ErrNotFound
	}
	old := n.MetadataOf(id)
	list := slices.Clone(old)
	for _, m := range set {
		if err := CheckEntry(m.Name); err != nil {
			return n, err
		}
		if len(m.Value) > MaxMetadataValue {
			return n, ErrMetadataTooBig
		}
		if i, ok := slices.BinarySearchFunc(list, m.Name, compareMetadata); ok {
			list[i] = m
		} else {
			list = slices.Insert(list, i, m)
		}
	}
	list = slices.DeleteFunc(list, func(m Metadata) bool { return slices.Contains(remove, m.Name) })
	if slices.Equal(list, old) {
		return n, nil
	}
	next := *n
	next.metadata = n.metadata.Copy()
	next.metadataOctets += metadataOctets(list) - metadataOctets(old)
	// What was stored with more can shrink.
	if len(list) > max(MaxMetadataCount, len(old)) || next.metadataOctets > max(MaxMetadataOctets, n.metadataOctets) {
		return n, ErrTooManyMetadata
	}
	if len(list) == 0 {
		next.metadata.Delete(id)
	} else {
		next.metadata.Set(id, list)
	}
	return &next, nil
}

func metadataOctets(list []Metadata) (sum int) {
	for i := range list {
		sum += list[i].octets()
	}
	return sum
}

// dropMetadata removes the entries of a mailbox from a namespace that nobody else knows yet.
func (n *Namespace) dropMetadata(id ID) {
	list, ok := n.metadata.Get(id)
	if !ok {
		return
	}
	n.metadata = n.metadata.Copy()
	n.metadata.Delete(id)
	n.metadataOctets -= metadataOctets(list)
}

// MetadataChange is an entry that is not in two namespaces alike.
type MetadataChange struct {
	ID ID // of the mailbox; 0 for the account
	Metadata
	Removed bool // Value is empty then
}

// DiffMetadata returns the entries that are not in two namespaces of one account alike, by mailbox and
// name. It takes no time when nothing did change.
func DiffMetadata(old, new *Namespace) []MetadataChange {
	if old.metadata == new.metadata {
		return nil
	}
	var d metadataDelta
	a, b := old.metadata.Iter(), new.metadata.Iter()
	hasA, hasB := a.First(), b.First()
	for hasA || hasB {
		switch {
		case !hasB || hasA && a.Key() < b.Key():
			d.diffEntriesOf(a.Key(), a.Value(), nil)
			hasA = a.Next()
		case !hasA || b.Key() < a.Key():
			d.diffEntriesOf(b.Key(), nil, b.Value())
			hasB = b.Next()
		default:
			d.diffEntriesOf(a.Key(), a.Value(), b.Value())
			hasA, hasB = a.Next(), b.Next()
		}
	}
	return d
}

type metadataDelta []MetadataChange

// diffEntriesOf merges the entries of one mailbox.
func (d *metadataDelta) diffEntriesOf(id ID, old, new []Metadata) {
	if len(old) == len(new) && len(old) > 0 && &old[0] == &new[0] {
		return // the same slice
	}
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(new) == 0 || len(old) > 0 && old[0].Name < new[0].Name:
			*d = append(*d, MetadataChange{ID: id, Metadata: Metadata{Name: old[0].Name}, Removed: true})
			old = old[1:]
		case len(old) == 0 || new[0].Name < old[0].Name:
			*d = append(*d, MetadataChange{ID: id, Metadata: new[0]})
			new = new[1:]
		default:
			if old[0] != new[0] {
				*d = append(*d, MetadataChange{ID: id, Metadata: new[0]})
			}
			old, new = old[1:], new[1:]
		}
	}
}
