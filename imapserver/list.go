package imapserver

import (
	"slices"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// runList is LIST, RFC 9051 §6.3.9, with the options of RFC 5258, RFC 5819 and RFC 6154.
func runList(c *conn, cmd *imapwire.List) error {
	if !cmd.Extended && len(cmd.Patterns) == 1 && cmd.Patterns[0] == "" {
		// A request for the delimiter (RFC 9051 §6.3.9).
		c.out = imapwire.AppendList(c.out, &imap.MailboxInfo{Delim: mailbox.Delim, Attrs: []imap.MailboxAttr{imap.AttrNoselect}}, c.rev2)
		return nil
	}
	if cmd.Select.RecursiveMatch && !cmd.Select.Subscribed && !cmd.Select.SpecialUse {
		return bad("RECURSIVEMATCH needs another selection option")
	}
	if err := checkStatus(cmd.Return.Status); err != nil {
		return err
	}
	ns := c.account.Namespace()
	matches := matcher(cmd.Ref, cmd.Patterns)
	for _, name := range listed(ns, cmd) {
		if !matches(name) {
			continue
		}
		info := c.mailboxInfo(ns, name)
		wanted := selects(ns, cmd, name)
		child := cmd.Select.RecursiveMatch && selectedBelow(ns, cmd, name, func(inferior string) bool {
			// A name that is not selected itself would say nothing new of inferiors that are told
			// of themselves (RFC 9051 §6.3.9.6).
			return wanted || !matches(inferior)
		})
		switch {
		case !wanted && !child:
			continue
		case info.HasAttr(imap.AttrNonExistent) && !cmd.Extended && !c.rev2:
			// Older clients know \Noselect only.
			info.Attrs = append(info.Attrs, imap.AttrNoselect)
		}
		if (cmd.Select.Subscribed || cmd.Return.Subscribed) && ns.IsSubscribed(name) {
			info.Attrs = append(info.Attrs, imap.AttrSubscribed)
		}
		if child {
			if cmd.Select.Subscribed {
				info.ChildInfo = append(info.ChildInfo, "SUBSCRIBED")
			}
			if cmd.Select.SpecialUse {
				info.ChildInfo = append(info.ChildInfo, "SPECIAL-USE")
			}
		}
		c.out = imapwire.AppendList(c.out, info, c.rev2)
		if entry, ok := ns.Lookup(name); ok && wanted && cmd.Return.Status != 0 {
			// A mailbox that has just gone has no STATUS (RFC 5819 §2).
			if status, err := c.status(entry, cmd.Return.Status); err == nil {
				c.out = imapwire.AppendStatus(c.out, status, c.rev2)
			}
		}
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// listed returns the names that a LIST may tell of: all mailboxes and the levels that they imply;
// with SUBSCRIBED what is subscribed, existing or not, and the levels that it implies.
func listed(ns *mailbox.Namespace, cmd *imapwire.List) []string {
	var names []string
	if cmd.Select.Subscribed {
		names = slices.Collect(ns.Subscribed())
		if !cmd.Select.RecursiveMatch {
			return names
		}
	} else {
		names = slices.Collect(func(yield func(string) bool) {
			for e := range ns.All() {
				if !yield(e.Name) {
					return
				}
			}
		})
		if !cmd.Select.RecursiveMatch && !levelsWanted(cmd.Patterns) {
			return names
		}
	}
	return withLevels(names)
}

// levelsWanted reports whether a pattern can mean a level that is no mailbox: one that ends in
// "%" (RFC 3501 §6.3.8) or has no wildcard.
func levelsWanted(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return strings.HasSuffix(p, "%") || !strings.ContainsAny(p, "*%")
	})
}

// withLevels adds to names, whose order keeps inferiors behind their superior, every level that
// they imply.
func withLevels(names []string) []string {
	out := make([]string, 0, len(names))
	last := ""
	for _, name := range names {
		for i := 0; i < len(name); i++ {
			if name[i] != mailbox.Delim {
				continue
			}
			level := name[:i]
			if last == level || strings.HasPrefix(last, name[:i+1]) || level == imap.Inbox && len(out) > 0 && out[0] == imap.Inbox {
				continue // INBOX is first, wherever its inferiors are
			}
			out = append(out, level)
			last = level
		}
		out = append(out, name)
		last = name
	}
	return out
}

// selects reports whether a name meets the selection options.
func selects(ns *mailbox.Namespace, cmd *imapwire.List, name string) bool {
	if cmd.Select.Subscribed && !ns.IsSubscribed(name) {
		return false
	}
	if cmd.Select.SpecialUse {
		e, ok := ns.Lookup(name)
		return ok && len(e.Use) > 0
	}
	return true
}

// selectedBelow reports whether an inferior of name that counts meets the selection options.
func selectedBelow(ns *mailbox.Namespace, cmd *imapwire.List, name string, counts func(string) bool) bool {
	if cmd.Select.Subscribed {
		for sub := range ns.SubscribedBelow(name) {
			if selects(ns, cmd, sub) && counts(sub) {
				return true
			}
		}
		return false
	}
	for e := range ns.Inferiors(name) {
		if selects(ns, cmd, e.Name) && counts(e.Name) {
			return true
		}
	}
	return false
}

// mailboxInfo returns what LIST tells of a name whatever was asked for: its children (RFC 3348)
// and its special uses.
func (c *conn) mailboxInfo(ns *mailbox.Namespace, name string) *imap.MailboxInfo {
	info := &imap.MailboxInfo{Name: name, Delim: mailbox.Delim}
	entry, ok := ns.Lookup(name)
	if !ok {
		info.Attrs = append(info.Attrs, imap.AttrNonExistent)
	}
	if ns.HasChildren(name) {
		info.Attrs = append(info.Attrs, imap.AttrHasChildren)
	} else {
		info.Attrs = append(info.Attrs, imap.AttrHasNoChildren)
	}
	info.Attrs = append(info.Attrs, entry.Use...)
	return info
}

// matcher returns a function that reports whether a name matches one of the patterns, each behind
// the reference (RFC 9051 §6.3.9).
func matcher(ref string, patterns []string) func(name string) bool {
	var full []pattern
	for _, p := range patterns {
		p = ref + p
		full = append(full, newPattern(p))
		// INBOX is INBOX in any case (RFC 9051 §5.1).
		if n := len(imap.Inbox); len(p) >= n && p[:n] != imap.Inbox && strings.EqualFold(p[:n], imap.Inbox) {
			full = append(full, newPattern(imap.Inbox+p[n:]))
		}
	}
	return func(name string) bool {
		for _, p := range full {
			if p.match(name) || name == imap.Inbox && newPattern(strings.ToUpper(p.text)).match(name) {
				return true
			}
		}
		return false
	}
}

// pattern is a pattern of LIST, in which "*" stands for anything and "%" for anything within one
// level.
type pattern struct {
	text     string
	literals int // octets that are not wildcards: no name that is shorter matches
}

// newPattern returns the pattern with every run of wildcards made one, so that a long pattern
// costs no more than a long name.
func newPattern(s string) pattern {
	var p pattern
	out := make([]byte, 0, len(s))
	for _, c := range []byte(s) {
		switch last := len(out) - 1; {
		case c != '*' && c != '%':
			p.literals++
		case last >= 0 && (out[last] == '*' || out[last] == c):
			continue
		case last >= 0 && out[last] == '%':
			out = out[:last]
		}
		out = append(out, c)
	}
	p.text = string(out)
	return p
}

// match reports whether a name matches. It takes about 2*len(name)² steps at most.
func (p pattern) match(name string) bool {
	if p.literals > len(name) {
		return false
	}
	// reached[i] says that the pattern so far matches name[:i].
	reached := make([]bool, len(name)+1)
	reached[0] = true
	for _, c := range []byte(p.text) {
		switch c {
		case '*', '%':
			for i := range len(name) {
				if reached[i] && (c == '*' || name[i] != mailbox.Delim) {
					reached[i+1] = true
				}
			}
		default:
			for i := len(name); i > 0; i-- {
				reached[i] = reached[i-1] && name[i-1] == c
			}
			reached[0] = false
		}
	}
	return reached[len(name)]
}
