package imapclient

import (
	"context"
	"slices"
	"sync"
	"time"

	"restante/imap"
	"restante/imapwire"
)

// spare is the second connection of a Client. It is made for what the first cannot do at the moment:
// to send a message that is perhaps read from it. Then the server would have to read while it writes,
// and what is owed to the loop would have to be held in memory.
type spare struct {
	turn  chan struct{} // holds a token while somebody uses it
	tasks sync.WaitGroup

	mu struct {
		sync.Mutex
		conn   *Conn
		idle   *time.Timer // closes conn
		closed bool
		// notBefore is when to try again after the server did not want a second connection.
		notBefore time.Time
	}
}

// fetchesBodies reports whether a FETCH of body sections is on its way.
func (c *Conn) fetchesBodies() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.mu.flight {
		if f, ok := cmd.wire.(*imapwire.Fetch); ok && slices.ContainsFunc(f.Items, func(it imap.FetchItem) bool { return sections(it) > 0 }) {
			return true
		}
	}
	return false
}

// onSpare calls f with the second connection. It reports false, and does not, when there may be none
// or it cannot be had.
func (c *Client) onSpare(ctx context.Context, f func(*Conn) error) (done bool, err error) {
	if c.norm.MaxConnections < 2 {
		return false, nil
	}
	s := &c.spare
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return true, context.Cause(ctx)
	case <-c.stop:
		return true, imap.ErrClosed
	}
	defer func() { <-s.turn }()
	for tries := 0; ; tries++ {
		k := s.reuse()
		if k == nil {
			if s.tooSoon() {
				return false, err
			}
			if k, err = c.dial(ctx); err != nil {
				s.refused(c.norm.Reconnect.Max)
				return ctx.Err() != nil, err
			}
			if !s.set(k) {
				_ = k.Close()
				return true, imap.ErrClosed
			}
		}
		if err = f(k); err == nil || !c.again(ctx, err, tries) {
			s.closeLater(c.norm.Timeouts.Spare)
			return true, err
		}
	}
}

// reuse returns the connection if it can be trusted to work still; another is closed.
func (s *spare) reuse() *Conn {
	k := s.take()
	if k != nil && (k.Err() != nil || k.unused() > probeAfter) {
		_ = k.Close()
		return nil
	}
	if k != nil && !s.set(k) {
		return nil
	}
	return k
}

func (s *spare) tooSoon() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.mu.notBefore)
}

func (s *spare) refused(wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.notBefore = time.Now().Add(wait)
}

// take returns the connection and forgets it.
func (s *spare) take() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mu.conn
	s.mu.conn = nil
	if s.mu.idle != nil {
		s.mu.idle.Stop()
	}
	return k
}

// set reports false when the client is closed.
func (s *spare) set(k *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	s.mu.conn = k
	return true
}

// closeLater makes the connection end when it has not been used for so long.
func (s *spare) closeLater(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after >= 0 && !s.mu.closed && s.mu.conn != nil {
		s.mu.idle = time.AfterFunc(after, s.logout)
	}
}

// logout ends the connection, unless somebody has it again.
func (s *spare) logout() {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	default:
		return
	}
	if k := s.takeTask(); k != nil {
		defer s.tasks.Done()
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		_ = k.Logout(ctx)
	}
}

// takeTask is take for a goroutine that end waits for.
func (s *spare) takeTask() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mu.conn
	if s.mu.conn = nil; k != nil {
		s.tasks.Add(1)
	}
	return k
}

// end closes the connection for good. Who uses it just now gets an error.
func (s *spare) end() {
	if k := s.shut(); k != nil {
		_ = k.Close()
	}
	s.tasks.Wait()
}

func (s *spare) shut() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mu.conn
	s.mu.conn, s.mu.closed = nil, true
	if s.mu.idle != nil {
		s.mu.idle.Stop()
	}
	return k
}
