package imapserver

import (
	"errors"
	"io"

	"restante/imap"
	"restante/imapwire"
	"restante/internal/spool"
	"restante/store"
	"restante/summary"
)

// runAppend is APPEND, RFC 9051 §6.3.12, of one message or several (RFC 3502 §6.3.11): all of them or
// none. They go from the connection to the store. What can be refused is refused before the client sends
// it; the Reader skips what it sends all the same.
func runAppend(c *conn, cmd *imapwire.Append) error {
	in := &appendInput{c: c, command: cmd.Name(), literal: c.literal}
	defer in.close()
	if err := in.check(cmd); err != nil {
		return err
	}
	dst, err := c.findDestination(cmd.Mailbox)
	if err != nil {
		return err
	}
	if err := in.receive(cmd); err != nil {
		return err
	}
	out, err := c.change(&store.Append{Mailbox: c.ref(dst.ID), Messages: in.messages})
	if errors.Is(err, store.ErrNotFound) {
		return c.tryCreate(cmd.Mailbox) // deleted meanwhile
	}
	if err != nil {
		return err
	}
	c.completion = appendUID(out)
	return nil
}

// appendInput brings the messages of a command from the connection to where the store stages them. Of
// a message that has arrived the session holds what is kept beside it, and no octets.
type appendInput struct {
	c       *conn
	command string            // its name
	literal *imapwire.Literal // what has been announced and is not read yet; nil: nothing
	next    *imapwire.Append  // what the command goes on with behind the literal that was read last

	messages []store.NewMessage
	size     int64 // octets of the messages
	held     int   // octets of what the session holds for them

	source urlSource // of parts of messages
}

// close discards what was not committed.
func (in *appendInput) close() {
	in.source.close()
	for i := range in.messages {
		in.messages[i].Body.Discard()
	}
}

// receive brings all messages of a command into the store.
func (in *appendInput) receive(m *imapwire.Append) error {
	for m != nil {
		if err := in.check(m); err != nil {
			return err
		}
		next, err := in.message(m)
		if err != nil {
			return err
		}
		m = next
	}
	return nil
}

// check refuses a message by what is known before it arrives.
func (in *appendInput) check(m *imapwire.Append) error {
	var size int64 // unknown of what is put together
	if m.Catenate == nil {
		size = m.Size
		if in.literal == nil {
			return bad("%s needs a message, as a literal", in.command)
		}
		if err := in.c.checkAppendLimit(size); err != nil {
			return err
		}
		if size == 0 {
			return errEmptyMessage
		}
	}
	if err := in.checkTotal(size); err != nil {
		return err
	}
	return checkKeywords(m.Flags)
}

// message brings one message into the store, and returns the one behind it, nil at the end.
func (in *appendInput) message(m *imapwire.Append) (next *imapwire.Append, err error) {
	var staged store.Staged
	var sum []byte
	if m.Catenate != nil {
		staged, sum, next, err = in.catenate(m)
	} else {
		var body *messageLiteral
		if body, err = in.open(m); err == nil {
			staged, sum, err = in.c.stage(body)
		}
		next = in.next
	}
	if err != nil {
		return nil, err
	}
	in.messages = append(in.messages, store.NewMessage{Body: staged, Summary: sum, Flags: m.Flags, Date: m.Date})
	in.size += staged.Size()
	in.held += appendHeld(m.Flags, sum)
	return next, nil
}

// open asks for the literal that is announced, and returns it as a stream.
func (in *appendInput) open(m *imapwire.Append) (*messageLiteral, error) {
	in.c.endTurn() // the client is waited for
	return in.c.receive(in.literal, m.Binary, func() error { return in.goOn(m) })
}

// goOn reads what stands behind the literal that m has announced.
func (in *appendInput) goOn(m *imapwire.Append) error {
	rest, literal, err := in.c.r.ReadRest(in.c.proceed)
	if err != nil {
		return err
	}
	in.literal = literal
	if in.next, err = imapwire.ParseAppendNext(rest, m); err != nil {
		return err
	}
	if in.next != nil && in.next.Catenate == nil && literal == nil {
		return bad("%s needs a message, as a literal", in.command)
	}
	return nil
}

// stage brings the message of a literal into the store, and returns what is to be kept beside it. It
// fails when what stands behind the literal is not what the command can go on with.
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
	staged, sum, err := c.stageOctets(octets)
	if notWhole := body.finish(); notWhole != nil {
		if err == nil {
			staged.Discard()
		}
		return nil, nil, notWhole // whatever the store made of it
	}
	return staged, sum, err
}

// stageOctets brings a message into the store, and returns what is to be kept beside it.
func (c *conn) stageOctets(octets io.Reader) (store.Staged, []byte, error) {
	builder, summarise := summary.NewBuilder()
	staged, err := c.s.Mail.Stage(c.ctx, c.actor, c.account.ID(), io.TeeReader(octets, builder))
	if err != nil {
		return nil, nil, err
	}
	return staged, summarise(), nil
}

// errEmptyMessage answers a message without octets, by which a client calls off what it has begun
// (RFC 3502 §6.3.11).
var errEmptyMessage = no(imap.CodeCannot, "The message is empty; nothing was appended")
