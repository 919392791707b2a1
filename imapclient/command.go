package imapclient

import (
	"context"
	"io"
	"time"

	"restante/imap"
	"restante/imapwire"
)

// command is one command from the call until its tagged reply. Its functions run in the goroutine
// that leads, without a lock.
type command struct {
	conn *Conn
	ctx  context.Context
	wire imapwire.Command
	hz   hazard
	tag  string

	// data takes an untagged response and reports whether it was for this command.
	data func(r imapwire.Response) bool
	// wants reports whether a message is for this command and has all that it asked for.
	wants func(*imap.Message) bool
	// full reports whether data may not be given more before somebody reads it.
	full func() bool
	// cont answers a continuation request that is not for a literal. It returns the line to send,
	// nil for none.
	cont func(text string) []byte
	// end is called with the tagged reply before anybody learns of it, and may turn it into an error.
	end func(r *imapwire.StatusResponse, err error) error

	// What is not written yet. Guarded by Conn.mu, but message by the write loop once that has begun with it.
	out                [][]byte // segments; between two of them the server has to agree
	literal            *literalSource
	awaitsContinuation bool // what comes next waits for a continuation request
	written            bool // an octet of it may have been written

	idle     idleState // of IDLE. Guarded by Conn.mu
	unwanted bool      // IDLE is to end as soon as the server listens

	// raw gets every untagged response unparsed, instead of data.
	raw func(frame []byte)

	sentAt, queuedAt time.Time

	done chan struct{} // closed when err and reply are final
	err  error
	// reply is the tagged reply, nil when there was none.
	reply *imapwire.StatusResponse
}

// literalSource is the message of an APPEND on its way to the server.
type literalSource struct {
	r          io.Reader
	size       int64
	wait       bool // the server has to agree first
	started    bool // the write loop has it. Guarded by Conn.mu
	trailer    string
	released   chan struct{} // closed when r will not be read any more
	isReleased bool          // released is closed. Guarded by Conn.mu, as started is
}

// release tells the caller that its reader is not used any more. Called with Conn.mu.
func (l *literalSource) release() {
	if !l.isReleased {
		l.isReleased = true
		close(l.released)
	}
}

func (c *Conn) newCommand(ctx context.Context, wire imapwire.Command) *command {
	return &command{conn: c, ctx: ctx, wire: wire, hz: hazardOf(wire), done: make(chan struct{}), queuedAt: time.Now()}
}

// sent reports whether the server may have all of the command. Called with Conn.mu.
func (cmd *command) sent() bool {
	return cmd.written && len(cmd.out) == 0 && !cmd.awaitsContinuation && (cmd.literal == nil || cmd.literal.started)
}

func (cmd *command) finished() bool {
	select {
	case <-cmd.done:
		return true
	default:
		return false
	}
}

// wait leads, or follows, until the command has ended. After an error that is not final, such as
// ErrWouldBlock, it may be called again.
func (cmd *command) wait() error {
	c := cmd.conn
	if cmd.finished() {
		return cmd.err
	}
	stop := context.AfterFunc(cmd.ctx, c.src.interrupt)
	defer stop()
	var blocked stall
	for {
		select {
		case <-cmd.done:
			return cmd.err
		case <-cmd.ctx.Done():
			return c.abandon(cmd, context.Cause(cmd.ctx))
		case c.lead <- struct{}{}:
		}
		var err error
		for err == nil && !cmd.finished() && cmd.ctx.Err() == nil {
			if err = c.step(nil); err == nil {
				blocked.clear()
			}
		}
		c.src.clearInterrupt()
		<-c.lead
		if err == errFull {
			if err := blocked.wait(cmd); err != nil {
				return err
			}
		}
	}
}

// Pending is a command on its way.
type Pending[T any] struct {
	cmd *command
	v   *T
}

// Wait waits for the reply. It may be called more than once, by any goroutine. The context of the
// call that sent the command ends it: before the command was written it is taken back, afterwards
// its reply is not waited for, and the connection is closed when that does not come soon.
//
// A reply behind a stream nobody reads is ErrWouldBlock once Options.BufferLimit is reached; Wait
// may then be called again later.
func (p *Pending[T]) Wait() (T, error) {
	err := p.cmd.wait()
	return *p.v, err
}

// Done returns a channel that is closed when the reply is there. Somebody has to read: it is only
// closed while this or another command of the connection is waited for.
func (p *Pending[T]) Done() <-chan struct{} { return p.cmd.done }

// send queues the command and returns its handle; v is filled by the command's functions.
func send[T any](cmd *command, v *T) *Pending[T] {
	cmd.conn.enqueue(cmd)
	return &Pending[T]{cmd, v}
}

// simple sends a command that answers with nothing but its tagged reply.
func (c *Conn) simple(ctx context.Context, wire imapwire.Command) *Pending[struct{}] {
	return send(c.newCommand(ctx, wire), new(struct{}))
}

// failed returns the handle of a command that is not sent.
func failed[T any](c *Conn, ctx context.Context, wire imapwire.Command, err error) *Pending[T] {
	cmd := c.newCommand(ctx, wire)
	cmd.err = err
	close(cmd.done)
	return &Pending[T]{cmd, new(T)}
}
