package client

import (
	"testing"

	"restante/imap"
)

var (
	slashes   = &imap.Namespace{Personal: []imap.NamespaceDesc{{Delim: '/'}}}
	flat      = &imap.Namespace{Personal: []imap.NamespaceDesc{{}}}
	dots      = &imap.Namespace{Personal: []imap.NamespaceDesc{{Delim: '.'}}}
	belowIn   = &imap.Namespace{Personal: []imap.NamespaceDesc{{Prefix: "INBOX.", Delim: '.'}}, Other: []imap.NamespaceDesc{{Prefix: "user.", Delim: '.'}}}
	belowMail = &imap.Namespace{Personal: []imap.NamespaceDesc{{Prefix: "Mail/", Delim: '/'}}, Shared: []imap.NamespaceDesc{{Prefix: "#shared/", Delim: '/'}}}
	both      = &imap.Namespace{Personal: []imap.NamespaceDesc{{Prefix: "INBOX.", Delim: '.'}, {Delim: '.'}}}
	none      = &imap.Namespace{}
)

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		space                *imap.Namespace
		typed, server, shown string // shown "": as typed
	}{
		{slashes, "inbox", "INBOX", "INBOX"},
		{slashes, "Lists/Go", "Lists/Go", ""},
		{slashes, "v1.2", "v1.2", ""},
		{none, "a/b.c", "a/b.c", ""},
		{flat, "a/b.c", "a/b.c", ""},
		{dots, "Lists/Go", "Lists.Go", ""},
		{dots, "Lists.Go", "Lists.Go", "Lists/Go"},
		{dots, "INBOX/Sent", "INBOX.Sent", ""},
		{dots, "a/b.c", "a/b.c", ""},
		{belowIn, "Inbox", "INBOX", "INBOX"},
		{belowIn, "Sent", "INBOX.Sent", ""},
		{belowIn, "Lists/Go", "INBOX.Lists.Go", ""},
		{belowIn, "Lists.Go", "INBOX.Lists.Go", "Lists/Go"},
		{belowIn, "INBOX.Lists.Go", "INBOX.Lists.Go", "Lists/Go"},
		{belowIn, "inbox/Lists/Go", "INBOX.Lists.Go", "Lists/Go"},
		{belowIn, "INBOX.INBOX", "INBOX.INBOX", ""},
		{belowIn, "INBOX.a/b", "INBOX.a/b", ""},
		{belowIn, "INBOX.user.bob", "INBOX.user.bob", ""},
		{belowIn, "user/bob", "user.bob", ""},
		{belowIn, "user.bob", "user.bob", "user/bob"},
		{belowMail, "Lists/Go", "Mail/Lists/Go", ""},
		{belowMail, "Mail/Lists/Go", "Mail/Lists/Go", "Lists/Go"},
		{belowMail, "#shared/x", "#shared/x", ""},
		{both, "Sent", "Sent", ""},
		{both, "INBOX/Sent", "INBOX.Sent", ""},
	} {
		n := newNames(tc.space)
		if got := n.server(tc.typed); got != tc.server {
			t.Errorf("%+v: %q is %q at the server, want %q", tc.space, tc.typed, got, tc.server)
		}
		if tc.shown == "" {
			tc.shown = tc.typed
		}
		if got := n.shown(tc.server); got != tc.shown {
			t.Errorf("%+v: %q is shown as %q, want %q", tc.space, tc.server, got, tc.shown)
		}
	}
}

// TestShownNames: what is shown can be typed, and means the same mailbox.
func TestShownNames(t *testing.T) {
	pieces := []string{"INBOX", "inbox", "a", "b", "user", "Mail", ".", "/", ".", "/", "#shared/"}
	for _, space := range []*imap.Namespace{slashes, flat, dots, belowIn, belowMail, both, none} {
		n := newNames(space)
		for i := range len(pieces) * len(pieces) * len(pieces) * len(pieces) {
			name := ""
			for range 4 {
				name += pieces[i%len(pieces)]
				i /= len(pieces)
			}
			if imap.CanonicalName(name) == imap.Inbox {
				continue
			}
			if shown := n.shown(name); shown != name && n.server(shown) != name {
				t.Fatalf("%+v: %q is shown as %q, which is %q", space, name, shown, n.server(shown))
			}
		}
	}
}

func TestNamePattern(t *testing.T) {
	for _, tc := range []struct {
		space           *imap.Namespace
		pattern, server string
		yes, no         []string
	}{
		{slashes, "Lists/*", "Lists/*", nil, nil},
		{dots, "Lists/%", "Lists.%", nil, nil},
		{dots, "*", "*", nil, nil},
		{belowIn, "Lists/*", "INBOX.Lists.*", nil, nil},
		{belowIn, "Sent", "INBOX.Sent", nil, nil},
		{belowIn, "*", "*", []string{"INBOX", "Lists/Go", "user/bob"}, nil},
		{belowIn, "%", "*", []string{"INBOX", "Sent"}, []string{"Lists/Go", "user/bob"}},
		{belowIn, "L*.x", "*", []string{"Lists/a.x"}, []string{"Lists/Go", "Lists/aXx", "xL.x"}},
	} {
		server, match := newNames(tc.space).pattern(tc.pattern)
		if server != tc.server {
			t.Errorf("%+v: %q becomes %q, want %q", tc.space, tc.pattern, server, tc.server)
		}
		if (match != nil) != (tc.yes != nil) {
			t.Fatalf("%q: whether to filter is %v", tc.pattern, match != nil)
		}
		for _, name := range tc.yes {
			if !match(name) {
				t.Errorf("%q does not match %q", tc.pattern, name)
			}
		}
		for _, name := range tc.no {
			if match(name) {
				t.Errorf("%q matches %q", tc.pattern, name)
			}
		}
	}
}
