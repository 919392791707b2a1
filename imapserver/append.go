package imapserver

import (
	"io"

	"restante/imapwire"
	"restante/store"
	"restante/summary"
)

// runAppend is APPEND, RFC 9051 §6.3.12: the message goes from the connection to the store. What can
// be refused is refused before the client sends it; the Reader skips what it sends all the same.
func runAppend(c *conn, cmd *imapwire.Append) error {
	if c.literal == nil {
		return bad("APPEND needs a message, as a literal")
	}
	if err := c.checkAppendLimit(cmd.Size); err != nil {
		return err
	}
	dst, ok := c.account.Namespace().Lookup(cmd.Mailbox)
	if !ok {
		return c.tryCreate(cmd.Mailbox)
	}
	body, err := c.receive(c.literal, cmd.Binary, func() error { return c.endAppend(cmd) })
	if err != nil {
		return err
	}
	builder, summarise := summary.NewBuilder()
	result, err := c.account.Append(c.ctx, dst.ID, []store.NewMessage{{
		Flags: cmd.Flags, Date: cmd.Date, Size: cmd.Size,
		Body: io.TeeReader(body, builder), Summary: summarise,
	}})
	if err := body.finish(); err != nil {
		return err // whatever the store made of it
	}
	if err != nil {
		return err
	}
	c.completion = appendUID(result)
	return nil
}

// endAppend reads the end of the command, behind its message.
func (c *conn) endAppend(cmd *imapwire.Append) error {
	rest, next, err := c.r.ReadRest(c.proceed)
	switch {
	case err != nil:
		return err
	case next != nil:
		return bad("One message at a time: MULTIAPPEND is not offered")
	case len(rest) != 0 && !(cmd.UTF8 && string(rest) == ")"):
		return bad("More stands behind the message, which was not understood")
	}
	return nil
}
