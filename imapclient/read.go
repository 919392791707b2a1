package imapclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"restante/imap"
	"restante/imapwire"
)

func newFramer(src *source, o *Options) *imapwire.ResponseReader {
	return imapwire.NewResponseReader(src, imapwire.ResponseReaderOptions{
		StreamOver: o.StreamOver, MaxLine: o.MaxLine, MaxLiteral: o.MaxLiteral,
	})
}

// errFull is what step returns when what comes next is for a stream that holds enough already.
var errFull = errors.New("imapclient: stream is full")

// step reads one response and hands it to whom it is for. The caller leads; self is the stream it
// leads for, if any. An error other than errFull has ended the connection.
func (c *Conn) step(self *Stream[*imap.Message]) error {
	before := c.read.Load()
	if c.lent.to != nil {
		// The loop that has the message has gone on. Whoever kept it gets an error, never other
		// octets; who reads it at this moment, in another goroutine, may go on doing so.
		if c.lent.to != self || !c.lent.message.Expire() {
			c.rd.Detach()
		}
		c.lent.to, c.lent.message = nil, nil
	}
	if c.literal != nil {
		if err := c.finishLiteral(self); err != nil {
			return err
		}
	}
	for _, cmd := range c.now.flight {
		if cmd.full != nil && cmd.full() {
			return errFull
		}
	}
	c.listen(c.rd.Buffered() == 0)
	frame, lit, err := c.rd.ReadResponse()
	c.now = c.view() // what is answered may have been sent while we waited
	if err == nil {
		err = c.receive(frame, lit)
	} else if err == errInterrupted {
		return nil
	}
	if c.dropped += c.read.Load() - before; !c.now.draining {
		c.dropped = 0
	} else if c.dropped > drainOctets && err == nil {
		err = errAbandoned
	}
	if err != nil {
		return c.lost(err)
	}
	return nil
}

// view is what the leader knows of what the lock guards.
type view struct {
	flight   []*command
	draining bool
	tracker  *tracker
}

func (c *Conn) view() view {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := view{flight: c.mu.flight, draining: c.mu.draining > 0}
	if c.mu.sel != nil {
		v.tracker = c.mu.sel.tracker
	}
	return v
}

// listen says how long the server may be silent from now on: as long as an IDLE may last, or as a
// command may. When an IDLE is ended meanwhile, endIdle makes that shorter.
func (c *Conn) listen(between bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := c.o.Timeouts.Command
	if !c.mu.idleSince.IsZero() && c.o.Timeouts.Idle > 0 {
		wait = max(time.Until(c.mu.idleSince.Add(c.o.Timeouts.Idle)), time.Millisecond)
	}
	c.src.begin(between, wait)
}

// lost turns an error of reading into the end of the connection, but for IDLE that is due.
func (c *Conn) lost(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		if c.src.isBetween() && c.renewIdle() {
			return nil
		}
		err = errTimeout
	case ended(err) && c.said != "":
		err = &imap.Error{Status: "BYE", Text: c.said, Kind: imapwire.ErrorKind("", c.said)}
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		err = errors.New("closed by the server")
	}
	c.fail(err)
	return err
}

// ended reports whether an error of reading says that the connection has ended, in whatever way: a server
// that has not read all of what was sent resets it.
func ended(err error) bool {
	var network *net.OpError
	return err == io.EOF || err == io.ErrUnexpectedEOF || err == io.ErrClosedPipe || errors.As(err, &network)
}

// nextFrame reads one response, all its literals in place. For the greeting.
func (c *Conn) nextFrame() ([]byte, error) {
	frame, lit, err := c.rd.ReadResponse()
	if err != nil || lit == nil {
		c.received(frame)
		return frame, err
	}
	return c.collect(frame, lit)
}

// collect reads the literals of a response into memory, for those that are not streamed.
func (c *Conn) collect(frame []byte, lit *imapwire.Literal) ([]byte, error) {
	var whole bytes.Buffer
	whole.Write(frame)
	for lit != nil {
		if lit.Size > c.o.BufferLimit-int64(whole.Len()) {
			return nil, protocolError("literal is too big for the response that it is in")
		}
		_, err := lit.WriteTo(&whole)
		if err != nil {
			return nil, err
		}
		if frame, lit, err = c.rd.Next(); err != nil {
			return nil, err
		}
		whole.Write(frame)
	}
	c.received(frame)
	return whole.Bytes(), nil
}

// received shows a frame to the trace.
func (c *Conn) received(frame []byte) {
	if c.o.Trace.Received == nil || frame == nil {
		return
	}
	if frame = append(frame[:len(frame):len(frame)], "\r\n"...); frame[0] == '+' && c.authenticating() {
		frame = []byte("+ ***\r\n")
	}
	c.o.Trace.Received(frame)
}

// receive parses a response and routes it.
func (c *Conn) receive(frame []byte, lit *imapwire.Literal) error {
	if lit != nil {
		if imapwire.Streamable(frame) {
			return c.receiveOpen(frame, lit)
		}
		var err error
		if frame, err = c.collect(frame, lit); err != nil {
			return err
		}
	} else {
		c.received(frame)
	}
	if len(frame) > 0 && frame[0] == '*' {
		for _, cmd := range c.now.flight {
			if cmd.raw != nil {
				cmd.raw(frame)
			}
		}
	}
	r, err := imapwire.ParseResponse(frame, &c.po)
	if err != nil {
		c.o.Log.Warn("imap: line that is no response", "host", c.host)
		return c.stray(frame)
	}
	if d, ok := r.(*imapwire.FetchData); ok {
		if d.Open {
			return c.continued(d)
		}
		// The reader waits with a few octets of its own, which it cannot leave to anybody.
		if len(d.Bodies) > 0 && len(frame) <= 64 {
			_ = d.Keep()
		}
	}
	return c.route(r)
}

// continued reads the next frame of a FETCH whose list did not end with its line: Domino counts
// a literal two octets short.
func (c *Conn) continued(d *imapwire.FetchData) error {
	_ = d.Keep()
	frame, err := c.nextFrame()
	if err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimLeft(frame, " "), []byte("*")) || bytes.HasPrefix(frame, []byte("R")) {
		if err := c.route(d); err != nil { // that is the next response, not the rest of this one
			return err
		}
		r, err := imapwire.ParseResponse(frame, &c.po)
		if err != nil {
			return c.stray(frame)
		}
		return c.route(r)
	}
	if err := d.Resume(frame, &c.po); err != nil {
		return err
	}
	_ = d.Keep()
	return c.route(d)
}

// stray deals with a line that is no response. One that has a BYE in it, or a known refusal before the
// login, ends the session; any other is skipped, but may be the reason for what follows.
func (c *Conn) stray(frame []byte) error {
	line := strings.TrimSpace(string(frame[:min(len(frame), 500)]))
	kind := imapwire.ErrorKind("", line)
	if strings.Contains(line, "* BYE") || kind != nil && !c.Authenticated() {
		return &imap.Error{Status: "BYE", Text: line, Kind: kind}
	}
	c.hear(line)
	return nil
}

// openLiteral is a body section on its way: the framer stands in its literal.
type openLiteral struct {
	c     *Conn
	lit   *imapwire.Literal
	d     *imapwire.FetchData    // the response that it is in
	owner *Stream[*imap.Message] // who got the message; nil: nobody

	// What follows is guarded by Conn.lead.
	rest   []byte        // what others have read ahead
	passed bool          // the framer has gone on
	gone   chan struct{} // closed then: from now on rest and err are the body's alone
	// skipped says that it has because nobody wanted the octets.
	skipped bool
	err     error
}

// receiveOpen takes a FETCH up to a literal that is too big to be held. When all else that was
// asked for is there the message is handed over, and the literal is read by whoever reads the
// body. Otherwise it is read into memory, as far as that is allowed.
func (c *Conn) receiveOpen(frame []byte, lit *imapwire.Literal) error {
	c.received(frame[:len(frame)-len("\r\n")])
	r, err := imapwire.ParseResponse(frame, &c.po)
	if err != nil {
		return err
	}
	d, ok := r.(*imapwire.FetchData)
	if !ok || d.Pending == nil {
		if frame, err = c.collect(frame, lit); err != nil {
			return err
		}
		if r, err = imapwire.ParseResponse(frame, &c.po); err != nil {
			return c.stray(frame)
		}
		return c.route(r)
	}
	return c.open(d, lit)
}

func (c *Conn) open(d *imapwire.FetchData, lit *imapwire.Literal) error {
	for {
		_ = d.Keep() // the frame goes when the literal is read
		if c.satisfied(d) || lit.Size > c.o.BufferLimit {
			c.literal = &openLiteral{c: c, lit: lit, d: d, gone: make(chan struct{})}
			d.Pending.Stream(lit.Size, c.literal)
			return c.route(d)
		}
		var data bytes.Buffer
		if _, err := lit.WriteTo(&data); err != nil {
			return err
		}
		d.Pending.Stream(int64(data.Len()), bytes.NewReader(data.Bytes()))
		frame, next, err := c.rd.Next()
		if err != nil {
			return err
		}
		c.received(frame)
		if err := d.Resume(frame, &c.po); err != nil {
			return err
		}
		if next == nil || d.Pending == nil {
			if next != nil {
				return protocolError("literal where none can be")
			}
			_ = d.Keep()
			return c.route(d)
		}
		lit = next
	}
}

// satisfied reports whether the message has all that some command on its way wants of it.
func (c *Conn) satisfied(d *imapwire.FetchData) bool {
	for _, cmd := range c.now.flight {
		if cmd.wants != nil && cmd.wants(&d.Message) {
			return true
		}
	}
	return false
}

// finishLiteral brings the framer behind the literal that it stands in. Whoever reads on for the stream
// that has the message does not want the literal any more; for all others it is kept.
func (c *Conn) finishLiteral(self *Stream[*imap.Message]) error {
	p := c.literal
	if p.owner != nil && p.owner != self && !p.owner.over() {
		if p.lit.Remaining() > c.o.BufferLimit {
			return errFull
		}
		var data bytes.Buffer
		_, p.err = p.lit.WriteTo(&data)
		p.rest = data.Bytes()
	} else {
		p.skipped = true
	}
	p.passed = true
	close(p.gone)
	c.literal = nil
	if p.err != nil {
		return c.lost(p.err)
	}
	frame, lit, err := c.rd.Next()
	if err != nil {
		return c.lost(err)
	}
	c.received(frame)
	// What follows is a message of its own: the first part belongs to its reader by now.
	tail := &imapwire.FetchData{Message: imap.Message{Seq: p.d.Seq, UID: p.d.UID, Items: p.d.Items & imap.ItemUID}}
	if err := tail.Resume(frame, &c.po); err != nil {
		return c.lost(err)
	}
	if lit != nil && tail.Pending != nil {
		err = c.open(tail, lit)
	} else if tail.Items&^imap.ItemUID != 0 || len(tail.Bodies) > 0 || len(tail.Extra) > 0 {
		_ = tail.Keep()
		err = c.route(tail)
	}
	if err != nil {
		return c.lost(err)
	}
	return nil
}

// Read reads the literal in the goroutine of the body's reader, which leads meanwhile.
func (p *openLiteral) Read(b []byte) (n int, err error) {
	leads, err := p.begin()
	if err != nil {
		return 0, err
	}
	defer p.end(leads)
	if !leads || p.passed {
		return p.readRest(b)
	}
	if n, err = p.lit.Read(b); err != nil && err != io.EOF {
		err = p.fail(err)
	}
	return n, err
}

func (p *openLiteral) readRest(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, p.noMore()
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// noMore says why there are no more octets than there were.
func (p *openLiteral) noMore() error {
	switch {
	case p.err != nil:
		return p.err
	case p.skipped:
		return imap.ErrStale
	}
	return io.ErrUnexpectedEOF
}

// WriteTo hands w the read buffer. It leads until all is written, so w must not use the connection.
func (p *openLiteral) WriteTo(w io.Writer) (n int64, err error) {
	leads, err := p.begin()
	if err != nil {
		return 0, err
	}
	defer p.end(leads)
	if !leads || p.passed {
		k, err := w.Write(p.rest)
		if p.rest = p.rest[k:]; err == nil && (p.err != nil || p.skipped) {
			err = p.noMore()
		}
		return int64(k), err
	}
	sink := writer{w: w}
	if n, err = p.lit.WriteTo(&sink); err != nil && sink.err == nil {
		err = p.fail(err)
	}
	return n, err
}

// begin takes the lead where it is needed, unless the command is over.
func (p *openLiteral) begin() (leads bool, err error) {
	ctx := context.Background()
	if p.owner != nil {
		ctx = p.owner.cmd.ctx
	}
	select {
	case <-p.gone:
		return false, nil
	case p.c.lead <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

func (p *openLiteral) end(leads bool) {
	if leads {
		<-p.c.lead
	}
}

func (p *openLiteral) fail(err error) error {
	_ = p.c.lost(err)
	p.err = p.c.Err()
	return p.err
}

// writer remembers whether it was the writing that failed.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}

// A stream that stands still for wouldBlockAfter turns makes those behind it give up. It may be read by
// another goroutine, which is only slow. Turns are counted, not time: while the machine is too busy to run
// this goroutine it does not run the other either.
const (
	wouldBlockAfter = 50
	turn            = 5 * time.Millisecond
)

// stall is a stream in the way that nobody reads.
type stall struct {
	turns int
	seen  int64 // octets that had been read by then
}

func (s *stall) clear() { s.turns = 0 }

// wait waits a moment for somebody to read, and gives up when that has been done often enough.
func (s *stall) wait(cmd *command) error {
	if seen := cmd.conn.read.Load(); s.turns == 0 || seen != s.seen {
		s.turns, s.seen = 0, seen
	}
	if s.turns++; s.turns > wouldBlockAfter {
		return imap.ErrWouldBlock
	}
	t := time.NewTimer(turn)
	defer t.Stop()
	select {
	case <-cmd.done:
	case <-cmd.ctx.Done():
	case <-t.C:
	}
	return nil
}
