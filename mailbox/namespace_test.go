package mailbox

import (
	"errors"
	"slices"
	"strings"
	"testing"
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
	if !n.Implied("a/b") || n.Implied("a") || n.Implied("q") || !n.HasChildren("a") || n.HasChildren("a-b") {
		t.Error("Implied or HasChildren is wrong")
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
	if err != nil || !d.Implied("a") || d.Len() != n.Len()-1 {
		t.Errorf("deleting a: %v %q", err, names(d))
	}
	s, err := n.Subscribe("inbox", true)
	if err != nil || !s.IsSubscribed("INBOX") || n.IsSubscribed("INBOX") {
		t.Error("Subscribe is wrong", err)
	}
	if s, _ = s.Subscribe("INBOX", false); s.IsSubscribed("INBOX") {
		t.Error("still subscribed")
	}
}
