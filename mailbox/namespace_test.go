package mailbox

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"restante/imap"
)

func names(n *Namespace) (out []string) {
	for e := range n.All() {
		out = append(out, e.Name)
	}
	return out
}

func TestNamespace(t *testing.T) {
	n := NewNamespace([]Entry{{Name: "INBOX", ID: 1}}, nil)
	var id ID = 1
	create := func(name string) error {
		var err error
		id++
		n, err = n.Create(Entry{Name: name, ID: id})
		return err
	}
	for _, name := range []string{"a.b", "a", "a/x", "a-b", "a/b/c", "Zürich"} {
		if err := create(name); err != nil {
			t.Fatal(name, err)
		}
	}
	want := []string{"INBOX", "Zürich", "a", "a/b/c", "a/x", "a-b", "a.b"}
	if got := names(n); !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	for _, c := range []struct {
		name string
		want error
	}{{"inbox", ErrExists}, {"a", ErrExists}, {"", ErrBadName}, {"/a", ErrBadName}, {"a//b", ErrBadName},
		{"a/", ErrBadName}, {"a*", ErrBadName}, {"%", ErrBadName}, {"a\x00", ErrBadName}, {"\xff", ErrBadName},
		{strings.Repeat("x", MaxNameLen+1), ErrBadName}, {strings.Repeat("x/", MaxNameDepth) + "x", ErrBadName}} {
		if err := create(c.name); !errors.Is(err, c.want) {
			t.Errorf("create %q: %v, want %v", c.name, err, c.want)
		}
	}
	for name, want := range map[string]bool{"a/b": true, "a": true, "q": false, "a-b": false, "a/x": false, "": false, "INBOX": false} {
		if n.HasChildren(name) != want {
			t.Errorf("HasChildren(%q) is %v", name, !want)
		}
	}
	for _, c := range []struct {
		from, to string
		want     error
	}{{"INBOX", "q", ErrInbox}, {"q", "r", ErrNotFound}, {"a", "a/b/d", ErrBadName}, {"a-b", "a", ErrExists}, {"a-b", "a/b", ErrExists}, {"a-b", "inbox", ErrExists}} {
		if _, err := n.Rename(c.from, c.to); !errors.Is(err, c.want) {
			t.Errorf("rename %s %s: %v, want %v", c.from, c.to, err, c.want)
		}
	}
	before, _ := n.Lookup("a/b/c")
	r, err := n.Rename("a/b", "z/y")
	if err != nil {
		t.Fatal(err)
	}
	if after, ok := r.Lookup("z/y/c"); !ok || after.ID != before.ID {
		t.Error("an implied level does not take its inferiors along")
	}
	if _, err := n.Delete("a/b"); err != ErrHasChildren {
		t.Errorf("deleting an implied level: %v", err)
	}
	if _, err := n.Delete("Inbox"); err != ErrInbox {
		t.Errorf("deleting INBOX: %v", err)
	}
	d, err := n.Delete("a")
	if err != nil || !d.HasChildren("a") || d.Len() != n.Len()-1 {
		t.Errorf("deleting a: %v %q", err, names(d))
	}
	if _, ok := d.Lookup("a"); ok {
		t.Error("a is still there")
	}
	s, err := n.Subscribe("inbox", true)
	if err != nil || !s.IsSubscribed("INBOX") || n.IsSubscribed("INBOX") {
		t.Error("Subscribe is wrong", err)
	}
	if again, err := s.Subscribe("INBOX", true); again != s || err != nil {
		t.Error("subscribing again makes another namespace", err)
	}
	if s, _ = s.Subscribe("INBOX", false); s.IsSubscribed("INBOX") {
		t.Error("still subscribed")
	}
}

// TestNamespaceBelow: what is below a name is what begins with it and the delimiter, in order.
func TestNamespaceBelow(t *testing.T) {
	all := []string{"INBOX", "A", "A/INBOX", "INBOX/b", "INBOX/b/c", "a", "a/b", "a/b/c", "a/x", "a-b", "a-b/q", "ab"}
	n := fromNames(all...)
	for _, c := range []struct {
		name string
		want []string
	}{{"INBOX", []string{"INBOX/b", "INBOX/b/c"}}, {"A", []string{"A/INBOX"}}, {"a", []string{"a/b", "a/b/c", "a/x"}}, {"a/b", []string{"a/b/c"}},
		{"a-b", []string{"a-b/q"}}, {"ab", nil}, {"", nil}, {"q", nil}} {
		var got []string
		for e := range n.Inferiors(c.name) {
			got = append(got, e.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("below %q are %q, want %q", c.name, got, c.want)
		}
	}
	if got := slices.Collect(n.Subscribed()); !slices.Equal(got, all) || !slices.Equal(names(n), all) {
		t.Errorf("got %q and subscribed %q, want %q", names(n), got, all)
	}
	for range n.All() {
		break // every iterator can be left
	}
	for range n.Subscribed() {
		break
	}
}

// fromNames returns a namespace of mailboxes, all subscribed, in the worst order.
func fromNames(names ...string) *Namespace {
	var entries []Entry
	var subscribed []string
	for i, name := range slices.Backward(names) {
		entries = append(entries, Entry{Name: name, ID: ID(i + 1), UIDValidity: 1})
		subscribed = append(subscribed, name)
	}
	return NewNamespace(entries, subscribed)
}

// TestNamespaceUses: a special use is free again when its mailbox is deleted, and a rename keeps it.
func TestNamespaceUses(t *testing.T) {
	trash, both := []imap.MailboxAttr{imap.AttrTrash}, []imap.MailboxAttr{imap.AttrSent, imap.AttrTrash}
	n, err := fromNames("INBOX").Create(Entry{Name: "Trash", ID: 2, Use: trash})
	if err != nil {
		t.Fatal(err)
	}
	n, err = n.Rename("Trash", "Bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Create(Entry{Name: "Sent", ID: 3, Use: both}); err != ErrUseTaken {
		t.Errorf("the use of a renamed mailbox: %v", err)
	}
	free, err := n.Delete("Bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := free.Create(Entry{Name: "Sent", ID: 3, Use: both}); err != nil {
		t.Error(err)
	}
	if _, err := n.Create(Entry{Name: "Sent", ID: 3, Use: both}); err != ErrUseTaken {
		t.Errorf("the old namespace forgot a use: %v", err)
	}
	// Two mailboxes have it in a namespace that was stored so.
	n = NewNamespace([]Entry{{Name: "a", ID: 1, Use: trash}, {Name: "b", ID: 2, Use: both}}, nil)
	n, _ = n.Delete("a")
	if _, err := n.Create(Entry{Name: "c", ID: 3, Use: trash}); err != ErrUseTaken {
		t.Errorf("b has it still: %v", err)
	}
	n, _ = n.Delete("b")
	if _, err := n.Create(Entry{Name: "c", ID: 3, Use: trash}); err != nil {
		t.Error(err)
	}
}
