package imapserver

import (
	"errors"
	"io"

	"restante/imapwire"
	"restante/internal/spool"
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
	if err := checkKeywords(cmd.Flags); err != nil {
		return err
	}
	dst, err := c.findDestination(cmd.Mailbox)
	if err != nil {
		return err
	}
	body, err := c.receive(c.literal, cmd.Binary, func() error { return c.endAppend(cmd) })
	if err != nil {
		return err
	}
	staged, summary, err := c.stage(body)
	if err != nil {
		return err
	}
	defer staged.Discard()
	out, err := c.change(&store.Append{Mailbox: c.ref(dst.ID), Messages: []store.NewMessage{
		{Body: staged, Summary: summary, Flags: cmd.Flags, Date: cmd.Date},
	}})
	if errors.Is(err, store.ErrNotFound) {
		return c.tryCreate(cmd.Mailbox) // deleted meanwhile
	}
	if err != nil {
		return err
	}
	c.completion = appendUID(out)
	return nil
}

// stage brings the message of a literal into the store, and returns what is to be kept beside it. It
// fails when what stands behind the literal is not the end of the command.
func (c *conn) stage(body *messageLiteral) (store.Staged, []byte, error) {
	octets := io.Reader(body)
	if body.binary {
		var s spool.Spool
		defer s.Close()
		encoded, err := c.receiveBinary(body, &s)
		if err != nil {
			return nil, nil, err
		}
		octets = encoded.Reader()
	}
	builder, summarise := summary.NewBuilder()
	staged, err := c.s.Mail.Stage(c.ctx, c.actor, c.account.ID(), io.TeeReader(octets, builder))
	if notWhole := body.finish(); notWhole != nil {
		if err == nil {
			staged.Discard()
		}
		return nil, nil, notWhole // whatever the store made of it
	}
	if err != nil {
		return nil, nil, err
	}
	return staged, summarise(), nil
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
