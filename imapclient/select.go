package imapclient

import (
	"context"
	"time"

	"restante/imap"
	"restante/imapwire"
)

// SelectData is what a server says of a mailbox as it is selected (RFC 9051 §6.3.2).
type SelectData struct {
	ReadOnly       bool
	Exists         int
	UIDValidity    uint32            // 0: the server did not say
	UIDNext        imap.UID          // 0: the server did not say
	Unseen         imap.SeqNum       // of IMAP4rev1: the first message without \Seen; 0: unknown
	Flags          []imap.Flag       // in use
	PermanentFlags []imap.Flag       // that can be changed for good; with imap.AnyKeyword, new ones too
	Mailbox        *imap.MailboxInfo // LIST data of IMAP4rev2, nil without
}

// selection is a selected mailbox, from its SELECT to whatever ends it.
type selection struct {
	name     string
	readOnly bool
	data     SelectData
	exists   uint32 // guarded by Conn.mu, as tracker is
	tracker  *tracker
}

// Select selects a mailbox for reading and writing (RFC 9051 §6.3.2).
func (c *Conn) Select(ctx context.Context, name string) *Pending[*SelectData] {
	return c.selectMailbox(ctx, &imapwire.Select{Mailbox: name})
}

// Examine selects a mailbox for reading only (RFC 9051 §6.3.3).
func (c *Conn) Examine(ctx context.Context, name string) *Pending[*SelectData] {
	return c.selectMailbox(ctx, &imapwire.Select{Mailbox: name, Examine: true})
}

func (c *Conn) selectMailbox(ctx context.Context, wire *imapwire.Select) *Pending[*SelectData] {
	s := &selection{name: wire.Mailbox, readOnly: wire.Examine}
	v := new(*SelectData)
	*v = &s.data
	cmd := c.newCommand(ctx, wire)
	cmd.data = s.take
	cmd.end = func(r *imapwire.StatusResponse, err error) error {
		if err != nil {
			return err
		}
		switch r.Code {
		case imap.CodeReadOnly:
			s.readOnly = true
		case imap.CodeReadWrite:
			s.readOnly = wire.Examine
		}
		s.data.ReadOnly = s.readOnly
		c.selected(s)
		return nil
	}
	return send(cmd, v)
}

func (c *Conn) selected(s *selection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.exists = uint32(s.data.Exists)
	c.mu.sel = s
}

// take notes what the server says between SELECT and its tagged reply.
func (s *selection) take(r imapwire.Response) bool {
	d := &s.data
	switch r := r.(type) {
	case *imapwire.ExistsData:
		d.Exists = int(r.Num)
	case *imapwire.RecentData:
	case *imapwire.FlagsData:
		d.Flags = r.Flags
	case *imapwire.ListData:
		if r.Name != "LIST" {
			return false
		}
		d.Mailbox = &r.Info
	case *imapwire.StatusResponse:
		if r.Code == imap.CodeClosed { // what came so far was about the mailbox before
			s.data = SelectData{}
			return true
		}
		return s.takeCode(r)
	default:
		return false
	}
	return true
}

func (s *selection) takeCode(r *imapwire.StatusResponse) bool {
	d := &s.data
	switch r.Code {
	case imap.CodeUIDValidity:
		d.UIDValidity, _ = r.UIDValidity()
	case imap.CodeUIDNext:
		d.UIDNext, _ = r.UIDNext()
	case imap.CodeUnseen:
		d.Unseen, _ = r.Unseen()
	case imap.CodePermanentFlags:
		d.PermanentFlags, _ = r.PermanentFlags()
	case "HIGHESTMODSEQ", "NOMODSEQ", "MAILBOXID", "UIDNOTSTICKY":
	default:
		return false
	}
	return true
}

// observe notes what a response says of the selected mailbox, whomever it is for.
func (c *Conn) observe(r imapwire.Response) {
	switch r := r.(type) {
	case *imapwire.ExistsData, *imapwire.ExpungeData:
		c.observeCount(r)
	case *imapwire.FetchData:
		if c.now.tracker != nil {
			c.now.tracker.fetched(&r.Message)
		}
	}
}

func (c *Conn) observeCount(r imapwire.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.mu.sel
	if s == nil {
		return
	}
	switch r := r.(type) {
	case *imapwire.ExistsData:
		s.exists = r.Num
		if s.tracker != nil {
			s.tracker.grew(r.Num)
		}
	case *imapwire.ExpungeData:
		if s.exists > 0 {
			s.exists--
		}
		if s.tracker != nil {
			s.tracker.expunged(r.Seq)
		}
	}
}

// selection returns the selected mailbox.
func (c *Conn) selection() *selection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.sel
}

// Unselect leaves the mailbox and expunges nothing (RFC 9051 §6.4.2). A server without UNSELECT
// is asked for a mailbox that does not exist, which has the same effect.
func (c *Conn) Unselect(ctx context.Context) *Pending[struct{}] {
	if c.Caps().Has(imap.CapUnselect) {
		return c.simple(ctx, &imapwire.Unselect{})
	}
	cmd := c.newCommand(ctx, &imapwire.Select{Mailbox: "no such mailbox " + time.Now().UTC().Format("20060102150405.000000000"), Examine: true})
	cmd.end = func(r *imapwire.StatusResponse, err error) error {
		if r.Status == "NO" {
			return nil
		}
		return err
	}
	return send(cmd, new(struct{}))
}

// CloseMailbox leaves the mailbox; when it was selected for writing, messages with \Deleted are
// removed without a word (RFC 9051 §6.4.1, CLOSE).
func (c *Conn) CloseMailbox(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Close{})
}
