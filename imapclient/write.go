package imapclient

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// startWriter runs the write loop unless it runs already or has nothing to do. Called with mu.
func (c *Conn) startWriter() {
	if c.mu.writing || c.mu.err != nil || !c.writable() {
		return
	}
	c.mu.writing = true
	c.tasks.Add(1)
	go c.writeLoop()
}

// writable reports whether there is something that may be written now. Called with mu.
func (c *Conn) writable() bool {
	for len(c.mu.unsent) > 0 && c.mu.unsent[0].finished() && !c.mu.unsent[0].owesLiteral() {
		c.mu.unsent = c.mu.unsent[1:] // refused before it was written to the end
	}
	return len(c.mu.unsent) > 0 && !c.mu.unsent[0].awaitsContinuation
}

// owesLiteral reports whether the server waits for octets that were announced.
func (cmd *command) owesLiteral() bool {
	l := cmd.literal
	return l != nil && cmd.written && len(cmd.out) == 0 && !l.started && !cmd.awaitsContinuation
}

// piece is what the write loop has to do next.
type piece struct {
	data     []byte
	redacted []byte // data without secrets
	literal  *literalSource
	cmd      *command
}

func (c *Conn) writeLoop() {
	defer c.tasks.Done()
	for {
		p, ok := c.nextPiece()
		if !ok {
			return
		}
		err := c.write(p.data)
		if c.o.Trace.Sent != nil {
			c.o.Trace.Sent(p.redacted)
		}
		if err == nil && p.literal != nil {
			err = c.writeLiteral(p.literal)
		}
		c.wrote(p, err)
	}
}

func (c *Conn) wrote(p piece, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var bad *sourceError
	if errors.As(err, &bad) {
		c.finish(p.cmd, err) // nothing was appended, that much is certain
	}
	if err != nil {
		c.end(err)
	}
	if p.literal != nil {
		p.literal.release()
		c.mu.unsent = without(c.mu.unsent, p.cmd)
	}
}

// nextPiece collects what may be written in one go. The loop ends when there is nothing.
func (c *Conn) nextPiece() (p piece, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for c.mu.err == nil && p.literal == nil && len(p.data) < maxBatch && c.writable() {
		cmd := c.mu.unsent[0]
		if !cmd.written {
			cmd.sentAt = now
		}
		cmd.written = true
		if len(cmd.out) > 0 {
			seg := cmd.out[0]
			cmd.out = cmd.out[1:]
			p.data = append(p.data, seg...)
			if c.o.Trace.Sent != nil {
				p.redacted = append(p.redacted, redact(cmd, seg)...)
			}
			cmd.awaitsContinuation = len(cmd.out) > 0 || cmd.literal != nil && cmd.literal.wait
			if cmd.awaitsContinuation {
				break
			}
		}
		if len(cmd.out) == 0 {
			if l := cmd.literal; l != nil && !l.started {
				l.started = true
				p.literal, p.cmd = l, cmd
				break // it stays in unsent until it is sent
			}
			c.mu.unsent = c.mu.unsent[1:]
		}
	}
	if len(p.data) == 0 && p.literal == nil {
		c.mu.writing = false
		return p, false
	}
	return p, true
}

// maxBatch is how much is collected before it is written, octets.
const maxBatch = 64 << 10

// write writes with a deadline for progress.
func (c *Conn) write(data []byte) error {
	for len(data) > 0 {
		if err := c.nc.SetWriteDeadline(deadline(c.o.Timeouts.Literal)); err != nil {
			return err
		}
		n, err := c.nc.Write(data[:min(len(data), maxBatch)])
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// writeLiteral sends a message. Once it has begun there is no way back: when the message cannot be
// read to its announced end the connection has to be closed, and nothing is appended.
func (c *Conn) writeLiteral(l *literalSource) error {
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	for left, ended := l.size, false; !ended; {
		// The last octets are written when it is known that nothing follows them.
		want := left + 1
		if want > int64(len(buf)) {
			want = min(left-1, int64(len(buf)))
		}
		n, err := io.ReadFull(l.r, buf[:want])
		ended = err == io.EOF || err == io.ErrUnexpectedEOF
		switch left -= int64(n); {
		case left < 0:
			err = errors.New("it is longer than announced")
		case ended && left > 0:
			err = errors.New("it is shorter than announced")
		case ended:
			err = nil
		}
		if err != nil {
			return &sourceError{err}
		}
		if err := c.write(buf[:n]); err != nil {
			return err
		}
	}
	return c.write([]byte(l.trailer))
}

// sourceError says that a message to append could not be read.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return fmt.Sprintf("imapclient: message to append: %v", e.err) }
func (e *sourceError) Unwrap() error { return e.err }

// continuation deals with "+": it lets the literal that waits for it go, or goes to the command
// that owns the input. Some servers send one nobody asked for; it is skipped.
func (c *Conn) continuation(text string) {
	if c.continueLiteral() {
		return
	}
	for _, cmd := range c.now.flight {
		if cmd.cont != nil {
			if line := cmd.cont(text); line != nil {
				c.sendLine(cmd, line)
			}
			return
		}
	}
}

// continueLiteral lets the next segment of the command that waits be written.
func (c *Conn) continueLiteral() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.unsent) == 0 || !c.mu.unsent[0].awaitsContinuation {
		return false
	}
	c.mu.unsent[0].awaitsContinuation = false
	c.startWriter()
	return true
}

// sendLine writes a line that belongs to a command on its way.
func (c *Conn) sendLine(cmd *command, line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queueLine(cmd, line)
}

// queueLine is sendLine with mu held.
func (c *Conn) queueLine(cmd *command, line []byte) {
	if c.mu.err != nil || cmd.finished() {
		return
	}
	cmd.out = append(cmd.out, line)
	c.mu.unsent = append(c.mu.unsent, cmd)
	c.startWriter()
}

// redact returns a segment as traces may show it.
func redact(cmd *command, seg []byte) []byte {
	if d, ok := cmd.wire.(*doCommand); ok {
		if d.secret() {
			return []byte(cmd.tag + " " + d.Name() + " ***\r\n")
		}
		return seg
	}
	if s, _ := specOf(cmd.wire.Name()); s.redact != nil {
		return s.redact(cmd, seg)
	}
	return seg
}
