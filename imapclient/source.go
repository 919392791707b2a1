package imapclient

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// errInterrupted is what source.Read returns between two responses after interrupt.
var errInterrupted = errors.New("imapclient: read interrupted")

// interruptGrace is how long a response that has begun may still take once it is not wanted any more.
const interruptGrace = time.Second

// source is the socket as the framer reads it. It gives every read a deadline, and lets a waiting
// goroutine be called back, but only between two responses, so that the framer never loses its
// place. Only interrupt and within are called from outside the leader.
type source struct {
	nc      net.Conn
	stall   time.Duration // without progress inside a response
	counter *atomic.Int64 // octets read

	mu struct {
		sync.Mutex
		wait        time.Duration // for the first octet of a response; negative: for ever
		between     bool          // nothing of the next response has been read
		interrupted bool
	}
}

// begin says that the framer is about to read; between, that it holds nothing of the next response.
func (s *source) begin(between bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.wait, s.mu.between = wait, between
}

// Read is for the framer. Errors that are timeouts or errInterrupted, and came between two responses,
// can be followed by another Read.
func (s *source) Read(p []byte) (int, error) {
	if err := s.arm(); err != nil {
		return 0, err
	}
	n, err := s.nc.Read(p)
	s.counter.Add(int64(n))
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 {
		s.mu.between = false
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && s.mu.interrupted && s.mu.between {
		s.mu.interrupted = false
		return 0, errInterrupted
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, err
}

// within says that the answer to something is awaited from now on, for so long.
func (s *source) within(wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.wait = wait
	if s.mu.between && !s.mu.interrupted {
		_ = s.nc.SetReadDeadline(deadline(wait))
	}
}

// isBetween reports whether nothing of a response has been read that did not end.
func (s *source) isBetween() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.between
}

// arm sets the deadline of the next read.
func (s *source) arm() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.stall
	if s.mu.between {
		if s.mu.interrupted {
			s.mu.interrupted = false
			return errInterrupted
		}
		d = s.mu.wait
	} else if s.mu.interrupted {
		d = interruptGrace
	}
	return s.nc.SetReadDeadline(deadline(d))
}

// interrupt makes the leader come back soon: at once when it waits for the next response.
func (s *source) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.interrupted = true
	d := time.Unix(1, 0)
	if !s.mu.between {
		d = time.Now().Add(interruptGrace)
	}
	_ = s.nc.SetReadDeadline(d)
}

// clearInterrupt forgets an interrupt that came too late.
func (s *source) clearInterrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.interrupted = false
}

func deadline(d time.Duration) time.Time {
	if d < 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}
