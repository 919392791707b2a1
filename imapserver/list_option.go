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
	// names yields names to select from that may not be those of mailboxes, only those below a name
	// if there is one; nil: only mailboxes.
	names func(ns *mailbox.Namespace, below string) iter.Seq[string]
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

// candidates yields what a LIST selects from, all or only what is below a name: the names that an
// option has, or those of mailboxes, and reports which.
func (o *listOptions) candidates(ns *mailbox.Namespace, below string) (names iter.Seq[string], mailboxes bool) {
	for _, s := range o.selections {
		if s.names != nil {
			return s.names(ns, below), false
		}
	}
	entries := ns.All()
	if below != "" {
		entries = ns.Inferiors(below)
	}
	return func(yield func(string) bool) {
		for e := range entries {
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

// meetBelow reports whether an inferior of name that counts meets them.
func (o *listOptions) meetBelow(ns *mailbox.Namespace, name string, counts func(string) bool) bool {
	candidates, _ := o.candidates(ns, name)
	for inferior := range candidates {
		if o.meet(ns, inferior) && counts(inferior) {
			return true
		}
	}
	return false
}
