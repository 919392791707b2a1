package imapserver

import (
	"bytes"
	"io"

	"restante/imap"
	"restante/imapwire"
)

// messageLiteral streams one literal of a command from the connection, a message or a part of one,
// for commands that own the input. Its last octets are handed over when end has read what stands
// behind the literal: a command that turns out to be none stores nothing.
type messageLiteral struct {
	octets io.Reader
	left   int64        // octets that have not been read
	binary bool         // a literal8, which may hold NUL
	end    func() error // reads what stands behind the literal, past what has not been read of it
	err    error        // why there is no message; it sticks
}

// errNUL answers a message with NUL in a literal, which only a literal8 may hold.
var errNUL = no(imap.CodeCannot, "A message with NUL octets can be appended as a literal8 only (RFC 3516)")

// receive asks the client for a literal, unless it sends it at once, and returns it as a stream.
func (c *conn) receive(lit *imapwire.Literal, binary bool, end func() error) (*messageLiteral, error) {
	if !lit.NonSync {
		if err := c.proceed(); err != nil {
			return nil, err
		}
	}
	c.release()
	m := &messageLiteral{octets: c.r.ReadLiteral(lit.Size), left: lit.Size, binary: binary, end: end}
	if m.left == 0 {
		m.err = m.end()
	}
	return m, m.err
}

// Read reads the octets of the literal. Its errors other than io.EOF are those of the command, and
// stay in err, whatever the store makes of them.
func (m *messageLiteral) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if m.left == 0 {
		return 0, io.EOF // the Reader is past it
	}
	n, err := m.octets.Read(p)
	m.left -= int64(n)
	switch {
	case err != nil && err != io.EOF:
		m.err = err
	case !m.binary && bytes.IndexByte(p[:n], 0) >= 0:
		// The Reader skips the rest.
		m.err = errNUL
	case m.left == 0 && n > 0:
		m.err = m.end()
	default:
		return n, err
	}
	if m.err != nil {
		return 0, m.err
	}
	return n, nil
}

// finish returns why the command is none, after the store has read what it wanted. The client sends
// all of it all the same.
func (m *messageLiteral) finish() error {
	if m.err == nil && m.left > 0 {
		m.err = m.end()
	}
	return m.err
}
