package imapserver

import (
	"slices"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// runList is LIST, RFC 9051 §6.3.9, with the options that the extensions have for it (RFC 5258).
func runList(c *conn, cmd *imapwire.List) error {
	if !cmd.Extended && len(cmd.Patterns) == 1 && cmd.Patterns[0] == "" {
		// A request for the delimiter (RFC 9051 §6.3.9).
		c.out = imapwire.AppendList(c.out, &imap.MailboxInfo{Delim: mailbox.Delim, Attrs: []imap.MailboxAttr{imap.AttrNoselect}}, c.utf8Names())
		return nil
	}
	options, err := c.listOptions(cmd)
	if err != nil {
		return err
	}
	if cmd.Select.RecursiveMatch && len(options.selections) == 0 {
		return bad("RECURSIVEMATCH needs another selection option")
	}
	ns, err := c.account.Refresh(c.ctx)
	if err != nil {
		return err
	}
	names := listed(ns, cmd, &options)
	matches, err := c.matching(names, cmd.Ref, cmd.Patterns)
	if err != nil {
		return err
	}
	var inferiors listInferiors
	if cmd.Select.RecursiveMatch {
		if inferiors, err = options.inferiors(c, ns, names, matches); err != nil {
			return err
		}
	}
	for i, name := range names {
		if err := c.next(listSteps); err != nil {
			return err
		}
		if !matches[i] {
			continue
		}
		wanted := options.meet(ns, name)
		below := cmd.Select.RecursiveMatch && inferiors.selected[i]
		if !wanted {
			// A name that is not selected itself would say nothing new of inferiors that are told of
			// themselves (RFC 9051 §6.3.9.6).
			if below = below && inferiors.untold[i]; !below {
				continue
			}
		}
		entry, exists := ns.Lookup(name)
		info := mailboxInfo(ns, name, options.returns)
		if !exists && !cmd.Extended && !c.rev2() {
			// Older clients know \Noselect only.
			info.Attrs = append(info.Attrs, imap.AttrNoselect)
		}
		if below {
			for _, s := range options.selections {
				info.ChildInfo = append(info.ChildInfo, s.name)
			}
		}
		c.out = imapwire.AppendList(c.out, info, c.utf8Names())
		if exists && wanted {
			if err := c.followList(cmd, options.returns, entry); err != nil {
				return err
			}
		}
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// listSteps is the work of a name besides matching it, in steps.
const listSteps = 64

// followList writes what return options have to tell behind the LIST response of a mailbox.
func (c *conn) followList(cmd *imapwire.List, returns []listReturn, box mailbox.Entry) error {
	for _, r := range returns {
		if r.follow == nil {
			continue
		}
		if err := r.follow(c, cmd, box); err != nil {
			return err
		}
	}
	return nil
}

// mailboxInfo returns what LIST tells of a name.
func mailboxInfo(ns *mailbox.Namespace, name string, returns []listReturn) *imap.MailboxInfo {
	info := &imap.MailboxInfo{Name: name, Delim: mailbox.Delim}
	if _, ok := ns.Lookup(name); !ok {
		info.Attrs = append(info.Attrs, imap.AttrNonExistent)
	}
	for _, r := range returns {
		if r.add != nil {
			r.add(ns, info)
		}
	}
	return info
}

// appendListOf writes the LIST response with which SELECT tells the name of a mailbox (RFC 9051
// §6.3.2): what LIST says without being asked for more.
func (c *conn) appendListOf(name string) error {
	options, err := c.listOptions(&imapwire.List{})
	if err == nil {
		c.out = imapwire.AppendList(c.out, mailboxInfo(c.account.Namespace(), name, options.returns), c.utf8Names())
	}
	return err
}

// listed returns the names that a LIST may tell of: all that it selects from and, when they can
// matter, the levels that those imply.
func listed(ns *mailbox.Namespace, cmd *imapwire.List, options *listOptions) []string {
	candidates, mailboxes := options.candidates(ns)
	names := slices.Collect(candidates)
	if cmd.Select.RecursiveMatch || mailboxes && levelsWanted(cmd.Patterns) {
		return withLevels(names)
	}
	return names
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
