package imapclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"restante/imap"
	"restante/imapwire"
)

// address is what Dial needs of a URL.
type address struct {
	host, port string
	tls        bool
}

// parseURL takes imaps://host[:port], imap://host[:port] or a host alone, which means imaps.
// A user and a path (RFC 5092) may be there and are not looked at.
func parseURL(s string) (a address, err error) {
	if !strings.Contains(s, "://") {
		s = "imaps://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return a, fmt.Errorf("imapclient: %w", err)
	}
	switch strings.ToLower(u.Scheme) {
	case "imaps":
		a = address{u.Hostname(), "993", true}
	case "imap":
		a = address{u.Hostname(), "143", false}
	default:
		return a, fmt.Errorf("imapclient: %s: scheme is neither imaps nor imap", u.Redacted())
	}
	if u.Port() != "" {
		a.port = u.Port()
	}
	if a.host == "" {
		return a, fmt.Errorf("imapclient: %s: no host", u.Redacted())
	}
	return a, nil
}

// DialConn connects to imaps://host[:port] or imap://host[:port] and reads the greeting; ports
// are 993 and 143. On imap:// it then does STARTTLS, unless Options.AllowPlain is set and the
// server does not offer it. A greeting that refuses the connection is an *imap.Error.
func DialConn(ctx context.Context, url string, o *Options) (*Conn, error) {
	a, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	opts := o.normal()
	if opts.Timeouts.Dial > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opts.Timeouts.Dial+max(opts.Timeouts.Greeting, 0))
		defer cancel()
	}
	nc, err := dialSocket(ctx, a, &opts)
	if err != nil {
		return nil, fmt.Errorf("imapclient: %w", err)
	}
	c, err := greet(ctx, nc, a.host, false, opts)
	if err != nil {
		return nil, err
	}
	if !a.tls {
		if err := c.secure(ctx); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

func dialSocket(ctx context.Context, a address, o *Options) (net.Conn, error) {
	dial := o.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	if o.Timeouts.Dial > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeouts.Dial)
		defer cancel()
	}
	nc, err := dial(ctx, "tcp", net.JoinHostPort(a.host, a.port))
	if err != nil || !a.tls {
		return nc, err
	}
	tc := tls.Client(nc, tlsConfig(o, a.host))
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tc, nil
}

func tlsConfig(o *Options, host string) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		cfg = o.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

// secure does STARTTLS where it has to be done.
func (c *Conn) secure(ctx context.Context) error {
	if c.Authenticated() { // PREAUTH: STARTTLS is not possible any more (RFC 9051 §6.2.1)
		if c.o.AllowPlain {
			return nil
		}
		return fmt.Errorf("imapclient: %s greets with PREAUTH, which rules out STARTTLS: %w", c.host, imap.ErrInsecure)
	}
	if c.o.AllowPlain && c.o.InsecureSkipSTARTTLS {
		return nil
	}
	if err := c.needCaps(ctx); err != nil {
		return err
	}
	if c.offers("STARTTLS") {
		return c.StartTLS(ctx)
	}
	if !c.o.AllowPlain {
		return fmt.Errorf("imapclient: %s does not offer STARTTLS: %w", c.host, imap.ErrInsecure)
	}
	return nil
}

// NewConn speaks IMAP over any stream, for instance the pipes of a process, and reads the
// greeting. A stream that is not a net.Conn counts as one that needs no TLS.
func NewConn(ctx context.Context, rw io.ReadWriteCloser, o *Options) (*Conn, error) {
	nc, ok := rw.(net.Conn)
	if !ok {
		nc = newPump(rw)
	}
	return greet(ctx, nc, "", !ok, o.normal())
}

// exchangePipeline is what Exchange takes before it ends the connection.
const exchangePipeline = 25

// greet starts a Conn on a connected socket.
func greet(ctx context.Context, nc net.Conn, host string, private bool, o Options) (*Conn, error) {
	c := &Conn{o: o, nc: nc, host: host, private: private, lead: make(chan struct{}, 1)}
	c.po.Defect = func(d imap.Defect) {
		c.o.Log.Warn("imap: server got something wrong", "host", host, "what", d.Quirk, "where", d.Where)
	}
	c.start(nc)
	c.mu.lastUsed = time.Now()
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	line, err := c.greeting()
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = c.Close()
		var ie *imap.Error
		if errors.As(err, &ie) || errors.Is(err, imap.ErrProtocol) {
			return nil, err
		}
		return nil, fmt.Errorf("imapclient: greeting: %w", err)
	}
	if c.o.MaxPipeline == 0 {
		c.o.MaxPipeline = 256
		if strings.Contains(line, "Microsoft Exchange") {
			c.o.MaxPipeline = exchangePipeline
		}
	}
	return c, nil
}

// start reads and writes through nc from now on.
func (c *Conn) start(nc net.Conn) {
	c.nc = nc
	c.src = &source{nc: nc, stall: c.o.Timeouts.Literal, counter: &c.read}
	c.rd = newFramer(c.src, &c.o)
}

// greeting reads the server's first response (RFC 9051 §7.1.4).
func (c *Conn) greeting() (text string, err error) {
	c.src.begin(true, c.o.Timeouts.Greeting)
	frame, err := c.nextFrame()
	if err != nil {
		return "", err
	}
	r, err := imapwire.ParseResponse(frame, &c.po)
	if err != nil {
		return "", protocolError(fmt.Sprintf("not an IMAP server: %.100q", frame))
	}
	s, ok := r.(*imapwire.StatusResponse)
	if !ok || s.Tag != "*" {
		return "", protocolError(fmt.Sprintf("not a greeting: %.100q", frame))
	}
	if caps, ok := s.Capabilities(); ok {
		c.setCaps(caps)
	}
	switch s.Status {
	case "OK":
	case "PREAUTH":
		c.mu.state = authenticated
	default:
		return "", statusError("connect", "", s)
	}
	return s.Text, nil
}

// Authenticated reports whether the login is done, or was not needed.
func (c *Conn) Authenticated() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.state == authenticated
}

// tls reports whether the connection is encrypted.
func (c *Conn) tls() (*tls.Conn, bool) {
	tc, ok := c.nc.(*tls.Conn)
	return tc, ok
}

// pump gives a stream without deadlines some, by way of a pipe.
type pump struct {
	net.Conn
	rw   io.Closer
	done chan struct{}
}

func newPump(rw io.ReadWriteCloser) *pump {
	near, far := net.Pipe()
	p := &pump{near, rw, make(chan struct{})}
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, _ = io.Copy(rw, far)
		_ = rw.Close()
	}()
	go func() {
		defer close(p.done)
		_, _ = io.Copy(far, rw)
		_ = far.Close()
		<-up
	}()
	return p
}

// Close closes the stream and waits for the goroutines that copy.
func (p *pump) Close() error {
	_ = p.Conn.Close()
	err := p.rw.Close()
	<-p.done
	return err
}
