package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	name := mailboxOf(func(c *imapwire.Select) string { return c.Mailbox })
	commands["SELECT"] = spec{hazard: selects | mayExpunge, mailbox: name}
	commands["EXAMINE"] = spec{hazard: selects | mayExpunge, mailbox: name}
}

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
	cmd.data = s.record
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

// record notes what the server says between SELECT and its tagged reply.
func (s *selection) record(r imapwire.Response) bool {
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
		return s.recordCode(r)
	default:
		return false
	}
	return true
}

// selectCodes are the response codes that SELECT is answered with. The file of an extension adds its
// own; nil: there is nothing to be kept of it.
var selectCodes = map[imap.Code]func(d *SelectData, r *imapwire.StatusResponse){
	imap.CodeUIDValidity:    func(d *SelectData, r *imapwire.StatusResponse) { d.UIDValidity, _ = r.UIDValidity() },
	imap.CodeUIDNext:        func(d *SelectData, r *imapwire.StatusResponse) { d.UIDNext, _ = r.UIDNext() },
	imap.CodeUnseen:         func(d *SelectData, r *imapwire.StatusResponse) { d.Unseen, _ = r.Unseen() },
	imap.CodePermanentFlags: func(d *SelectData, r *imapwire.StatusResponse) { d.PermanentFlags, _ = r.PermanentFlags() },
	imap.CodeUIDNotSticky:   nil,
	"HIGHESTMODSEQ":         nil,
	"NOMODSEQ":              nil,
	"MAILBOXID":             nil,
}

func (s *selection) recordCode(r *imapwire.StatusResponse) bool {
	note, known := selectCodes[r.Code]
	if note != nil {
		note(&s.data, r)
	}
	return known
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

// Select selects a mailbox for reading and writing. What was selected before no longer is.
func (c *Client) Select(ctx context.Context, name string) (*Mailbox, error) {
	return c.open(ctx, &Mailbox{c: c, name: name})
}

// Examine selects a mailbox for reading only: no flag changes, not even \Seen.
func (c *Client) Examine(ctx context.Context, name string) (*Mailbox, error) {
	return c.open(ctx, &Mailbox{c: c, name: name, examine: true})
}
