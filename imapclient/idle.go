package imapclient

import (
	"context"
	"time"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["IDLE"] = spec{hazard: alone | mayExpunge, needs: imap.CapIdle} }

// Update is something that the server says unasked about the selected mailbox.
type Update struct {
	Kind    UpdateKind
	Num     uint32        // UpdateExists: how many messages there are; UpdateExpunge: the sequence number
	Message *imap.Message // UpdateFlags: the sequence number, the flags, and the UID if the server tells it
	Text    string        // UpdateAlert: for people to read
}

// UpdateKind says what an Update is about.
type UpdateKind uint8

const (
	UpdateExists UpdateKind = iota
	UpdateExpunge
	UpdateFlags
	UpdateAlert
)

// idleState is how far an IDLE has come.
type idleState uint8

const (
	idleAsked idleState = iota
	idleListening
	idleDone // DONE is sent
)

// Idle waits for news of the selected mailbox (RFC 2177, RFC 9051 §6.3.13). It ends when the loop
// is left, when any other command is called, which it makes room for, when Timeouts.Idle is over,
// and when the server ends it. The server has to offer IDLE; Mailbox.Watch does without.
func (c *Conn) Idle(ctx context.Context) *Stream[Update] {
	cmd := c.newCommand(ctx, &imapwire.Idle{})
	s := newStream[Update](cmd)
	cmd.data = func(r imapwire.Response) bool {
		u, ok := update(r)
		if ok {
			s.put(u)
		}
		return ok
	}
	cmd.cont = func(string) []byte { return c.idling(cmd) }
	cmd.end = func(_ *imapwire.StatusResponse, err error) error {
		c.setIdle(time.Time{})
		return err
	}
	c.enqueue(cmd)
	return s
}

func update(r imapwire.Response) (u Update, ok bool) {
	switch r := r.(type) {
	case *imapwire.ExistsData:
		return Update{Kind: UpdateExists, Num: r.Num}, true
	case *imapwire.ExpungeData:
		return Update{Kind: UpdateExpunge, Num: uint32(r.Seq)}, true
	case *imapwire.FetchData:
		_ = r.Keep()
		return Update{Kind: UpdateFlags, Num: uint32(r.Seq), Message: &r.Message}, true
	case *imapwire.StatusResponse:
		return Update{Kind: UpdateAlert, Text: r.Text}, r.Code == imap.CodeAlert
	}
	return u, false
}

func (c *Conn) setIdle(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.idleSince = since
}

// idling is told that the server listens.
func (c *Conn) idling(cmd *command) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd.idle != idleAsked {
		return nil
	}
	cmd.idle = idleListening
	if cmd.unwanted || len(c.mu.queue) > 0 {
		cmd.idle = idleDone
		return []byte("DONE\r\n")
	}
	c.mu.idleSince = time.Now()
	return nil
}

// endIdle sends DONE, once, as soon as the server listens. Called with mu.
func (c *Conn) endIdle(cmd *command) {
	cmd.unwanted = true
	if cmd.idle == idleListening {
		cmd.idle = idleDone
		c.mu.idleSince = time.Time{}
		c.queueLine(cmd, []byte("DONE\r\n"))
		c.src.within(c.o.Timeouts.Command)
	}
}

// renewIdle ends an IDLE that has lasted long enough and reports whether there was one.
func (c *Conn) renewIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.idleSince.IsZero() || len(c.mu.flight) != 1 {
		return false
	}
	c.endIdle(c.mu.flight[0])
	return true
}

// leaveIdle ends an IDLE that has served its purpose; what comes until its reply is still yielded.
func (c *Conn) leaveIdle(cmd *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endIdle(cmd)
}
