package imapclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"restante/auth/sasl"
	"restante/imap"
)

// Client is a session that is supervised: when its connection is lost it is made again, and the
// mailbox selected again. Commands that may be repeated are repeated; those that may not, such as
// APPEND and COPY, return imap.ErrUncertain when it is not known what became of them.
//
// Its methods block until the reply is there, and may be called from any goroutine.
type Client struct {
	url  string
	cred sasl.Credentials
	o    *Options
	norm Options

	turn chan struct{} // holds a token while somebody connects or selects
	stop chan struct{} // closed by Close

	mu struct {
		sync.Mutex
		conn    *Conn
		current *Mailbox
		closed  bool
	}
}

// Dial connects to imaps://host[:port] or imap://host[:port], where STARTTLS is done and needed
// unless Options.AllowPlain is set, logs in, tells who it is, and enables IMAP4rev2 where it is
// offered. o may be nil. It does not try again; errors are those of DialConn and Conn.Auth.
func Dial(ctx context.Context, url string, cred sasl.Credentials, o *Options) (*Client, error) {
	c := &Client{url: url, cred: cred, o: o, norm: o.normal(), turn: make(chan struct{}, 1), stop: make(chan struct{})}
	k, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.setConn(k)
	return c, nil
}

// dial makes one connection and logs in.
func (c *Client) dial(ctx context.Context) (*Conn, error) {
	k, err := DialConn(ctx, c.url, c.o)
	if err != nil {
		return nil, err
	}
	if k.Authenticated() {
		err = k.setUp(ctx)
	} else {
		err = k.Auth(ctx, c.cred)
	}
	if err != nil {
		_ = k.Close()
		return nil, err
	}
	return k, nil
}

func (c *Client) setConn(k *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.conn = k
}

func (c *Client) state() (k *Conn, current *Mailbox, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.conn, c.mu.current, c.mu.closed
}

// lock takes the turn.
func (c *Client) lock(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.stop:
		return imap.ErrClosed
	}
}

func (c *Client) unlock() { <-c.turn }

// probeAfter is how long a connection may be unused before it is tried with NOOP. A server that has
// logged us out meanwhile has said so already; better to hear it before a command that cannot be
// repeated.
const probeAfter = 30 * time.Second

// connect returns a connection that works, as far as can be known. The caller has the turn.
func (c *Client) connect(ctx context.Context) (*Conn, error) {
	k, _, closed := c.state()
	if closed {
		return nil, imap.ErrClosed
	}
	err := k.Err()
	if err == nil && k.unused() > probeAfter {
		_, _ = k.Noop(ctx).Wait()
		err = k.Err()
	}
	if err == nil || c.norm.Reconnect.Attempts < 0 {
		return k, err
	}
	_ = k.Close()
	b := c.norm.Reconnect
	wait := time.Duration(0)
	for n := 0; ; n++ {
		if b.OnRetry != nil {
			b.OnRetry(err, wait)
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, err
		}
		c.norm.Log.Info("imap: connecting again", "err", err)
		if k, err = c.dial(ctx); err == nil {
			c.setConn(k)
			return k, c.checkOpen(k)
		}
		if n+1 >= b.Attempts || ctx.Err() != nil || hopeless(err) {
			return nil, err
		}
		wait = backoff(b, n)
		var ie *imap.Error
		if errors.As(err, &ie) {
			wait = max(wait, min(ie.RetryAfter, b.Max))
		}
	}
}

// checkOpen closes a connection that was made while the client was closed.
func (c *Client) checkOpen(k *Conn) error {
	if _, _, closed := c.state(); closed {
		_ = k.Close()
		return imap.ErrClosed
	}
	return nil
}

func backoff(b Backoff, n int) time.Duration {
	d := min(b.Min<<min(n, 30), b.Max)
	if d <= 0 {
		d = b.Max
	}
	return d/2 + rand.N(d/2+1)
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.stop:
		return imap.ErrClosed
	}
}

// hopeless reports whether trying again does not help.
func hopeless(err error) bool {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &cert) || errors.As(err, &unknown) {
		return true
	}
	for _, kind := range []error{imap.ErrAuth, imap.ErrInsecure, imap.ErrUnsupported, sasl.ErrNoMechanism, sasl.ErrServer} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// maxTries is how often a command is begun before its error is returned.
const maxTries = 3

// again reports whether a command that failed so is to be repeated.
func (c *Client) again(ctx context.Context, err error, tries int) bool {
	var lost *lostError
	if !errors.As(err, &lost) || lost.uncertain || ctx.Err() != nil || tries+1 >= maxTries {
		return false
	}
	var src *sourceError
	_, _, closed := c.state()
	return !closed && c.norm.Reconnect.Attempts >= 0 && !errors.As(err, &src)
}

// do runs one command of the authenticated state.
func do[T any](ctx context.Context, c *Client, f func(*Conn) interface{ Wait() (T, error) }) (v T, err error) {
	for tries := 0; ; tries++ {
		k, err := c.Conn(ctx)
		if err != nil {
			return v, err
		}
		if v, err = f(k).Wait(); err == nil || !c.again(ctx, err, tries) {
			return v, err
		}
	}
}

func doErr(ctx context.Context, c *Client, f func(*Conn) *Pending[struct{}]) error {
	_, err := do(ctx, c, func(k *Conn) interface{ Wait() (struct{}, error) } { return f(k) })
	return err
}

// Conn returns the present connection, made again if need be, for pipelining and raw commands. It
// is not supervised. Selecting another mailbox with it ends the client's Mailbox.
func (c *Client) Conn(ctx context.Context) (*Conn, error) {
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	defer c.unlock()
	return c.connect(ctx)
}

// Capability asks the server what it offers.
func (c *Client) Capability(ctx context.Context) (CapSet, error) {
	return do(ctx, c, func(k *Conn) interface{ Wait() (CapSet, error) } { return k.Capability(ctx) })
}

// Noop asks for nothing, which keeps the session alive.
func (c *Client) Noop(ctx context.Context) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Noop(ctx) })
}

// ID tells the server who the client is and returns what the server tells of itself.
func (c *Client) ID(ctx context.Context, params map[string]string) (map[string]string, error) {
	return do(ctx, c, func(k *Conn) interface {
		Wait() (map[string]string, error)
	} {
		return k.ID(ctx, params)
	})
}

// Enable switches extensions on for the present connection; see Conn.Enable.
func (c *Client) Enable(ctx context.Context, caps ...imap.Cap) ([]imap.Cap, error) {
	return do(ctx, c, func(k *Conn) interface{ Wait() ([]imap.Cap, error) } { return k.Enable(ctx, caps...) })
}

// Namespace returns the prefixes of the user's own, other users' and shared mailboxes.
func (c *Client) Namespace(ctx context.Context) (*imap.Namespace, error) {
	return do(ctx, c, func(k *Conn) interface {
		Wait() (*imap.Namespace, error)
	} {
		return k.Namespace(ctx)
	})
}

// List yields the mailboxes whose names match, with their roles and subscriptions, and with their
// status when o asks for it; see Conn.List. o may be nil.
func (c *Client) List(ctx context.Context, pattern string, o *ListOptions) iter.Seq2[*imap.MailboxInfo, error] {
	return func(yield func(*imap.MailboxInfo, error) bool) {
		for tries := 0; ; tries++ {
			k, err := c.Conn(ctx)
			var all []*imap.MailboxInfo
			if err == nil {
				if all, err = k.List(ctx, pattern, o).Collect(); err != nil && c.again(ctx, err, tries) {
					continue
				}
			}
			yieldAll(all, err, yield)
			return
		}
	}
}

// Role returns the mailbox with a special use such as imap.AttrTrash (RFC 6154). Without one the
// error is imap.ErrNotFound.
func (c *Client) Role(ctx context.Context, use imap.MailboxAttr) (*imap.MailboxInfo, error) {
	for m, err := range c.List(ctx, "*", nil) {
		if err != nil {
			return nil, err
		}
		if m.HasAttr(use) {
			return m, nil
		}
	}
	return nil, &imap.Error{Op: "LIST", Status: "OK", Text: "no mailbox is " + string(use), Kind: imap.ErrNotFound}
}

// StatusAll is what Status asks for: all that the server knows.
const StatusAll = imap.StatusMessages | imap.StatusUnseen | imap.StatusUIDNext | imap.StatusUIDValidity

// Status returns the counts of a mailbox: StatusAll, and also the size and the deleted messages
// where the server can tell them without opening every message.
func (c *Client) Status(ctx context.Context, name string) (*imap.Status, error) {
	return do(ctx, c, func(k *Conn) interface{ Wait() (*imap.Status, error) } {
		items := StatusAll
		if k.Caps().Has(imap.CapStatusSize) {
			items |= imap.StatusSize
		}
		if k.Caps().listed(imap.CapIMAP4rev2) {
			items |= imap.StatusDeleted
		}
		return k.Status(ctx, name, items)
	})
}

// Create creates a mailbox, for the special uses given where the server can note them.
func (c *Client) Create(ctx context.Context, name string, use ...imap.MailboxAttr) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] {
		if !k.Caps().Has(imap.CapCreateSpecial) {
			return k.Create(ctx, name)
		}
		return k.Create(ctx, name, use...)
	})
}

// Delete deletes a mailbox and all its messages.
func (c *Client) Delete(ctx context.Context, name string) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Delete(ctx, name) })
}

// Rename renames a mailbox and those below it.
func (c *Client) Rename(ctx context.Context, from, to string) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Rename(ctx, from, to) })
}

// Subscribe adds a mailbox to the subscriptions or takes it out.
func (c *Client) Subscribe(ctx context.Context, name string, on bool) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Subscribe(ctx, name, on) })
}

// Append adds a message of exactly size octets to a mailbox; see Conn.Append. r is not used after
// the return. When the connection is lost before anything of the message was sent it is tried
// again, afterwards the error is imap.ErrUncertain.
func (c *Client) Append(ctx context.Context, mailbox string, r io.Reader, size int64, o *AppendOptions) (imap.AppendResult, error) {
	return do(ctx, c, func(k *Conn) interface {
		Wait() (imap.AppendResult, error)
	} {
		return k.Append(ctx, mailbox, r, size, o)
	})
}

// Logout ends the session and closes the connection. A connection that is lost already is not made
// again for it.
func (c *Client) Logout(ctx context.Context) error {
	k := c.close()
	if k.Err() != nil {
		_ = k.Close()
		return nil
	}
	return k.Logout(ctx)
}

// Close closes the connection without saying so to the server.
func (c *Client) Close() error { return c.close().Close() }

func (c *Client) close() *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.closed {
		c.mu.closed = true
		close(c.stop)
	}
	return c.mu.conn
}
