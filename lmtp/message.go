package lmtp

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"

	"restante/internal/spool"
	"restante/message"
)

// incoming is a message that is being received.
type incoming struct {
	spool  spool.Spool
	text   *message.Encoded // what the spool holds, once all is received
	filter headerFilter
	fixer  lineFixer
	// received are the octets that the client has sent, left those that it may still send.
	received, left int64
	failed         reply // why the message will not be delivered; code 0: it will
}

func (c *conn) newIncoming() *incoming {
	l := &c.server.limits
	m := &incoming{left: l.MessageSize}
	m.spool.Dir, m.spool.Limit = c.server.TempDir, l.Memory
	m.filter.w = &m.spool
	m.fixer.w = &m.filter
	return m
}

// take reads r to its end. What is too much, or cannot be kept, is read and dropped: the client
// has to be heard out. The error is the connection's.
func (c *conn) take(m *incoming, r io.Reader) error {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		m.received += int64(n)
		if m.left -= int64(n); m.left < 0 {
			m.fail(replyTooBig)
		}
		if n > 0 && m.failed.code == 0 {
			_, werr := m.fixer.Write(buf[:n])
			c.spooled(m, werr)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// spooled deals with an error of the spool.
func (c *conn) spooled(m *incoming, err error) {
	switch {
	case err == nil:
		return
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		m.fail(replyNoSpace)
	default:
		m.fail(replyTemporary)
	}
	c.log.Error("message not spooled", "err", err)
}

func (m *incoming) fail(r reply) {
	if m.failed.code == 0 {
		m.failed = r
		m.spool.Close()
	}
}

// data is DATA (RFC 5321 §4.1.1.4, RFC 2033 §4.2).
func (c *conn) data(args string) {
	switch {
	case args != "":
		c.refuse(replySyntax.with("DATA has no parameters"))
		return
	case c.tx == nil || len(c.tx.recipients) == 0 || c.tx.message != nil:
		c.refuse(replySequence)
		return
	}
	c.setBusy(true)
	defer c.setBusy(false)
	c.reply(reply{354, "", "Send the message, end it with a line of one dot"})
	if c.bw.Flush() != nil {
		c.quit = true
		return
	}
	m := c.newIncoming()
	c.tx.message = m // reset closes its spool
	if err := c.take(m, newDotReader(c.br)); err != nil {
		c.cut(err)
		return
	}
	c.finish()
}

// bdat is BDAT (RFC 3030 §2, RFC 2033 §4.3). The chunk follows whatever the reply will be.
func (c *conn) bdat(args string) {
	length, last, two := strings.Cut(args, " ")
	size, err := strconv.ParseInt(length, 10, 63)
	if err != nil || size < 0 || two && !strings.EqualFold(strings.TrimSpace(last), "LAST") {
		// The place in the stream is lost: what follows could be anything.
		c.quit = true
		c.refuse(replySyntax.with("BDAT wants a size, and perhaps LAST"))
		return
	}
	c.setBusy(true)
	defer c.setBusy(false)
	if c.bw.Flush() != nil {
		c.quit = true
		return
	}
	chunk := &io.LimitedReader{R: c.br, N: size}
	if c.tx == nil || len(c.tx.recipients) == 0 {
		if _, err := io.Copy(io.Discard, chunk); err != nil || chunk.N > 0 {
			c.cut(err)
			return
		}
		if c.reset(); !two { // with LAST there is a reply for each of no recipients
			c.refuse(replySequence)
		}
		return
	}
	if c.tx.message == nil {
		c.tx.message = c.newIncoming()
	}
	m := c.tx.message
	if size > m.left {
		m.fail(replyTooBig)
	}
	if err := c.take(m, chunk); err != nil || chunk.N > 0 {
		c.cut(err)
		return
	}
	switch {
	case two:
		c.finish()
	case m.failed.code != 0:
		c.reply(m.failed)
	default:
		c.reply(replyOK.with("%d octets taken", size))
	}
}

// cut ends a connection that broke off within a message. Nothing is delivered.
func (c *conn) cut(err error) {
	c.quit = true
	c.log.Info("connection ended within a message", "err", err)
	if err != nil {
		c.sayWhy(err)
	}
	c.reset()
}

// finish delivers the message that has been received, answers for each recipient and ends the
// transaction.
func (c *conn) finish() {
	m := c.tx.message
	if m.failed.code == 0 {
		err := errors.Join(m.fixer.finish(), m.filter.finish())
		if err == nil {
			m.text, err = message.EncodeBinary(&m.spool, m.spool.Size())
		}
		c.spooled(m, err)
	}
	if m.failed.code != 0 {
		for _, r := range c.tx.recipients {
			c.log.Warn("not delivered", "recipient", r.raw, "user", r.user.Name, "from", c.tx.from.raw, "code", m.failed.code, "reason", m.failed.text)
			c.answer(r, m.failed, m.received, 0)
		}
	} else {
		c.deliver()
	}
	c.reset()
}
