package imapclient

import (
	"context"
	"errors"
	"strings"
	"testing"

	"restante/imap"
	"restante/imapwire"
)

// This file is an extension that nobody needs: the command XPAINT colours a mailbox. It is all that
// the client has to know of it.

func init() {
	commands["XPAINT"] = spec{hazard: mayExpunge | changes, needs: "XCOLOURS",
		mailbox: mailboxOf(func(c *paint) string { return c.name }),
		redact:  func(cmd *command, _ []byte) []byte { return []byte(cmd.tag + " XPAINT ***\r\n") }}
	selectCodes["XCOLOUR"] = nil
}

type paint struct{ name, colour string }

func (*paint) Name() string { return "XPAINT" }

func (p *paint) AppendArgs(e *imapwire.Encoder) {
	e.SP()
	e.Mailbox(p.name)
	e.SP()
	e.AString(p.colour)
}

// paint colours a mailbox and returns the colour that it had.
func (c *Conn) paint(ctx context.Context, name, colour string) *Pending[string] {
	if !c.offers("XPAINT") {
		return failed[string](c, ctx, &paint{name, colour}, imap.ErrUnsupported)
	}
	v := new(string)
	cmd := c.newCommand(ctx, &paint{name, colour})
	cmd.data = func(r imapwire.Response) bool {
		d, ok := r.(*imapwire.RawData)
		if ok = ok && d.Name == "XPAINTED"; ok {
			*v = d.Text
		}
		return ok
	}
	return send(cmd, v)
}

func TestExtensionCommand(t *testing.T) {
	var sent strings.Builder
	f := serve(t, func(p *peer) {
		p.say("* OK [CAPABILITY IMAP4rev1 XCOLOURS] ready")
		p.expect("XPAINT a red")
		first := p.tag
		p.expect("XPAINT b blue") // without a reply to the first
		p.say("* XPAINTED green", first+" OK done", "$T NO [NONEXISTENT] no such mailbox")
		p.drain()
	})
	o := fast()
	o.Trace = &Trace{Sent: func(data []byte) { sent.Write(data) }}
	k := connect(t, f, o)
	a, b := k.paint(testCtx(t), "a", "red"), k.paint(testCtx(t), "b", "blue")
	if old, err := a.Wait(); old != "green" || err != nil {
		t.Errorf("got %q, %v", old, err)
	}
	_, err := b.Wait()
	var e *imap.Error
	if !errors.As(err, &e) || e.Op != "XPAINT" || e.Mailbox != "b" || !errors.Is(err, imap.ErrNotFound) {
		t.Errorf("got %#v", err)
	}
	k.Close()
	if s := sent.String(); strings.Contains(s, "red") || strings.Count(s, "XPAINT ***") != 2 {
		t.Errorf("the trace shows %q", s)
	}
}

func TestExtensionNotOffered(t *testing.T) {
	f := serve(t, func(p *peer) {
		p.say("* OK [CAPABILITY IMAP4rev1] ready")
		p.drain()
	})
	if _, err := connect(t, f, nil).paint(testCtx(t), "a", "red").Wait(); !errors.Is(err, imap.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}
