package lmtp

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"restante/store/gate"
)

// Server delivers mail. Its fields are not changed after the first call of Serve.
type Server struct {
	Users Users
	Mail  *gate.Gate
	// Name is the host's name in greetings and Received fields; default os.Hostname.
	Name string
	// Domains are those in which the local part of an address is the name of a user; nil: all are. A
	// user whose name is a whole address gets the mail for it whatever they are.
	Domains Domains
	// Postmaster is the user who gets mail for postmaster when there is no user of that name; default
	// the only user. It is never refused for good (RFC 5321 §4.5.1).
	Postmaster string
	Limits     Limits
	// TempDir is for messages that are too long for memory; default os.TempDir.
	TempDir string
	// Log gets connections, deliveries and errors; default none.
	Log *slog.Logger
	// Observer may be nil.
	Observer Observer

	once     sync.Once
	limits   Limits
	name     string
	log      *slog.Logger
	ctx      context.Context // of all deliveries
	cancel   context.CancelFunc
	lastConn atomic.Uint64
	running  sync.WaitGroup // connections
	mu       struct {
		sync.Mutex
		closing   bool
		listeners map[net.Listener]struct{}
		conns     map[*conn]struct{}
	}
}

func (s *Server) init() {
	s.once.Do(func() {
		s.limits = s.Limits.orDefault()
		s.name = s.Name
		if s.name == "" {
			s.name, _ = os.Hostname()
		}
		if s.name == "" {
			s.name = "localhost"
		}
		s.log = s.Log
		if s.log == nil {
			s.log = slog.New(slog.DiscardHandler)
		}
		s.ctx, s.cancel = context.WithCancel(context.Background())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mu.listeners = make(map[net.Listener]struct{})
		s.mu.conns = make(map[*conn]struct{})
	})
}

// Serve takes connections, TCP, TLS or Unix, until Shutdown, when it returns nil, or until the
// listener fails. It closes the listener. It may be called for several.
func (s *Server) Serve(l net.Listener) error {
	s.init()
	defer l.Close()
	if !s.addListener(l) {
		return nil
	}
	defer s.removeListener(l)
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.start(nc)
		case s.isClosing():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			// Out of file descriptors, most likely: it passes.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Warn("accept failed", "err", err)
			select {
			case <-time.After(pause):
			case <-s.ctx.Done():
			}
		}
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.closing {
		s.mu.listeners[l] = struct{}{}
	}
	return !s.mu.closing
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.listeners, l)
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.closing
}

// start runs a connection in its goroutine.
func (s *Server) start(nc net.Conn) {
	c := &conn{
		server: s,
		nc:     nc,
		log:    s.log.With("conn", s.lastConn.Add(1)),
	}
	c.br = bufio.NewReaderSize(c, s.limits.Line)
	c.bw = bufio.NewWriter(deadlineWriter{nc, s.limits.Idle})
	refused, closing := s.addConn(c)
	if closing {
		nc.Close()
		return
	}
	go func() {
		defer s.running.Done()
		defer s.removeConn(c)
		defer nc.Close()
		// The greeting of a TLS connection waits for its handshake, which reads.
		c.startRead()
		if refused {
			c.log.Warn("connection refused: too many", "addr", nc.RemoteAddr(), "limit", s.limits.Connections)
			c.reply(replyManyConns)
			c.bw.Flush()
			return
		}
		c.serve()
	}()
}

func (s *Server) addConn(c *conn) (refused, closing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closing {
		return false, true
	}
	refused = len(s.mu.conns) >= s.limits.Connections
	s.mu.conns[c] = struct{}{}
	s.running.Add(1)
	return refused, false
}

func (s *Server) removeConn(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.conns, c)
}

// Shutdown stops taking connections, ends those that wait for a command, lets messages that are
// under way be delivered, and waits. When ctx ends first it cuts the rest off, waits for their
// goroutines and returns the context's error; what they were delivering has had no reply, so the
// clients try again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	conns := s.close()
	for _, c := range conns {
		c.drain()
	}
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		s.cancel()
		for _, c := range conns {
			c.nc.Close()
		}
		<-done
	}
	s.cancel()
	return err
}

// close closes the listeners and returns the connections. No more are added.
func (s *Server) close() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closing = true
	for l := range s.mu.listeners {
		l.Close()
	}
	conns := make([]*conn, 0, len(s.mu.conns))
	for c := range s.mu.conns {
		conns = append(conns, c)
	}
	return conns
}

// deadlineWriter gives each write its time, so that a client that stops reading is let go.
type deadlineWriter struct {
	nc   net.Conn
	idle time.Duration
}

func (w deadlineWriter) Write(p []byte) (int, error) {
	if err := w.nc.SetWriteDeadline(time.Now().Add(w.idle)); err != nil {
		return 0, err
	}
	return w.nc.Write(p)
}
