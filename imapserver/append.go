package imapserver

import (
	"bytes"
	"fmt"
	"io"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
	"restante/summary"
)

// append is APPEND, RFC 9051 §6.3.12. It takes over the reader: the message goes from the
// connection to the store. What can be refused is refused before the client sends it.
func (c *conn) append(frame []byte, lit *imapwire.Literal) error {
	tag, cmd, err := imapwire.ParseAppend(frame, imapwire.ParseOptions{UTF8: c.rev2})
	if c.tag = tag; tag == "" {
		c.tag = "*"
	}
	var dst mailbox.Entry
	if err == nil {
		dst, err = c.checkAppend(cmd, lit.Size)
	}
	if err != nil {
		return err // the Reader skips what the client sends all the same
	}
	if !lit.NonSync {
		if err := c.proceed(); err != nil {
			return err
		}
	}
	c.release()
	body := &appended{c: c, cmd: cmd, literal: c.r.ReadLiteral(lit.Size), left: lit.Size}
	if lit.Size == 0 {
		if err := body.finish(); err != nil {
			return err
		}
	}
	builder, summarise := summary.NewBuilder()
	result, err := c.account.Append(c.ctx, dst.ID, []store.NewMessage{{
		Flags: cmd.Flags, Date: cmd.Date, Size: lit.Size,
		Body: io.TeeReader(body, builder), Summary: summarise,
	}})
	if body.err != nil {
		return body.err // whatever the store made of it
	}
	if body.left > 0 {
		// The store did not want all of it. The client sends it all the same.
		if err := body.finish(); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	c.done = reply{
		code: imap.CodeAppendUID, args: fmt.Sprintf("%d %s", result.UIDValidity, imap.UIDs(result.UIDs...)),
		text: "APPEND completed",
	}
	if c.sel != nil {
		return c.sync(false)
	}
	return nil
}

// appended reads the message of an APPEND. Its last octets are handed over when the end of the
// command has been read too: a command that turns out to be none stores nothing.
type appended struct {
	c       *conn
	cmd     *imapwire.Append
	literal io.Reader
	left    int64
	err     error // why there was no message; it sticks
}

// errNUL answers a message with NUL in a literal, which only a literal8 may hold.
var errNUL = no(imap.CodeCannot, "A message with NUL octets can be appended as a literal8 only (RFC 3516)")

func (a *appended) Read(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.literal.Read(p)
	a.left -= int64(n)
	switch {
	case err != nil && err != io.EOF:
		a.err = err
	case !a.cmd.Binary && bytes.IndexByte(p[:n], 0) >= 0:
		// The Reader skips the rest.
		a.err = errNUL
	case a.left == 0 && n > 0:
		a.err = a.finish()
	default:
		return n, err
	}
	if a.err != nil {
		return 0, a.err
	}
	return n, nil
}

// finish reads the end of the command, past what has not been read of the message.
func (a *appended) finish() error {
	rest, next, err := a.c.r.ReadRest(a.c.proceed)
	switch {
	case err != nil:
		return err
	case next != nil:
		return bad("One message at a time: MULTIAPPEND is not offered")
	case len(rest) != 0 && !(a.cmd.UTF8 && string(rest) == ")"):
		return bad("More stands behind the message, which was not understood")
	}
	return nil
}

// checkAppend looks at everything that can be wrong before the message is sent.
func (c *conn) checkAppend(cmd *imapwire.Append, size int64) (mailbox.Entry, error) {
	if err := c.allowed("APPEND", command{in: loggedIn}); err != nil {
		return mailbox.Entry{}, err
	}
	if size > c.s.limits.AppendLimit || size > store.MaxMessageSize {
		return mailbox.Entry{}, no(imap.CodeTooBig, "A message may have %d octets", c.s.limits.AppendLimit)
	}
	dst, ok := c.account.Namespace().Lookup(cmd.Mailbox)
	if !ok {
		return mailbox.Entry{}, c.tryCreate(cmd.Mailbox)
	}
	return dst, nil
}
