package imapclient

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// errPoked is what source.Read returns between two responses after poke.
var errPoked = errors.New("imapclient: read interrupted")

// pokeGrace is how long a response that has begun may still take once it is not wanted any more.
const pokeGrace = time.Second

// source is the socket as the framer reads it. It gives every read a deadline, and lets a waiting
// goroutine be called back, but only between two responses, so that the framer never loses its
// place. Only poke is called from outside the leader.
type source struct {
	nc      net.Conn
	stall   time.Duration // without progress inside a response
	wait    time.Duration // for the first octet of one; set by the leader; negative: for ever
	counter int64         // octets read

	mu struct {
		sync.Mutex
		between bool // nothing of the next response has been read
		poked   bool
	}
}

// begin says that the framer is about to read; between, that it holds nothing of the next response.
func (s *source) begin(between bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait, s.mu.between = wait, between
}

// Read is for the framer. Errors that are timeouts or errPoked, and came between two responses,
// can be followed by another Read.
func (s *source) Read(p []byte) (int, error) {
	if err := s.arm(); err != nil {
		return 0, err
	}
	n, err := s.nc.Read(p)
	s.counter += int64(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 {
		s.mu.between = false
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && s.mu.poked && s.mu.between {
		s.mu.poked = false
		return 0, errPoked
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, err
}

// arm sets the deadline of the next read.
func (s *source) arm() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.stall
	if s.mu.between {
		if s.mu.poked {
			s.mu.poked = false
			return errPoked
		}
		d = s.wait
	} else if s.mu.poked {
		d = pokeGrace
	}
	return s.nc.SetReadDeadline(deadline(d))
}

// poke makes the leader come back soon: at once when it waits for the next response.
func (s *source) poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.poked = true
	d := time.Unix(1, 0)
	if !s.mu.between {
		d = time.Now().Add(pokeGrace)
	}
	_ = s.nc.SetReadDeadline(d)
}

// unpoke forgets a poke that came too late.
func (s *source) unpoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.poked = false
}

func deadline(d time.Duration) time.Time {
	if d < 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}
