package account

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// MismatchError is a server that was reached and does not speak as the URL says.
type MismatchError struct {
	What string // what it does instead, and what to try: the URL is to stand before it
	Err  error
}

func (e *MismatchError) Error() string { return e.What }
func (e *MismatchError) Unwrap() error { return e.Err }

// mismatch tells why a connection could not be made, if it is because something else listens there
// than the URL says.
func (a *Account) mismatch(ctx context.Context, err error) error {
	var record tls.RecordHeaderError
	found, known := context.Cause(ctx).(*MismatchError)
	switch {
	case known:
		return found
	case ctx.Err() != nil:
		return err
	case errors.As(err, &record) && string(record.RecordHeader[:2]) == "* ":
		return &MismatchError{fmt.Sprintf("speaks IMAP there, but not TLS from the start; try imap://%s, which begins without TLS and gets it by STARTTLS", a.addr), err}
	case errors.As(err, &record):
		return &MismatchError{"speaks neither TLS nor IMAP there; is it the right port? IMAP over TLS is on 993, IMAP with STARTTLS on 143", err}
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return &MismatchError{fmt.Sprintf("does not answer within %d seconds; check host and port, or whether a firewall is in between. IMAP over TLS is on 993 (imaps://), IMAP with STARTTLS on 143 (imap://)", connectTimeout/time.Second), err}
	}
	return err
}

// silentFor is how long a server may say nothing before it is asked whether it waits for TLS: who
// connects without TLS to a port with it hears nothing at all.
const silentFor = 2 * time.Second

// silence watches whether a server greets.
type silence struct {
	a      *Account
	cancel context.CancelCauseFunc
	timer  *time.Timer
	probe  sync.WaitGroup
}

// watchSilence returns the context for connecting. It ends with a *MismatchError when the server is
// silent although the URL says that it greets, and speaks TLS.
func (a *Account) watchSilence(ctx context.Context) (context.Context, *silence) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &silence{a: a, cancel: cancel}
	if a.scheme == "imap" {
		s.probe.Add(1)
		s.timer = time.AfterFunc(silentFor, func() {
			defer s.probe.Done()
			if a.speaksTLS(ctx) {
				cancel(&MismatchError{fmt.Sprintf("waits for TLS from the start; try imaps://%s", a.addr), context.DeadlineExceeded})
			}
		})
	}
	return ctx, s
}

// heard ends the watch: the server has said something.
func (s *silence) heard() {
	if s.timer != nil && s.timer.Stop() {
		s.probe.Done()
	}
}

// end ends the watch, and waits for what it has begun.
func (s *silence) end() {
	s.heard()
	s.cancel(nil)
	s.probe.Wait()
}

// dial connects, for imapclient.Options.
func (s *silence) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := s.a.dial(ctx, network, addr)
	if err != nil || s.timer == nil {
		return nc, err
	}
	return &watchedConn{nc, s}, nil
}

// watchedConn tells when something is read.
type watchedConn struct {
	net.Conn
	silence *silence
}

// Read reads from the connection.
func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.silence.heard()
	}
	return n, err
}

// probeTimeout is how long a server may take to show that it speaks TLS.
const probeTimeout = 3 * time.Second

// speaksTLS reports whether the server does TLS from the start. Nothing is sent over it, so whose
// certificate it is does not matter.
func (a *Account) speaksTLS(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	nc, err := a.dial(ctx, "tcp", a.addr)
	if err != nil {
		return false
	}
	defer nc.Close()
	t := a.tls.Clone()
	t.InsecureSkipVerify = true
	return tls.Client(nc, t).HandshakeContext(ctx) == nil
}
