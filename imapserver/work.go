package imapserver

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"restante/imap"
)

// Work is counted in steps, so that a command ends with its client or its server and leaves the machine
// to others.
// A step is what looking at an octet of text costs, some nanoseconds: an octet of a message that is
// read, a key of SEARCH that is tried on a row, an octet of a name beside one of a pattern. Whatever
// goes through a mailbox, its messages or its names calls conn.step with the work that it has done, and
// conn.next where it can end with a whole answer: between two messages or names.

// checkSteps is how many steps a command makes before it is looked whether it should go on, and
// between two looks: some milliseconds. Most commands end before the first.
const checkSteps = 256 << 10

// work is what the running command has cost.
type work struct {
	steps     int64
	unchecked int             // of these, since the last check
	stop      bool            // the server shuts down: the command is to end at the next message or name
	turn      turn            // the user's, while the command has it; nil: it needs none yet
	socket    syscall.RawConn // what conn.socket has found; nil: nobody has asked yet

	// told is when the command began, or the client was last told of its progress (inprogress.go); zero: nobody
	// is to be told.
	told time.Time
	due  bool // the client is to be told again
	// progress returns how many messages are done, of how many; nil: nobody knows.
	progress func() (done, goal int)
	// beforeSending is called before what has been answered is sent in the middle of the command; nil: nothing is.
	beforeSending func() error
}

// begin is for a command that begins at that time.
func (w *work) begin(now time.Time) {
	w.steps, w.unchecked, w.stop = 0, 0, false
	w.told, w.due, w.progress, w.beforeSending = now, false, nil, nil
}

// next counts n steps of work, as step does, before another message or name is looked at. Its error also
// says that the server shuts down: then a command that has worked for long ends with what it has found.
func (c *conn) next(n int) error {
	if err := c.step(n); err != nil {
		return err
	}
	if c.work.stop {
		return no(imap.CodeUnavailable, "Server is shutting down")
	}
	if c.work.due {
		return c.tellProgress()
	}
	return nil
}

// step counts n steps of work. An error says that the command is to end at once: its client has gone,
// or the server does not wait any longer.
func (c *conn) step(n int) error {
	c.work.steps += int64(n)
	if c.work.unchecked += n; c.work.unchecked < checkSteps {
		return nil
	}
	return c.check()
}

// check looks whether the command is to go on, and lets it go on when it is the user's turn. While the
// server shuts down there are no turns: every command is about to end.
func (c *conn) check() error {
	c.work.unchecked = 0
	if err := c.ended(); err != nil {
		return err
	}
	if c.s.ctx.Err() != nil {
		c.work.stop = true
		return nil
	}
	err := c.waitTurn()
	c.work.due = c.work.due || !c.work.told.IsZero() && c.s.now().Sub(c.work.told) >= inProgressEvery
	return err
}

// errClientGone says that nobody waits for the answer any more.
var errClientGone = errors.New("the client has closed the connection")

// ended reports why the connection is over, of which a command that neither reads nor writes hears
// nothing. Nothing is written any more then.
func (c *conn) ended() error {
	switch {
	case c.writeErr != nil:
	case c.s.hard.Err() != nil:
		c.writeErr = errShutdown
	case clientGone(c.socket()):
		c.writeErr = errClientGone
	}
	return c.writeErr
}

// socket returns what the connection is to the system, below TLS and compression; nil when it is nothing to it, such
// as a pipe in memory.
func (c *conn) socket() syscall.RawConn {
	if c.work.socket != nil {
		return c.work.socket
	}
	nc := c.nc
	for { // *deflateConn, *tls.Conn
		t, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = t.NetConn()
	}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.work.socket = raw
		}
	}
	return c.work.socket
}

// recheckWaiting is how often a command that waits for its turn looks whether its client is there.
const recheckWaiting = 250 * time.Millisecond

// waitTurn returns when it is the turn of this command among those of its user. One that has had the
// turn since the last check lets another have it that waits.
func (c *conn) waitTurn() error {
	if c.account == nil {
		return nil
	}
	if c.work.turn != nil {
		if !c.s.turns.wanted(c.user.ID) {
			return nil
		}
		c.s.turns.end(c.user.ID, c.work.turn)
	}
	c.work.turn = c.s.turns.join(c.user.ID)
	for {
		select {
		case <-c.work.turn:
			return nil
		default:
		}
		err := c.waitOnce()
		if c.work.stop = c.s.ctx.Err() != nil; err != nil || c.work.stop {
			c.endTurn()
			return err
		}
	}
}

// waitOnce waits for the turn until it is time to look for the client again, or the server shuts down.
func (c *conn) waitOnce() error {
	ctx, cancel := context.WithTimeout(c.s.ctx, recheckWaiting)
	defer cancel()
	select {
	case <-c.work.turn:
		return nil
	case <-ctx.Done():
		return c.ended()
	}
}

// endTurn gives up the turn: the command has ended, or is about to wait for its client. What works on
// afterwards asks for it again.
func (c *conn) endTurn() {
	if c.work.turn == nil {
		return
	}
	c.s.turns.end(c.user.ID, c.work.turn)
	c.work.turn = nil
	c.work.unchecked = checkSteps
}
