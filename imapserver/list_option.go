package imapserver

import (
	"iter"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// listSelection serves a selection option of LIST: only names that meet it are told (RFC 5258 §3.1).
type listSelection struct {
	name string // also in CHILDINFO (RFC 5258 §4)
	// given reports whether a command has the option; nil: when it is among cmd.SelectOptions.
	given func(*imapwire.List) bool
	meets func(ns *mailbox.Namespace, name string) bool
	// names yields names to select from that may not be those of mailboxes; nil: only mailboxes.
	names func(ns *mailbox.Namespace) iter.Seq[string]
}

// listReturn serves a return option of LIST: more is told of names (RFC 5258 §3.2). Of its functions
// those may be nil that it does not need.
type listReturn struct {
	name string
	// given reports whether a command has the option; nil: when it is among cmd.ReturnOptions.
	given func(*imapwire.List) bool
	// check refuses the command before anything is told.
	check func(*conn, *imapwire.List) error
	// add adds to the LIST response of a name.
	add func(ns *mailbox.Namespace, info *imap.MailboxInfo)
	// follow writes responses of its own behind the LIST response of a mailbox.
	follow func(*conn, *imapwire.List, mailbox.Entry) error
}

// listOptions are the options that a LIST command has.
type listOptions struct {
	selections []listSelection
	returns    []listReturn
}

func (c *conn) listOptions(cmd *imapwire.List) (o listOptions, err error) {
	selections, returns := c.s.features.listSelections, c.s.features.listReturns
	if err := checkOptions(cmd, cmd.SelectOptions, selections, func(s *listSelection) string { return s.name }); err != nil {
		return o, err
	}
	if err := checkOptions(cmd, cmd.ReturnOptions, returns, func(r *listReturn) string { return r.name }); err != nil {
		return o, err
	}
	for _, s := range selections {
		if isGiven(s.given, cmd, cmd.SelectOptions, s.name) {
			o.selections = append(o.selections, s)
		}
	}
	for _, r := range returns {
		if !isGiven(r.given, cmd, cmd.ReturnOptions, r.name) {
			continue
		}
		if r.check != nil {
			if err := r.check(c, cmd); err != nil {
				return o, err
			}
		}
		o.returns = append(o.returns, r)
	}
	return o, nil
}

// candidates yields what a LIST selects from: the names that an option has, or those of mailboxes, and
// reports which.
func (o *listOptions) candidates(ns *mailbox.Namespace) (names iter.Seq[string], mailboxes bool) {
	for _, s := range o.selections {
		if s.names != nil {
			return s.names(ns), false
		}
	}
	return func(yield func(string) bool) {
		for e := range ns.All() {
			if !yield(e.Name) {
				return
			}
		}
	}, true
}

// meet reports whether a name meets all selection options.
func (o *listOptions) meet(ns *mailbox.Namespace, name string) bool {
	for _, s := range o.selections {
		if !s.meets(ns, name) {
			return false
		}
	}
	return true
}

// listInferiors tells of each name that a LIST may tell of whether it has inferiors that meet all
// selection options: any, or such that the LIST does not tell of.
type listInferiors struct{ selected, untold []bool }

// inferiors finds them, for RECURSIVEMATCH. names, in the order of mailbox.Namespace.All, have their
// levels among them; matches says which the LIST tells of.
func (o *listOptions) inferiors(c *conn, ns *mailbox.Namespace, names []string, matches []bool) (listInferiors, error) {
	found := listInferiors{make([]bool, len(names)), make([]bool, len(names))}
	var above []int // the names that the current one is below of
	for i, name := range names {
		for len(above) > 0 && !isBelow(name, names[above[len(above)-1]]) {
			above = above[:len(above)-1]
		}
		if err := c.next(listSteps + len(above)); err != nil {
			return found, err
		}
		if o.meet(ns, name) {
			for _, level := range above {
				found.add(level, matches[i])
			}
			if names[0] == imap.Inbox && isBelow(name, imap.Inbox) {
				found.add(0, matches[i]) // INBOX is first, wherever its inferiors are
			}
		}
		above = append(above, i)
	}
	return found, nil
}

func (f *listInferiors) add(level int, told bool) {
	f.selected[level] = true
	if !told {
		f.untold[level] = true
	}
}

func isBelow(name, level string) bool {
	return len(name) > len(level) && name[len(level)] == mailbox.Delim && name[:len(level)] == level
}
