package mailbox

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"restante/imap"
)

// namespaceModel is a namespace without any cleverness: what a Namespace has to be like.
type namespaceModel struct {
	entries    map[string]Entry
	subscribed map[string]bool
}

func (m *namespaceModel) clone() *namespaceModel {
	return &namespaceModel{maps.Clone(m.entries), maps.Clone(m.subscribed)}
}

func octets[V any](m map[string]V) (sum int) {
	for name := range m {
		sum += len(name)
	}
	return sum
}

func (m *namespaceModel) hasBelow(name string) bool {
	for other := range m.entries {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

func (m *namespaceModel) create(e Entry) error {
	e.Name = imap.CanonicalName(e.Name)
	if err := CheckName(e.Name); err != nil {
		return err
	}
	if _, ok := m.entries[e.Name]; ok {
		return ErrExists
	}
	if len(e.Use) > 0 {
		for _, other := range m.entries {
			for _, use := range e.Use {
				if slices.Contains(other.Use, use) {
					return ErrUseTaken
				}
			}
		}
	}
	if len(m.entries)+1 > MaxMailboxes || octets(m.entries)+len(e.Name) > MaxMailboxOctets {
		return ErrTooMany
	}
	m.entries[e.Name] = e
	return nil
}

func (m *namespaceModel) delete(name string) error {
	name = imap.CanonicalName(name)
	if name == imap.Inbox {
		return ErrInbox
	}
	if _, ok := m.entries[name]; !ok {
		if m.hasBelow(name) {
			return ErrHasChildren
		}
		return ErrNotFound
	}
	delete(m.entries, name)
	return nil
}

func (m *namespaceModel) rename(from, to string) error {
	from, to = imap.CanonicalName(from), imap.CanonicalName(to)
	if from == imap.Inbox {
		return ErrInbox
	}
	if err := CheckName(to); err != nil {
		return err
	}
	_, ok := m.entries[from]
	if !ok && !m.hasBelow(from) {
		return ErrNotFound
	}
	if _, ok := m.entries[to]; ok || m.hasBelow(to) {
		return ErrExists
	}
	if strings.HasPrefix(to, from+"/") {
		return ErrBadName
	}
	next := map[string]Entry{}
	for name, e := range m.entries {
		if name == from || strings.HasPrefix(name, from+"/") {
			e.Name = to + strings.TrimPrefix(name, from)
			if err := CheckName(e.Name); err != nil {
				return err
			}
		}
		next[e.Name] = e
	}
	if sum := octets(next); sum > octets(m.entries) && sum > MaxMailboxOctets {
		return ErrTooMany
	}
	m.entries = next
	return nil
}

func (m *namespaceModel) subscribe(name string, on bool) error {
	name = imap.CanonicalName(name)
	switch {
	case m.subscribed[name] == on:
		return nil
	case !on:
		delete(m.subscribed, name)
		return nil
	}
	if err := CheckName(name); err != nil {
		return err
	}
	if len(m.subscribed)+1 > MaxSubscriptions || octets(m.subscribed)+len(name) > MaxSubscribedOctets {
		return ErrTooMany
	}
	m.subscribed[name] = true
	return nil
}

// sortedNames returns the names that begin with prefix in the order of Namespace.All.
func sortedNames[V any](m map[string]V, prefix string) []string {
	var keys []string // that sort by their octets
	for name := range m {
		if strings.HasPrefix(name, prefix) {
			keys = append(keys, strings.ReplaceAll(name, "/", "\x00"))
		}
	}
	slices.Sort(keys)
	var names, inbox []string
	for _, key := range keys {
		if name := strings.ReplaceAll(key, "\x00", "/"); name == imap.Inbox {
			inbox = append(inbox, name)
		} else {
			names = append(names, name)
		}
	}
	return append(inbox, names...)
}

// differs says in what a namespace is not like the model; "" when it is.
func (m *namespaceModel) differs(n *Namespace) string {
	var all []Entry
	for _, name := range sortedNames(m.entries, "") {
		all = append(all, m.entries[name])
	}
	if got := slices.Collect(n.All()); !reflect.DeepEqual(got, all) {
		return fmt.Sprintf("All: got %.1000v\nwant %.1000v", got, all)
	}
	if got, want := slices.Collect(n.Subscribed()), sortedNames(m.subscribed, ""); !slices.Equal(got, want) {
		return fmt.Sprintf("Subscribed: got %.1000q\nwant %.1000q", got, want)
	}
	if n.Len() != len(all) || n.ids.Len() != len(all) {
		return fmt.Sprintf("Len is %d with %d IDs, not %d", n.Len(), n.ids.Len(), len(all))
	}
	uses := 0
	for _, e := range all {
		if got, ok := n.ByID(e.ID); !ok || !reflect.DeepEqual(got, e) {
			return fmt.Sprintf("ByID(%d): %v, not %v", e.ID, got, e)
		}
		uses += len(e.Use)
	}
	if n.uses.Len() != uses {
		return fmt.Sprintf("%d uses, not %d", n.uses.Len(), uses)
	}
	if a, b := octets(m.entries), octets(m.subscribed); n.entryOctets != a || n.subscribedOctets != b {
		return fmt.Sprintf("%d and %d octets, not %d and %d", n.entryOctets, n.subscribedOctets, a, b)
	}
	return ""
}

// differsAt is differs for what is known of one name.
func (m *namespaceModel) differsAt(n *Namespace, name string) string {
	e, ok := n.Lookup(name)
	if want, exists := m.entries[imap.CanonicalName(name)]; ok != exists || !reflect.DeepEqual(e, want) {
		return fmt.Sprintf("Lookup(%q): %v, not %v", name, e, want)
	}
	var below []Entry
	for _, other := range sortedNames(m.entries, name+"/") {
		below = append(below, m.entries[other])
	}
	if got := slices.Collect(n.Inferiors(name)); !reflect.DeepEqual(got, below) || n.HasChildren(name) != (len(below) > 0) {
		return fmt.Sprintf("below %q: %v, not %v", name, got, below)
	}
	if want := m.subscribed[imap.CanonicalName(name)]; n.IsSubscribed(name) != want {
		return fmt.Sprintf("%q is subscribed: %v, not %v", name, !want, want)
	}
	return ""
}

// diff is DiffNamespaces of two models.
func (m *namespaceModel) diff(newer *namespaceModel) (d NamespaceDelta) {
	was := map[ID]Entry{}
	for _, e := range m.entries {
		was[e.ID] = e
	}
	for _, name := range sortedNames(newer.entries, "") {
		e := newer.entries[name]
		if old, ok := was[e.ID]; !ok {
			d.Created = append(d.Created, e)
		} else if old.Name != e.Name {
			d.Renamed = append(d.Renamed, RenamedEntry{old, e})
		}
		delete(was, e.ID)
	}
	for _, name := range sortedNames(m.entries, "") {
		if e, gone := was[m.entries[name].ID]; gone {
			d.Deleted = append(d.Deleted, e)
		}
	}
	for _, name := range sortedNames(newer.subscribed, "") {
		if !m.subscribed[name] {
			d.Subscribed = append(d.Subscribed, name)
		}
	}
	for _, name := range sortedNames(m.subscribed, "") {
		if !newer.subscribed[name] {
			d.Unsubscribed = append(d.Unsubscribed, name)
		}
	}
	return d
}

// randomName returns a name that others may well have, rarely one that cannot be.
func randomName(r *rand.Rand) string {
	if r.IntN(40) == 0 {
		return []string{"", "/a", "a//b", "a/", "a*", "a\x00", "\xff", strings.Repeat("x", MaxNameLen-r.IntN(3)), strings.Repeat("x/", MaxNameDepth-2) + "x"}[r.IntN(9)]
	}
	levels := []string{"a", "b", "a-b", "a.b", "ab", "INBOX", "inbox", "Zürich", "0", "~"}
	name := levels[r.IntN(len(levels))]
	for r.IntN(3) > 0 {
		name += "/" + levels[r.IntN(len(levels))]
	}
	return name
}

// randomHistory changes a namespace and its model alike and hands every step to check, with a name
// that the step was about.
func randomHistory(t *testing.T, r *rand.Rand, n *Namespace, m *namespaceModel, steps int, check func(step int, n *Namespace, m *namespaceModel, name string)) {
	t.Helper()
	uses := []imap.MailboxAttr{imap.AttrArchive, imap.AttrDrafts, imap.AttrJunk, imap.AttrSent, imap.AttrTrash}
	refused := map[error]int{}
	for step := range steps {
		name, what := randomName(r), ""
		var next *Namespace
		var err, want error
		switch k := r.IntN(100); {
		case k < 40:
			e := Entry{Name: name, ID: ID(1<<32 + step), UIDValidity: uint32(step)}
			if r.IntN(5) == 0 {
				e.Use = []imap.MailboxAttr{uses[r.IntN(len(uses))]}
			}
			what = fmt.Sprintf("Create %+v", e)
			next, err = n.Create(e)
			want = m.create(e)
		case k < 60:
			what = fmt.Sprintf("Delete %q", name)
			next, err = n.Delete(name)
			want = m.delete(name)
		case k < 70:
			to := randomName(r)
			what = fmt.Sprintf("Rename %q %q", name, to)
			next, err = n.Rename(name, to)
			want = m.rename(name, to)
		default:
			on := r.IntN(5) > 1
			what = fmt.Sprintf("Subscribe %q %v", name, on)
			next, err = n.Subscribe(name, on)
			want = m.subscribe(name, on)
		}
		if err != want || err != nil && next != n {
			t.Fatalf("step %d, %.200s: %v, want %v", step, what, err, want)
		}
		refused[err]++
		n = next
		check(step, n, m, name)
	}
	t.Log(refused)
}

// TestNamespaceRandom compares a random history with the model: at every step the answer and what is
// known of two names, at every tenth everything and the differences to an old namespace, and at the
// end 50 old namespaces with what they were.
func TestNamespaceRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	type kept struct {
		n *Namespace
		m *namespaceModel
	}
	var old []kept
	const steps = 3000
	m := &namespaceModel{map[string]Entry{}, map[string]bool{}}
	randomHistory(t, r, NewNamespace(nil, nil), m, steps, func(step int, n *Namespace, m *namespaceModel, name string) {
		for _, found := range []string{m.differsAt(n, name), m.differsAt(n, randomName(r))} {
			if found != "" {
				t.Fatalf("step %d: %s", step, found)
			}
		}
		if step%(steps/50) == 0 {
			old = append(old, kept{n, m.clone()})
		}
		if step%10 != 0 {
			return
		}
		if found := m.differs(n); found != "" {
			t.Fatalf("step %d: %s", step, found)
		}
		before := old[r.IntN(len(old))]
		for _, c := range []struct{ a, b kept }{{before, kept{n, m}}, {kept{n, m}, before}} {
			got, want := DiffNamespaces(c.a.n, c.b.n), c.a.m.diff(c.b.m)
			if !reflect.DeepEqual(got, want) || got.Empty() != reflect.DeepEqual(want, NamespaceDelta{}) {
				t.Fatalf("step %d: the difference is %+v, want %+v", step, got, want)
			}
		}
		// The same namespace, loaded again, shares nothing and is no different.
		if step%100 == 0 {
			loaded := NewNamespace(slices.Collect(n.All()), slices.Collect(n.Subscribed()))
			if d := DiffNamespaces(n, loaded); !d.Empty() || m.differs(loaded) != "" {
				t.Fatalf("step %d: loaded again it differs: %+v %s", step, d, m.differs(loaded))
			}
		}
	})
	for i, k := range old {
		if found := k.m.differs(k.n); found != "" {
			t.Errorf("old namespace %d changed: %s", i, found)
		}
		// Others are still made of it, and do not change those that came of it first.
		if _, err := k.n.Create(Entry{Name: "late", ID: 1 << 50}); err != nil {
			t.Error(err)
		}
	}
	for i, k := range old {
		if found := k.m.differs(k.n); found != "" {
			t.Errorf("old namespace %d changed when another was made of it: %s", i, found)
		}
	}
}

// TestNamespaceRandomFull is the same in accounts in which hardly anything has room.
func TestNamespaceRandomFull(t *testing.T) {
	const steps = 200
	for _, c := range []struct {
		what string
		fill []string
	}{
		{"number", numbered("~fill/", MaxMailboxes-20, 12)},
		{"octets", append(numbered("~fill/", MaxMailboxOctets/990, 990), "~fill/"+strings.Repeat("z", MaxMailboxOctets%990-60))},
	} {
		t.Run(c.what, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			m := &namespaceModel{map[string]Entry{}, map[string]bool{}}
			n := fromNames(c.fill...)
			for e := range n.All() {
				m.entries[e.Name], m.subscribed[e.Name] = e, true
			}
			start, whole := n, m.clone()
			randomHistory(t, rand.New(rand.NewPCG(seed, 0)), n, m, steps, func(step int, n *Namespace, m *namespaceModel, name string) {
				if n.Len() > MaxMailboxes || n.entryOctets > MaxMailboxOctets || n.subscribed.Len() > MaxSubscriptions || n.subscribedOctets > MaxSubscribedOctets {
					t.Fatalf("step %d: over a limit", step)
				}
				if step < steps-1 {
					return
				}
				if found := m.differs(n); found != "" {
					t.Fatal(found)
				}
			})
			if found := whole.differs(start); found != "" {
				t.Errorf("the first namespace changed: %s", found)
			}
		})
	}
}

// TestNamespaceReaders: readers of published namespaces need no lock while the next one is made.
func TestNamespaceReaders(t *testing.T) {
	var newest atomic.Pointer[Namespace]
	newest.Store(fromNames(numbered("m/", 200, 8)...))
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !done.Load() {
				n := newest.Load()
				count := 0
				for e := range n.All() {
					if byName, ok := n.Lookup(e.Name); !ok || byName.ID != e.ID {
						t.Errorf("Lookup(%q): %v", e.Name, byName)
						return
					}
					if byID, ok := n.ByID(e.ID); !ok || byID.Name != e.Name {
						t.Errorf("ByID(%d): %v", e.ID, byID)
						return
					}
					count++
				}
				for name := range n.Subscribed() {
					if !n.IsSubscribed(name) {
						t.Errorf("%q is not subscribed", name)
						return
					}
				}
				if count != n.Len() {
					t.Errorf("%d of %d mailboxes", count, n.Len())
					return
				}
			}
		})
	}
	for i := range 500 {
		n := newest.Load()
		name := fmt.Sprint("n/", i)
		n, _ = n.Create(Entry{Name: name, ID: ID(1<<32 + i)})
		n, _ = n.Subscribe(name, true)
		newest.Store(n)
		if i%3 == 0 {
			n, _ = n.Rename(name, name+"-")
			n, _ = n.Delete(fmt.Sprint("n/", i-1))
			newest.Store(n)
		}
	}
	done.Store(true)
	readers.Wait()
}
