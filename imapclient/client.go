package imapclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
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
// Its methods block until the reply is there, and may be called from any goroutine. Append inside a
// loop over bodies takes a second connection; see Options.MaxConnections.
type Client struct {
	url  string
	cred sasl.Credentials
	o    *Options
	norm Options

	turn chan struct{} // holds a token while somebody connects or selects
	stop chan struct{} // closed by Close

	spare spare

	mu struct {
		sync.Mutex
		conn    *Conn
		made    time.Time // when conn was
		short   int       // sessions in a row that lasted only moments
		current *Mailbox
		closed  bool
	}
}

// Dial connects to imaps://host[:port] or imap://host[:port], where STARTTLS is done and needed
// unless Options.AllowPlain is set, logs in, tells who it is, and enables IMAP4rev2 where it is
// offered. o may be nil. It does not try again; errors are those of DialConn and Conn.Auth.
func Dial(ctx context.Context, url string, cred sasl.Credentials, o *Options) (*Client, error) {
	c := &Client{url: url, cred: cred, o: o, norm: o.normal(), turn: make(chan struct{}, 1), stop: make(chan struct{})}
	c.spare.turn = make(chan struct{}, 1)
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
	c.mu.conn, c.mu.made = k, time.Now()
}

// shortSessions is told that the connection was lost, and returns how many sessions in a row have
// lasted only moments: a server that lets us in and sends us away refuses as well.
func (c *Client) shortSessions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.short++; time.Since(c.mu.made) >= c.norm.Reconnect.Max {
		c.mu.short = 0
	}
	return c.mu.short
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
	return c.reconnect(ctx, c.norm.Reconnect.Attempts)
}

// connectOnce is connect for those who have a back-off of their own.
func (c *Client) connectOnce(ctx context.Context) (*Conn, error) {
	return c.reconnect(ctx, min(c.norm.Reconnect.Attempts, 1))
}

// present is connect for those who find out by themselves whether the connection works.
func (c *Client) present(context.Context) (*Conn, error) {
	k, _, closed := c.state()
	if closed {
		return nil, imap.ErrClosed
	}
	return k, k.Err()
}

func (c *Client) reconnect(ctx context.Context, attempts int) (*Conn, error) {
	k, _, closed := c.state()
	if closed {
		return nil, imap.ErrClosed
	}
	err := k.Err()
	if err == nil && k.unused() > probeAfter {
		_, _ = k.Noop(ctx).Wait()
		err = k.Err()
	}
	if err == nil || attempts < 0 {
		return k, err
	}
	_ = k.Close()
	b := c.norm.Reconnect
	short := c.shortSessions()
	for n := 0; ; n++ {
		wait := b.pause(err, short+n)
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
		if n+1 >= attempts || ctx.Err() != nil || permanent(err) {
			return nil, err
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

// pause returns how long to wait after so many failures in a row, the last of which was err.
func (b Backoff) pause(err error, failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	d := min(b.Min<<min(failures-1, 20), b.Max)
	if d <= 0 || permanent(err) {
		d = b.Max
	}
	d = d/2 + rand.N(d/2+1)
	var ie *imap.Error
	if errors.As(err, &ie) {
		d = max(d, min(ie.RetryAfter, b.Max))
	}
	return d
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

// permanent reports whether trying again does not help.
func permanent(err error) bool {
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

// waiter is a command on its way: a Pending or what wraps one.
type waiter[T any] interface{ Wait() (T, error) }

// do runs one command of the authenticated state.
func do[T any](ctx context.Context, c *Client, f func(*Conn) waiter[T]) (v T, err error) {
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
	_, err := do(ctx, c, func(k *Conn) waiter[struct{}] { return f(k) })
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

// Close closes the connection without saying so to the server.
func (c *Client) Close() error { return c.close().Close() }

// close makes an end of everything but the connection.
func (c *Client) close() *Conn {
	k := c.setClosed()
	c.spare.end()
	return k
}

func (c *Client) setClosed() *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.closed {
		c.mu.closed = true
		close(c.stop)
	}
	return c.mu.conn
}
