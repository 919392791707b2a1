package client

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"restante/cmd/restante/internal/cli"
	"restante/imap"
)

const namesHelp = `A mailbox is named with "/" between levels and without a prefix such as "INBOX.",
however the server has it; the server's own form is understood too. \Archive, \Drafts,
\Junk, \Sent and \Trash are the mailboxes that 'restante ls' says are for it.`

// names translates between names of mailboxes as people write and see them, with "/" between levels,
// and as the server has them: with another delimiter, and below a prefix (RFC 9051 §6.3.10). What is
// shown can always be typed: a name that could not be told from another one is shown as the server
// has it.
type names struct {
	prefix string // of the user's own mailboxes; "" also when there are mailboxes without it
	delim  string // "": the name space is flat
	spaces []imap.NamespaceDesc
}

func newNames(ns *imap.Namespace) *names {
	n := &names{spaces: slices.Concat(ns.Personal, ns.Other, ns.Shared)}
	if len(ns.Personal) > 0 {
		n.prefix, n.delim = ns.Personal[0].Prefix, delimOf(ns.Personal[0])
	}
	if slices.ContainsFunc(n.spaces, func(d imap.NamespaceDesc) bool { return d.Prefix == "" }) {
		n.prefix = ""
	}
	return n
}

func delimOf(d imap.NamespaceDesc) string {
	if d.Delim == 0 {
		return ""
	}
	return string(d.Delim)
}

// server returns a name as the server has it.
func (n *names) server(name string) string {
	name = imap.CanonicalName(name)
	if name == imap.Inbox {
		return name
	}
	for _, d := range n.spaces {
		delim := delimOf(d)
		slashPrefix := slashed(d.Prefix, delim)
		if rest, ok := cutPrefix(name, d.Prefix); ok && d.Prefix != slashPrefix {
			return d.Prefix + rest // the server's own form
		}
		if rest, ok := cutPrefix(name, slashPrefix); ok {
			return d.Prefix + unslashed(rest, delim)
		}
	}
	return n.prefix + unslashed(name, n.delim)
}

// shown returns a name of the server as people see it.
func (n *names) shown(name string) string {
	rest := name
	if n.prefix != "" {
		rest = strings.TrimPrefix(name, n.prefix)
	}
	if !strings.Contains(rest, "/") {
		rest = slashed(rest, n.delim)
	}
	if n.server(rest) != name {
		return name
	}
	return rest
}

// mixes reports whether a name has both "/" and the delimiter of the server, so that it is not clear
// what is meant by either.
func (n *names) mixes(name string) bool {
	if n.delim == "" || n.delim == "/" {
		return false
	}
	return strings.Contains(name, "/") && strings.Contains(name, n.delim)
}

// pattern returns the pattern to ask the server for, and a function that tells which of the names
// shown match; nil when the server can do it alone.
func (n *names) pattern(pattern string) (string, func(shown string) bool) {
	if n.prefix == "" {
		return n.server(pattern), nil
	}
	// In the first level it may stand for a part of the prefix, or for mailboxes without it.
	first, _, _ := strings.Cut(pattern, "/")
	if !strings.ContainsAny(first, "*%") {
		return n.server(pattern), nil
	}
	expr := strings.NewReplacer(`\*`, `.*`, `%`, `[^/]*`).Replace(regexp.QuoteMeta(pattern))
	match := regexp.MustCompile(`(?s)\A` + expr + `\z`)
	return "*", match.MatchString
}

// slashed writes a name with "/" instead of the delimiter.
func slashed(name, delim string) string {
	if delim == "" {
		return name
	}
	return strings.ReplaceAll(name, delim, "/")
}

// unslashed writes a name with the delimiter instead of "/", unless it has the delimiter already.
func unslashed(name, delim string) string {
	if delim == "" || strings.Contains(name, delim) {
		return name
	}
	return strings.ReplaceAll(name, "/", delim)
}

// cutPrefix cuts off the prefix of a name space. INBOX in it is compared without case.
func cutPrefix(name, prefix string) (string, bool) {
	if prefix == "" || len(name) <= len(prefix) {
		return name, false
	}
	start, rest := name[:len(prefix)], name[len(prefix):]
	inbox := len(prefix) >= len(imap.Inbox) && strings.EqualFold(prefix[:len(imap.Inbox)], imap.Inbox)
	return rest, start == prefix || inbox && strings.EqualFold(start, prefix)
}

// mailboxNames asks the server, once, how it writes names.
func (s *session) mailboxNames(ctx context.Context) (*names, error) {
	if s.names == nil {
		ns, err := s.Namespace(ctx)
		if err != nil {
			return nil, err
		}
		s.names = newNames(ns)
	}
	return s.names, nil
}

// serverName returns the name that the server has for a mailbox. INBOX is the same everywhere.
func (s *session) serverName(ctx context.Context, name string) (string, error) {
	if imap.CanonicalName(name) == imap.Inbox {
		return imap.Inbox, nil
	}
	if strings.HasPrefix(name, `\`) {
		return s.roleNamed(ctx, name)
	}
	n, err := s.mailboxNames(ctx)
	if err != nil {
		return "", err
	}
	return n.server(name), nil
}

// newServerName is serverName for a mailbox that is to be made.
func (s *session) newServerName(ctx context.Context, name string) (string, error) {
	server, err := s.serverName(ctx, name)
	if err == nil && s.names != nil && s.names.mixes(name) {
		return "", cli.Usagef("%q: on this server %q stands between levels, so it cannot be in a name, and \"/\" beside it is unclear; use one of them", name, s.names.delim)
	}
	return server, err
}

// shownName returns the name of a mailbox for people.
func (s *session) shownName(server string) string {
	if s.names == nil {
		return server
	}
	return s.names.shown(server)
}
