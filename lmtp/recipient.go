package lmtp

import (
	"errors"
	"strings"

	"restante/auth"
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// recipient is a recipient that has been accepted.
type recipient struct {
	address
	user   store.User
	folder string // after the plus sign; "" for INBOX
}

// resolve finds the user of an address: one whose name is the whole address, or else the local
// part. The part after a plus sign, which names a folder, may be there or not.
func (s *Server) resolve(a address) (r recipient, found bool, err error) {
	base, folder, plus := strings.Cut(a.local, "+")
	plus = plus && base != ""
	var names []name
	for _, domain := range []string{"@" + a.domain, ""} {
		if domain == "@" {
			continue
		}
		names = append(names, name{a.local + domain, ""})
		if plus {
			names = append(names, name{base + domain, folder})
		}
	}
	if s.Postmaster != "" && strings.EqualFold(a.local, "postmaster") {
		names = append(names, name{s.Postmaster, ""})
	}
	for _, n := range names {
		user, err := s.user(n.user)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return recipient{}, false, err
		}
		return recipient{address: a, user: user, folder: n.folder}, true, nil
	}
	return recipient{}, false, nil
}

type name struct{ user, folder string }

// user finds a user by the name as it is given, or else in its canonical form.
func (s *Server) user(name string) (store.User, error) {
	user, err := s.Users.User(s.ctx, name)
	if !errors.Is(err, store.ErrNotFound) {
		return user, err
	}
	canonical, nameErr := auth.CanonicalName(name)
	if nameErr != nil || canonical == name {
		return user, err
	}
	return s.Users.User(s.ctx, canonical)
}

// fileInto returns the mailbox for a folder of an address: of that name, of that name in another
// case, the same with the dots read as separators, or else INBOX.
func fileInto(ns *mailbox.Namespace, folder string) (mailbox.Entry, bool) {
	if folder != "" {
		for _, name := range []string{folder, strings.ReplaceAll(folder, ".", "/")} {
			if e, ok := ns.Lookup(name); ok {
				return e, true
			}
			for e := range ns.All() {
				if strings.EqualFold(e.Name, name) {
					return e, true
				}
			}
		}
	}
	return ns.Lookup(imap.Inbox)
}
