package lmtp

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Domains are domains whose mail is ours. A name in other letters than ASCII is listed in both its
// forms, münchen.example and xn--mnchen-3ya.example: clients may use either.
type Domains []string

// Contain reports whether a domain is among them, in whatever case, with or without the dot at the end.
func (d Domains) Contain(domain string) bool {
	return slices.ContainsFunc(d, func(ours string) bool {
		return strings.EqualFold(strings.TrimSuffix(ours, "."), strings.TrimSuffix(domain, "."))
	})
}

// errNoPostmaster: mail for postmaster, which may not be refused for good, has nobody to go to.
var errNoPostmaster = errors.New("lmtp: there is no postmaster")

// resolve finds the user of an address: one whose name is the whole address, or else, when the domain
// is ours, the local part. The part after a plus sign, which names a folder, may be there or not.
func (s *Server) resolve(a address) (recipient, reply, error) {
	base, folder, plus := strings.Cut(a.local, "+")
	plus = plus && base != ""
	ours := a.domain == "" || s.Domains == nil || s.Domains.Contain(a.domain)
	var names []name
	for _, domain := range []string{"@" + a.domain, ""} {
		if domain == "@" || domain == "" && !ours {
			continue
		}
		names = append(names, name{a.local + domain, ""})
		if plus {
			names = append(names, name{base + domain, folder})
		}
	}
	for _, n := range names {
		user, err := s.user(n.user)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		return recipient{address: a, user: user, folder: n.folder}, reply{}, err
	}
	switch {
	case !ours:
		return recipient{}, replyNotOurs, nil
	case !strings.EqualFold(a.local, "postmaster"):
		return recipient{}, replyNoUser, nil
	}
	user, err := s.PostmasterUser(s.ctx)
	if errors.Is(err, errNoPostmaster) {
		return recipient{}, replyNoPostmaster, nil
	}
	return recipient{address: a, user: user}, reply{}, err
}

// PostmasterUser returns who gets mail for postmaster when no user has that name: the one whom the
// field Postmaster names, or who is the only one. The error says what is wrong when there is nobody.
func (s *Server) PostmasterUser(ctx context.Context) (store.User, error) {
	if s.Postmaster != "" {
		user, err := s.userNamed(ctx, s.Postmaster)
		if errors.Is(err, store.ErrNotFound) {
			err = fmt.Errorf("%w: there is no user %q", errNoPostmaster, s.Postmaster)
		}
		return user, err
	}
	users, err := s.Users.Users(ctx)
	if err == nil && len(users) != 1 {
		err = fmt.Errorf("%w: nobody is named as such, of %d users", errNoPostmaster, len(users))
	}
	if err != nil {
		return store.User{}, err
	}
	return users[0], nil
}

type name struct{ user, folder string }

// user finds a user by the name as it is given, or else in its canonical form.
func (s *Server) user(name string) (store.User, error) { return s.userNamed(s.ctx, name) }

func (s *Server) userNamed(ctx context.Context, name string) (store.User, error) {
	user, err := s.Users.User(ctx, name)
	if !errors.Is(err, store.ErrNotFound) {
		return user, err
	}
	canonical, nameErr := auth.CanonicalName(name)
	if nameErr != nil || canonical == name {
		return user, err
	}
	return s.Users.User(ctx, canonical)
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
