package imapclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"restante/imap"
	"restante/imapwire"
)

// Conn is one connection to a server. Its methods may be called from any goroutine. Those that
// return a Pending or a Stream write their command at once and do not wait.
type Conn struct {
	o    Options
	nc   net.Conn
	host string // for TLS
	src  *source
	lead chan struct{} // holds a token while somebody reads; guards the fields down to tasks
	// private says that the connection is no network's, so that secrets need no TLS.
	private bool
	rd      *imapwire.ResponseReader
	po      imapwire.ResponseOptions
	literal *openLiteral // the literal that the framer is in the middle of
	// lent is a message that lies in the read buffer, while the reader of a stream looks at it.
	lent struct {
		to      *Stream[*imap.Message]
		message *imap.Message
	}
	now view // as of the last response
	// said is what the server has said for people to read, or in no form at all, since the last reply:
	// mostly the reason of the refusal that follows.
	said string
	// dropped counts the octets that were read since there is a reply that nobody wants.
	dropped int64
	tasks   sync.WaitGroup
	read    atomic.Int64 // octets

	mu struct {
		sync.Mutex
		err      error      // why the connection is of no use any more
		queue    []*command // not admitted yet, in the order of the calls
		flight   []*command // admitted, in the same order
		unsent   []*command // of flight: not written to the end
		writing  bool       // the write loop runs
		draining int        // replies that nobody wants and that are still to come
		tags     uint64

		caps      CapSet
		capsKnown bool
		encoder   imapwire.Encoder
		rawNames  map[string]string // decoded name: as LIST sent it, where they differ
		rev2      bool
		utf8      bool
		state     state
		sel       *selection
		onAlert   func(text string) // is told what the server wants people to read
		idleSince time.Time
		lastUsed  time.Time // when a command was called
		noInitial bool      // the server says SASL-IR but refuses it
	}
}

// state is a connection's state (RFC 9051 §3); selected is Conn.mu.sel.
type state uint8

const (
	notAuthenticated state = iota
	authenticated
	loggedOut
)

// lostError says that the connection ended before the command did.
type lostError struct {
	cause     error
	uncertain bool // the server may have got the command, which is not to be repeated
}

func (e *lostError) Error() string {
	if e.uncertain {
		return "imapclient: " + imap.ErrUncertain.Error() + ": " + e.cause.Error()
	}
	return "imapclient: " + imap.ErrClosed.Error() + ": " + e.cause.Error()
}

func (e *lostError) Unwrap() []error {
	if e.uncertain {
		return []error{imap.ErrClosed, imap.ErrUncertain, e.cause}
	}
	return []error{imap.ErrClosed, e.cause}
}

// Reasons for the end of a connection.
var (
	errClosedHere = errors.New("closed by this side")
	errAbandoned  = errors.New("the reply to an abandoned command did not end in time")
	errTimeout    = errors.New("no answer from the server in time")
)

// protocolError is imap.ErrProtocol with what happened.
type protocolError string

func (e protocolError) Error() string {
	return "imapclient: " + imap.ErrProtocol.Error() + ": " + string(e)
}
func (e protocolError) Unwrap() error { return imap.ErrProtocol }

// enqueue takes a command; it is written at once unless it has to wait.
func (c *Conn) enqueue(cmd *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err != nil {
		c.finish(cmd, &lostError{cause: c.mu.err})
		return
	}
	if err := cmd.ctx.Err(); err != nil {
		c.finish(cmd, context.Cause(cmd.ctx))
		return
	}
	c.mu.lastUsed = time.Now()
	c.mu.queue = append(c.mu.queue, cmd)
	c.admit()
}

// admit moves commands from the queue to the flight as far as the hazards allow. Called with mu.
func (c *Conn) admit() {
	n := 0
	for _, cmd := range c.mu.queue {
		if c.mustWait(cmd) {
			break
		}
		n++
		if err := c.encode(cmd); err != nil {
			c.finish(cmd, err)
			continue
		}
		if cmd.hz&selects != 0 {
			c.deselect()
		}
		c.mu.flight = append(c.mu.flight, cmd)
		c.mu.unsent = append(c.mu.unsent, cmd)
	}
	clear(c.mu.queue[:n])
	if c.mu.queue = c.mu.queue[n:]; len(c.mu.queue) == 0 {
		c.mu.queue = nil
	}
	c.startWriter()
}

// mustWait reports whether the command has to wait. Called with mu.
func (c *Conn) mustWait(cmd *command) bool {
	if c.mu.draining > 0 || len(c.mu.flight) >= c.o.MaxPipeline {
		return true
	}
	for _, f := range c.mu.flight {
		if f.hz.blocks(cmd.hz) {
			if _, idle := f.wire.(*imapwire.Idle); idle {
				c.endIdle(f)
			}
			return true
		}
	}
	return false
}

// encode gives the command its tag and its octets. Called with mu.
func (c *Conn) encode(cmd *command) error {
	c.mu.tags++
	cmd.tag = "R" + strconv.FormatUint(c.mu.tags, 10)
	e := &c.mu.encoder
	e.Reset()
	e.EncoderOptions = imapwire.EncoderOptions{
		LiteralPlus:  c.mu.caps.Has(imap.CapLiteralPlus),
		LiteralMinus: c.mu.caps.Has(imap.CapLiteralMinus) || c.mu.rev2,
		UTF8:         c.mu.utf8,
		RawName:      c.rawName,
	}
	if err := e.Command(cmd.tag, cmd.wire); err != nil {
		return err
	}
	buf := append([]byte(nil), e.Bytes()...)
	at := 0
	for _, s := range e.Segments() {
		cmd.out = append(cmd.out, buf[at:at+len(s):at+len(s)])
		at += len(s)
	}
	if cmd.literal != nil {
		cmd.literal.wait = e.WaitAtEnd()
	}
	return nil
}

// rawName returns a mailbox name as the server wrote it. Called with mu.
func (c *Conn) rawName(name string) (string, bool) {
	raw, ok := c.mu.rawNames[name]
	return raw, ok
}

// deselect ends the selection. Called with mu.
func (c *Conn) deselect() { c.mu.sel = nil }

// finish ends a command that has no tagged reply. Called with mu.
func (c *Conn) finish(cmd *command, err error) {
	if cmd.finished() {
		return
	}
	cmd.err = err
	c.ended(cmd)
}

// ended tells everybody that err and reply are final. Called with mu.
func (c *Conn) ended(cmd *command) {
	if cmd.literal != nil && !cmd.literal.started && !cmd.owesLiteral() {
		cmd.literal.release()
	}
	close(cmd.done)
}

// fail ends the connection; the first reason counts.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(err)
}

// end is fail with mu held.
func (c *Conn) end(err error) {
	if c.mu.err != nil {
		return
	}
	c.mu.err = err
	c.deselect()
	for _, cmd := range c.mu.flight {
		c.finish(cmd, &lostError{cause: err, uncertain: cmd.sent() && cmd.hz&changes != 0})
	}
	for _, cmd := range c.mu.queue {
		c.finish(cmd, &lostError{cause: err})
	}
	for _, cmd := range c.mu.unsent {
		if cmd.literal != nil && !cmd.literal.started {
			cmd.literal.release()
		}
	}
	c.mu.flight, c.mu.queue, c.mu.unsent = nil, nil, nil
	if tc, ok := c.nc.(*tls.Conn); ok && err != errClosedHere {
		_ = tc.NetConn().Close() // TLS would wait for a peer that does not answer to take its farewell
		return
	}
	_ = c.nc.Close()
}

// Err returns why the connection ended, nil while it is of use.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err == nil {
		return nil
	}
	return &lostError{cause: c.mu.err}
}

// unused returns how long no command was called.
func (c *Conn) unused() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.mu.lastUsed)
}

// Close ends the connection without saying so to the server. Commands on their way fail with
// imap.ErrClosed.
func (c *Conn) Close() error {
	c.fail(errClosedHere)
	c.tasks.Wait()
	return nil
}

// abandon gives a command up; cause is what its caller is to learn. A command that is not written
// yet is taken back. Otherwise its reply is read and dropped by a goroutine, and until that has
// ended no other command is written: should the connection have to be closed, none is lost.
func (c *Conn) abandon(cmd *command, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd.finished() {
		if cmd.err == nil {
			return cause
		}
		return cmd.err
	}
	if slices.Contains(c.mu.queue, cmd) {
		c.mu.queue = without(c.mu.queue, cmd)
		c.finish(cmd, cause)
		c.admit()
		return cause
	}
	if _, idle := cmd.wire.(*imapwire.Idle); idle {
		c.endIdle(cmd)
	}
	if cmd.literal != nil && slices.Contains(c.mu.unsent, cmd) {
		c.end(errAbandoned) // a message that was announced cannot be taken back
		return cause
	}
	c.mu.draining++
	c.tasks.Add(1)
	limit := drainTime
	if _, idle := cmd.wire.(*imapwire.Idle); idle {
		limit = c.o.Timeouts.Literal // the server has been told, and answers when it gets to it
	}
	go c.drain(cmd, limit)
	return cause
}

// How long, and how much, is read of a reply that nobody wants.
const (
	drainTime   = time.Second
	drainOctets = 256 << 10
)

// drain reads until the abandoned command has ended, within limits.
func (c *Conn) drain(cmd *command, limit time.Duration) {
	defer c.tasks.Done()
	late := time.AfterFunc(limit, func() { c.fail(errAbandoned) })
	defer late.Stop()
	for !cmd.finished() {
		select {
		case <-cmd.done:
		case c.lead <- struct{}{}:
			for err := error(nil); err == nil && !cmd.finished(); {
				if err = c.step(nil); err == errFull {
					c.fail(errAbandoned)
				}
			}
			<-c.lead
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.draining--
	c.admit()
}

func (c *Conn) route(r imapwire.Response) error {
	switch r := r.(type) {
	case *imapwire.Continuation:
		c.continuation(r.Text)
		return nil
	case *imapwire.StatusResponse:
		return c.status(r)
	case *imapwire.CapabilityData:
		c.setCaps(r.Caps)
	case *imapwire.ListData:
		c.learnName(r)
	}
	c.observe(r)
	for _, cmd := range c.now.flight {
		if cmd.data != nil && cmd.data(r) {
			break
		}
	}
	return nil
}

// status routes a status response.
func (c *Conn) status(r *imapwire.StatusResponse) error {
	if caps, ok := r.Capabilities(); ok {
		c.setCaps(caps)
	}
	switch {
	case r.Tag == "*" && r.Status == "BYE":
		if c.loggingOut() {
			return nil
		}
		return statusError("", "", r)
	case r.Tag == "*":
		for _, cmd := range c.now.flight {
			if cmd.data != nil && cmd.data(r) {
				return nil
			}
		}
		c.alerted(r)
		return nil
	}
	flight := c.now.flight
	for _, cmd := range flight {
		if cmd.tag == r.Tag {
			return c.complete(cmd, r)
		}
	}
	if r.Tag == "" && r.Status != "OK" {
		if len(flight) == 1 {
			return c.complete(flight[0], r)
		}
		return protocolError("reply without a tag: " + r.Status + " " + r.Text)
	}
	return nil // a reply to nothing that is on its way: of no consequence
}

// alerted passes on what people should read (RFC 9051 §7.1, ALERT).
func (c *Conn) alerted(r *imapwire.StatusResponse) {
	if r.Code == imap.CodeAlert || r.Status == "NO" || r.Status == "BAD" {
		c.hear(r.Text)
	}
	if r.Code != imap.CodeAlert {
		return
	}
	c.o.Log.Warn("imap: alert", "host", c.host, "text", r.Text)
	if f := c.alertFunc(); f != nil {
		f(r.Text)
	}
}

// hear remembers what the server says beside its replies.
func (c *Conn) hear(text string) {
	const enough = 500
	if c.said != "" {
		text = c.said + "; " + text
	}
	c.said = text[:min(len(text), enough)]
}

// because adds what was heard to a refusal.
func (c *Conn) because(err error) {
	var e *imap.Error
	if c.said != "" && errors.As(err, &e) {
		if e.Kind == nil {
			e.Kind = imapwire.ErrorKind("", c.said)
		}
		if e.Text == "" {
			e.Text = c.said
		} else {
			e.Text += " (" + c.said + ")"
		}
	}
	c.said = ""
}

func (c *Conn) alertFunc() func(string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.onAlert
}

// complete ends a command with its tagged reply.
func (c *Conn) complete(cmd *command, r *imapwire.StatusResponse) error {
	var err error
	if r.Status != "OK" && r.Status != "PREAUTH" {
		err = statusError(cmd.wire.Name(), cmd.mailbox(), r)
	}
	c.because(err)
	if cmd.end != nil {
		err = cmd.end(r, err)
	}
	c.observed(cmd, err)
	c.removeFromFlight(cmd, r, err)
	if r.Status == "BYE" && !c.loggingOut() {
		return err
	}
	return nil
}

// removeFromFlight takes the command out of the flight and lets others go.
func (c *Conn) removeFromFlight(cmd *command, r *imapwire.StatusResponse, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd.finished() {
		return
	}
	c.mu.flight = without(c.mu.flight, cmd)
	cmd.reply, cmd.err = r, err
	c.ended(cmd)
	c.admit()
	c.startWriter()
}

// without returns the list without cmd. Snapshots of the list stay as they are.
func without(list []*command, cmd *command) []*command {
	i := slices.Index(list, cmd)
	switch {
	case i < 0:
		return list
	case i == 0 && len(list) == 1:
		return nil
	case i == 0: // the rule: replies come in order
		return list[1:]
	}
	return slices.Concat(list[:i], list[i+1:])
}

// observed reports a command to log and trace.
func (c *Conn) observed(cmd *command, err error) {
	now := time.Now()
	c.o.Log.Debug("imap: command", "host", c.host, "cmd", cmd.wire.Name(), "dur", now.Sub(cmd.queuedAt), "err", err)
	if c.o.Trace.Command != nil {
		c.o.Trace.Command(CommandStat{Name: cmd.wire.Name(), Queued: cmd.sentAt.Sub(cmd.queuedAt), Done: now.Sub(cmd.queuedAt), Err: err})
	}
}

// statusError makes an error of a NO, BAD or BYE.
func statusError(op, mailbox string, r *imapwire.StatusResponse) error {
	return imapwire.NewError(op, mailbox, r)
}
