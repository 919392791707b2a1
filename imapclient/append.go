package imapclient

import (
	"context"
	"io"
	"slices"
	"time"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["APPEND"] = spec{hazard: mayExpunge | changes, mailbox: mailboxOf(func(c *imapwire.Append) string { return c.Mailbox })}
}

// AppendOptions go with a message.
type AppendOptions struct {
	Flags []imap.Flag // \Recent, which only servers set, is left out
	Date  time.Time   // the internal date; zero: the server's clock
}

// Append adds a message of exactly size octets to a mailbox (RFC 9051 §6.3.12). Lines have to end
// in CRLF; see NewCRLF for messages whose lines do not. The message is sent as it is read, by
// another goroutine: r must not be used before Wait has returned, and once it has, r is not read
// any more. Where the server wants to agree first (no LITERAL+), nothing is read of r before it
// does, which takes somebody who waits.
//
// A reader that ends before size octets, or does not end behind them, ends the connection, since the
// announcement cannot be taken back; nothing is appended then. A mailbox that does not exist is an *imap.Error with the
// code TRYCREATE.
func (c *Conn) Append(ctx context.Context, mailbox string, r io.Reader, size int64, o *AppendOptions) *PendingAppend {
	if o == nil {
		o = new(AppendOptions)
	}
	wire := &imapwire.Append{Mailbox: mailbox, Flags: settable(o.Flags), Date: o.Date, Size: size}
	cmd := c.newCommand(ctx, wire)
	cmd.literal = &literalSource{r: r, size: size, trailer: wire.Trailer(), released: make(chan struct{})}
	v := new(imap.AppendResult)
	take := func(s *imapwire.StatusResponse) bool {
		res, ok := s.AppendUID()
		if ok {
			*v = res
		}
		return ok
	}
	cmd.data = func(r imapwire.Response) bool {
		s, ok := r.(*imapwire.StatusResponse)
		return ok && take(s)
	}
	cmd.end = func(s *imapwire.StatusResponse, err error) error {
		take(s)
		return err
	}
	return &PendingAppend{*send(cmd, v)}
}

// settable returns the flags that a client may set: messages are fetched with \Recent, but it cannot
// be stored (RFC 3501 §2.3.2).
func settable(flags []imap.Flag) []imap.Flag {
	if !slices.ContainsFunc(flags, imap.Recent.Equal) {
		return flags
	}
	return slices.DeleteFunc(slices.Clone(flags), imap.Recent.Equal)
}

// PendingAppend is an APPEND on its way.
type PendingAppend struct{ p Pending[imap.AppendResult] }

// Wait is that of Pending. It returns when the message's reader is not used any more, which, after
// the context has ended, takes as long as the Read that is being waited for.
func (p *PendingAppend) Wait() (imap.AppendResult, error) {
	res, err := p.p.Wait()
	if err != imap.ErrWouldBlock {
		<-p.p.cmd.literal.released
	}
	return res, err
}

// NewCRLF returns a reader of r in which every line ends in CRLF, whatever it ended in: what IMAP
// asks of a message (RFC 9051 §2.3.4). Sizes change on the way; CRLFSize tells the new one.
func NewCRLF(r io.Reader) io.Reader { return &crlf{r: r} }

// CRLFSize returns the octets that NewCRLF makes of r, which it reads to its end.
func CRLFSize(r io.Reader) (int64, error) { return io.Copy(io.Discard, NewCRLF(r)) }

type crlf struct {
	r    io.Reader
	in   [4 << 10]byte
	have []byte // of in
	cr   bool   // the last octet was CR
	lf   bool   // LF is owed
	err  error
}

func (c *crlf) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if c.lf {
			p[n], c.lf = '\n', false
			n++
			continue
		}
		if len(c.have) == 0 {
			if n > 0 {
				return n, nil
			}
			if err := c.fill(); err != nil {
				return 0, err
			}
			continue
		}
		b := c.have[0]
		switch {
		case c.cr && b != '\n': // a CR alone
			p[n], c.cr = '\n', false
		case !c.cr && b == '\n': // a LF alone
			p[n], c.lf = '\r', true
			c.have = c.have[1:]
		default:
			p[n], c.cr = b, b == '\r'
			c.have = c.have[1:]
		}
		n++
	}
	return n, nil
}

func (c *crlf) fill() error {
	if c.err == nil {
		var n int
		n, c.err = c.r.Read(c.in[:])
		c.have = c.in[:n]
		if n > 0 {
			return nil
		}
	}
	if c.err == io.EOF && c.cr {
		c.cr, c.lf = false, true
		return nil
	}
	return c.err
}

// Append adds a message of exactly size octets to a mailbox; see Conn.Append. r is not used after
// the return. When the connection is lost before anything of the message was sent it is tried
// again, afterwards the error is imap.ErrUncertain.
//
// The message may be one that is being fetched by this client, as it comes: while bodies are fetched
// messages go over a second connection.
func (c *Client) Append(ctx context.Context, mailbox string, r io.Reader, size int64, o *AppendOptions) (imap.AppendResult, error) {
	send := func(k *Conn) waiter[imap.AppendResult] {
		return clientAppend{k.Append(ctx, mailbox, r, size, o)}
	}
	if k, _, _ := c.state(); k.fetchesBodies() {
		var res imap.AppendResult
		done, err := c.onSpare(ctx, func(k *Conn) (err error) {
			res, err = send(k).Wait()
			return err
		})
		if done {
			return res, err
		}
	}
	return do(ctx, c, send)
}

// clientAppend is an APPEND whose message is not used any more when Wait returns, whatever it returns.
type clientAppend struct{ p *PendingAppend }

func (a clientAppend) Wait() (imap.AppendResult, error) {
	res, err := a.p.Wait()
	if err == imap.ErrWouldBlock {
		cmd := a.p.p.cmd
		err = cmd.conn.abandon(cmd, err)
		<-cmd.literal.released
	}
	return res, err
}
