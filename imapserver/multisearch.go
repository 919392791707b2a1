package imapserver

import (
	"errors"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// multiSearchExtension is ESEARCH, which searches mailboxes that need not be selected.
var multiSearchExtension = extension{
	name: "MULTISEARCH", rfc: "RFC 7377",
	capabilities: afterLogin(string(imap.CapMultiSearch)),
	commands: map[string]command{
		"ESEARCH": {in: loggedIn, run: handler(runMultiSearch)},
	},
}

// maxSearchedMailboxes is how many mailboxes one ESEARCH searches. The keys that it may try are those of
// any search, in all of them together.
const maxSearchedMailboxes = 10000

// runMultiSearch is ESEARCH (RFC 7377 §2).
func runMultiSearch(c *conn, cmd *imapwire.MultiSearch) error {
	boxes, err := c.searchedMailboxes(cmd)
	if err != nil {
		return err
	}
	returns, err := c.searchReturns(&cmd.Search)
	if err != nil {
		return err
	}
	tried := 0
	for _, box := range boxes {
		if err := c.searchMailbox(cmd, returns, box, &tried); err != nil {
			return err
		}
	}
	return nil
}

// searchedMailboxes returns the mailboxes that a command means, each once. Names of nothing are none.
func (c *conn) searchedMailboxes(cmd *imapwire.MultiSearch) (boxes []mailbox.Entry, err error) {
	names, err := c.account.Refresh(c.ctx)
	if err != nil {
		return nil, err
	}
	sources := cmd.Sources
	if len(sources) == 0 {
		sources = []imapwire.SearchSource{{Kind: imap.SourceSelected}}
	}
	known := map[mailbox.ID]bool{}
	add := func(box mailbox.Entry, ok bool) {
		if ok && !known[box.ID] {
			known[box.ID] = true
			boxes = append(boxes, box)
		}
	}
	selected, others := false, false
	for _, s := range sources {
		others = others || s.Kind != imap.SourceSelected
		switch s.Kind {
		case imap.SourceSelected:
			if c.sel == nil {
				return nil, bad("Select a mailbox first")
			}
			selected = true
			add(names.ByID(c.sel.box.Ref().Mailbox))
		case imap.SourceInboxes:
			add(names.Lookup(imap.Inbox))
		case imap.SourcePersonal:
			for box := range names.All() {
				add(box, true)
			}
		case imap.SourceSubscribed:
			for name := range names.Subscribed() {
				add(names.Lookup(name))
			}
		}
		for _, name := range s.Names {
			add(names.Lookup(name))
			if s.Kind == imap.SourceMailboxes {
				continue
			}
			for box := range names.Inferiors(name) {
				below := box.Name[len(name)+1:]
				add(box, s.Kind == imap.SourceSubtree || strings.IndexByte(below, mailbox.Delim) < 0)
			}
		}
		if len(boxes) > maxSearchedMailboxes {
			return nil, no(imap.CodeLimit, "A search can be of %d mailboxes", maxSearchedMailboxes)
		}
	}
	if cmd.Return != nil && cmd.Return.Save && others {
		return nil, bad("SAVE is for the selected mailbox alone")
	}
	if optionNamed(cmd.ReturnOptions, "UPDATE") != nil && !selected {
		return nil, bad("UPDATE is for the selected mailbox")
	}
	return boxes, nil
}

// searchMailbox searches one mailbox. Of one in which the user may not search, or which has just gone, nothing
// is told (RFC 7377 §2.2).
func (c *conn) searchMailbox(cmd *imapwire.MultiSearch, returns []searchReturn, box mailbox.Entry, tried *int) error {
	sel := c.sel
	if sel == nil || sel.box.Ref() != c.ref(box.ID) {
		var err error
		if sel, err = c.openToSearch(box); err != nil || sel == nil {
			return err
		}
		defer sel.box.Close()
	}
	var hits []searchHit
	p, root, err := c.compileSearch(sel, cmd.Charset, &cmd.Key)
	if err == nil {
		seen := 0
		p.tried = *tried
		hits, err = p.find(root, sel.view.Rows(), &seen)
		*tried = p.tried
	}
	if sel == c.sel {
		for _, r := range returns {
			if r.done != nil {
				r.done(c, &cmd.Search, nil, hits, err)
			}
		}
	}
	if err != nil || len(hits) == 0 {
		return err
	}
	d := imapwire.ESearchData{Tag: c.tag, UID: true, Mailbox: box.Name, UIDValidity: sel.view.UIDValidity, UTF8: c.utf8Names()}
	c.answerESearch(sel, &cmd.Search, &d, returns, hits)
	return c.room()
}

// openToSearch opens a mailbox as a session sees it that has just selected it. None of its messages is
// \Recent. It returns nil when there is nothing to search.
func (c *conn) openToSearch(entry mailbox.Entry) (*selection, error) {
	box, err := c.s.Mail.Open(c.ctx, c.actor, c.ref(entry.ID))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	view, err := box.Refresh(c.ctx)
	if err != nil || view.Deleted {
		box.Close()
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return nil, err
	}
	box.Hold(view)
	return &selection{box: box, readOnly: true, view: view}, nil
}
