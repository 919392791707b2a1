package mailbox

import (
	"maps"
	"slices"
)

// NamespaceDelta is the difference of two namespaces of an account: what somebody who knows the
// old one has to hear of to know the new one. Everything is in the order of Namespace.All.
type NamespaceDelta struct {
	Created      []Entry        // IDs that the old namespace has not
	Deleted      []Entry        // IDs that the new namespace has not, as they were
	Renamed      []RenamedEntry // by their new names
	Subscribed   []string       // names subscribed in the new namespace only
	Unsubscribed []string       // names subscribed in the old namespace only
	// Metadata are entries that have another value or none, by mailbox ID and name; also those of a
	// mailbox that was deleted.
	Metadata []MetadataChange
	Quota    bool // the limits are not the same
}

// RenamedEntry is a mailbox whose name changed.
type RenamedEntry struct{ Old, New Entry }

// Empty reports whether there is nothing to tell.
func (d *NamespaceDelta) Empty() bool {
	return len(d.Created) == 0 && len(d.Deleted) == 0 && len(d.Renamed) == 0 && len(d.Subscribed) == 0 && len(d.Unsubscribed) == 0 &&
		len(d.Metadata) == 0 && !d.Quota
}

// DiffNamespaces compares two namespaces of one account. It takes O(n), or no time for mailboxes,
// subscriptions or metadata that did not change at all between the two.
func DiffNamespaces(old, new *Namespace) NamespaceDelta {
	var d NamespaceDelta
	if old.ids != new.ids {
		d.diffEntries(old, new)
	}
	if old.subscribed != new.subscribed {
		d.diffSubscribed(old, new)
	}
	d.Metadata = DiffMetadata(old, new)
	d.Quota = !maps.Equal(old.quota, new.quota)
	return d
}

// diffEntries merges the mailboxes by ID, since a name does not identify a mailbox.
func (d *NamespaceDelta) diffEntries(old, new *Namespace) {
	a, b := old.ids.Iter(), new.ids.Iter()
	hasA, hasB := a.First(), b.First()
	for hasA || hasB {
		switch {
		case !hasB || hasA && a.Key() < b.Key():
			d.Deleted = append(d.Deleted, *a.Value())
			hasA = a.Next()
		case !hasA || b.Key() < a.Key():
			d.Created = append(d.Created, *b.Value())
			hasB = b.Next()
		default:
			if x, y := a.Value(), b.Value(); x != y && x.Name != y.Name {
				d.Renamed = append(d.Renamed, RenamedEntry{*x, *y})
			}
			hasA, hasB = a.Next(), b.Next()
		}
	}
	byName := func(x, y Entry) int { return compareNames(x.Name, y.Name) }
	slices.SortFunc(d.Created, byName)
	slices.SortFunc(d.Deleted, byName)
	slices.SortFunc(d.Renamed, func(x, y RenamedEntry) int { return byName(x.New, y.New) })
}

// diffSubscribed merges the subscribed names.
func (d *NamespaceDelta) diffSubscribed(old, new *Namespace) {
	a, b := old.subscribed.Iter(), new.subscribed.Iter()
	defer a.Release()
	defer b.Release()
	hasA, hasB := a.First(), b.First()
	for hasA || hasB {
		order := 0
		if hasA && hasB {
			order = compareNames(a.Item(), b.Item())
		}
		switch {
		case !hasB || hasA && order < 0:
			d.Unsubscribed = append(d.Unsubscribed, a.Item())
			hasA = a.Next()
		case !hasA || order > 0:
			d.Subscribed = append(d.Subscribed, b.Item())
			hasB = b.Next()
		default:
			hasA, hasB = a.Next(), b.Next()
		}
	}
}
