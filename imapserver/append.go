package imapserver

import (
	"errors"
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
	builder, summarise := summary.NewBuilder()
	body := c.r.ReadLiteral(lit.Size)
	result, err := c.account.Append(c.ctx, dst.ID, []store.NewMessage{{
		Flags: cmd.Flags, Date: cmd.Date, Size: lit.Size,
		Body: io.TeeReader(body, builder), Summary: summarise,
	}})
	if errors.Is(err, store.ErrShortBody) || isNetError(err) {
		return io.ErrUnexpectedEOF // the connection broke within the message
	}
	rest, next, lineErr := c.r.ReadRest(c.proceed)
	switch {
	case lineErr != nil:
		return lineErr
	case err != nil:
		return err
	case next != nil || len(rest) != 0 && !(cmd.UTF8 && string(rest) == ")"):
		return bad("The message was appended, but more stands behind it, which was not understood")
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
