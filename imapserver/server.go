package imapserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"restante/auth"
	"restante/store"
	"restante/store/gate"
)

// Limits bound what one client can cost. A zero field means its default.
type Limits struct {
	LineLength         int           // octets of a command without its literals; default 64 KiB
	CommandLiterals    int64         // octets of all literals of a command but a message; default 1 MiB
	AppendLimit        int64         // octets of an appended message (RFC 7889); default 128 MiB
	CommandsBeforeAuth int           // default 32
	ErrorsBeforeAuth   int           // syntax errors and failed logins that end a connection that is not logged in; default 3
	Errors             int           // syntax errors in a row that end any connection; default 50
	ConnsPerAddr       int           // connections from one address; default 1000
	ConnsPerUser       int           // default 200
	AuthTimeout        time.Duration // until the login has succeeded; default 3 minutes
	IdleTimeout        time.Duration // without a command; default 30 minutes (RFC 9051 §5.4)
	WriteTimeout       time.Duration // without a written octet getting through; default 5 minutes
}

func (l Limits) withDefaults() Limits {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def64 := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	defDur := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	def(&l.LineLength, 64<<10)
	def64(&l.CommandLiterals, 1<<20)
	def64(&l.AppendLimit, 128<<20)
	def(&l.CommandsBeforeAuth, 32)
	def(&l.ErrorsBeforeAuth, 3)
	def(&l.Errors, 50)
	def(&l.ConnsPerAddr, 1000)
	def(&l.ConnsPerUser, 200)
	defDur(&l.AuthTimeout, 3*time.Minute)
	defDur(&l.IdleTimeout, 30*time.Minute)
	defDur(&l.WriteTimeout, 5*time.Minute)
	return l
}

// Observer is told what happens, for metrics. Its methods are called by many goroutines.
type Observer interface {
	ConnOpened()
	ConnClosed()
	// Command was answered. name is "UNKNOWN" for what is no command, result OK, NO or BAD.
	Command(name, result string, d time.Duration)
}

// Server serves a store over IMAP. The fields must not change once it serves.
type Server struct {
	// Mail is what users do with their mail: a gate, so that every access is judged.
	Mail *gate.Gate
	Auth *auth.Authenticator
	// TLS is for STARTTLS and ServeTLS; nil: neither is offered.
	TLS *tls.Config
	// ClientNames returns the names of users that a client has proved by a certificate, which TLS has
	// verified: EXTERNAL is offered to who has any (RFC 4422 appendix A). It may be nil.
	ClientNames func(*x509.Certificate) []string
	// AllowPlaintext permits passwords without TLS from any address, not only from loopback.
	AllowPlaintext bool
	// LiteralMinus offers LITERAL- in the place of LITERAL+: what is larger than 4096 octets is sent
	// when the server has asked for it (RFC 7888 §5).
	LiteralMinus bool
	// NoUnauthenticate withdraws UNAUTHENTICATE, for a server behind a proxy that looks at the first
	// login only (RFC 8437 §8).
	NoUnauthenticate bool
	Limits           Limits
	Log              *slog.Logger // nil: nothing is logged
	Observer         Observer     // may be nil
	Version          string       // told by ID (RFC 2971); may be ""
	TempDir          string       // for long messages of APPEND that may hold NUL; "" is os.TempDir

	extensions []*extension     // nil: all of extensions.go
	searchKeys int              // what a search may try; 0: maxSearchKeys
	clock      func() time.Time // nil: time.Now

	once     sync.Once
	features *features
	limits   Limits
	tls      *tls.Config // TLS, which keeps what it shows
	log      *slog.Logger
	ctx      context.Context // ends when connections are to end
	cancel   context.CancelFunc
	hard     context.Context // ends when they must, whatever they are doing
	kill     context.CancelFunc

	longIDs atomic.Int32 // commands ID of strangers that are longer than other commands

	turns turns
	facts factColumns
	seed  maphash.Seed
	conns sync.WaitGroup
	mu    struct {
		sync.Mutex
		closed    bool
		listeners map[net.Listener]struct{}
		perAddr   map[netip.Addr]int
		perUser   map[store.AccountID]int
		lastID    uint64
	}
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("imapserver: server closed")

func (s *Server) init() {
	s.once.Do(func() {
		if s.extensions == nil {
			s.extensions = extensions
		}
		if s.searchKeys == 0 {
			s.searchKeys = maxSearchKeys
		}
		s.features = newFeatures(s.extensions)
		s.seed = maphash.MakeSeed()
		s.limits = s.Limits.withDefaults()
		s.tls = keepingShown(s.TLS)
		s.log = s.Log
		if s.log == nil {
			s.log = slog.New(slog.DiscardHandler)
		}
		s.ctx, s.cancel = context.WithCancel(context.Background())
		s.hard, s.kill = context.WithCancel(context.Background())
		s.mu.listeners = map[net.Listener]struct{}{}
		s.mu.perAddr = map[netip.Addr]int{}
		s.mu.perUser = map[store.AccountID]int{}
	})
}

// Serve accepts connections on l until Shutdown, then returns ErrServerClosed.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, false) }

// ServeTLS is Serve with TLS from the first octet (RFC 8314).
func (s *Server) ServeTLS(l net.Listener) error { return s.serve(l, true) }

func (s *Server) serve(l net.Listener, implicitTLS bool) error {
	s.init()
	if !s.track(l, true) {
		l.Close()
		return ErrServerClosed
	}
	defer s.track(l, false)
	defer l.Close()
	for delay := time.Duration(0); ; {
		nc, err := l.Accept()
		if err != nil {
			if s.ctx.Err() != nil || s.closing() {
				return ErrServerClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Out of file descriptors, most likely: wait for connections to end.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.log.Warn("accept failed", "err", err, "retry", delay)
			select {
			case <-time.After(delay):
			case <-s.ctx.Done():
			}
			continue
		}
		delay = 0
		s.start(nc, implicitTLS)
	}
}

func (s *Server) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.closed
}

// track adds or removes a listener. It reports false when the server is closed.
func (s *Server) track(l net.Listener, add bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !add {
		delete(s.mu.listeners, l)
		return true
	}
	if s.mu.closed {
		return false
	}
	s.mu.listeners[l] = struct{}{}
	return true
}

// start runs a connection in a goroutine of its own.
func (s *Server) start(nc net.Conn, implicitTLS bool) {
	if c, tooMany := s.admit(nc); c != nil {
		go s.run(c, tooMany, implicitTLS)
	}
}

// admit counts a new connection, which is then to be run. tooMany says that there are too many from its
// address. Once the server is closed there is no connection.
func (s *Server) admit(nc net.Conn) (c *conn, tooMany bool) {
	addr := remoteAddr(nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		nc.Close()
		return nil, false
	}
	s.mu.lastID++
	s.mu.perAddr[addr]++
	s.conns.Add(1)
	return newConn(s, nc, s.mu.lastID, addr), s.mu.perAddr[addr] > s.limits.ConnsPerAddr
}

// run runs a connection that was admitted, to its end.
func (s *Server) run(c *conn, tooMany, implicitTLS bool) {
	defer s.conns.Done()
	defer s.leaveAddr(c.addr)
	if tooMany {
		c.refuse(implicitTLS)
		return
	}
	if s.Observer != nil {
		s.Observer.ConnOpened()
		defer s.Observer.ConnClosed()
	}
	c.serve(implicitTLS)
}

func (s *Server) leaveAddr(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.perAddr[addr]--; s.mu.perAddr[addr] == 0 {
		delete(s.mu.perAddr, addr)
	}
}

// enterUser counts a connection of a user; false: there are too many.
func (s *Server) enterUser(id store.AccountID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.perUser[id] >= s.limits.ConnsPerUser {
		return false
	}
	s.mu.perUser[id]++
	return true
}

func (s *Server) leaveUser(id store.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.perUser[id]--; s.mu.perUser[id] == 0 {
		delete(s.mu.perUser, id)
	}
}

// errShutdown is the cause with which connections are cancelled.
var errShutdown = errors.New("server is shutting down")

// Shutdown stops accepting, tells every client BYE, lets commands that run finish, but ends those that
// work for long with NO [UNAVAILABLE], and waits for the connections to end. When ctx ends first, the sockets that are left are closed and what runs
// is cancelled; Shutdown waits for that too and returns why ctx ended.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	s.close()
	s.cancel()
	defer s.kill()
	done := make(chan struct{})
	go func() {
		s.conns.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.kill()
		<-done
		return context.Cause(ctx)
	}
}

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	for l := range s.mu.listeners {
		l.Close()
	}
}

// remoteAddr returns the peer's address; the zero Addr for a peer without one, such as a pipe or
// a Unix socket, which counts as local.
func remoteAddr(nc net.Conn) netip.Addr {
	if ap, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
