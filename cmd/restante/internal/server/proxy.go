package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
)

// What a proxy may take before its client can be served.
const (
	proxyHeaderTimeout = 10 * time.Second
	maxProxyHeaders    = 1000 // connections whose header has not come yet
)

// proxies are the machines that speak for clients, and the listeners on which they do.
type proxies struct {
	from []netip.Prefix
	on   []string
}

// newProxies reads the settings.
func newProxies(c config.Server) (p proxies, err error) {
	if len(c.ProxyProtocolFrom) == 0 {
		if len(c.ProxyProtocolOn) > 0 {
			return p, cli.Usagef("proxy_protocol_on needs proxy_protocol_from, the addresses of the proxies")
		}
		return p, nil
	}
	for _, text := range c.ProxyProtocolFrom {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return p, cli.Usagef("proxy_protocol_from: %q is no address; one is like \"127.0.0.1\", many are like \"10.0.0.0/8\"", text)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		p.from = append(p.from, prefix)
	}
	p.on = c.ProxyProtocolOn
	if p.on == nil {
		p.on = []string{"imap", "imaps"}
	}
	for _, name := range p.on {
		if name != "imap" && name != "imaps" && name != "lmtp" {
			return p, cli.Usagef("proxy_protocol_on: %q is none of imap, imaps and lmtp", name)
		}
	}
	return p, nil
}

// speakFor reports whether an address is that of a proxy.
func (p proxies) speakFor(addr netip.Addr) bool {
	return slices.ContainsFunc(p.from, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// wrap returns the listener with that name, or one that heeds the proxies when they use it.
func (p proxies) wrap(name string, l net.Listener, log *slog.Logger) net.Listener {
	if !slices.Contains(p.on, name) {
		return l
	}
	pl := &proxyListener{
		Listener: l, proxies: p, log: log.With("listener", name),
		accepted: make(chan acceptance), closed: make(chan struct{}),
	}
	pl.mu.waiting = map[net.Conn]struct{}{}
	pl.running.Go(pl.acceptAll)
	return pl
}

// proxyListener accepts connections of clients, and connections of proxies, which begin with a header
// of the PROXY protocol, version 1 or 2 (haproxy.org, proxy-protocol.txt), and have the client's
// address. The headers are awaited beside each other, so a proxy that sends none delays nobody.
type proxyListener struct {
	net.Listener
	proxies proxies
	log     *slog.Logger

	accepted chan acceptance
	closed   chan struct{}
	running  sync.WaitGroup
	mu       struct {
		sync.Mutex
		closed  bool
		waiting map[net.Conn]struct{} // connections whose header is being read
	}
}

type acceptance struct {
	nc  net.Conn
	err error
}

// Accept returns a connection that can be served.
func (l *proxyListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.nc, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close closes the listener and the connections that have not been accepted.
func (l *proxyListener) Close() error {
	if !l.close() {
		return nil
	}
	err := l.Listener.Close()
	l.running.Wait()
	return err
}

// close returns false when it was done before.
func (l *proxyListener) close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return false
	}
	l.mu.closed = true
	close(l.closed)
	for nc := range l.mu.waiting {
		nc.Close()
	}
	return true
}

// acceptAll accepts until the listener is closed.
func (l *proxyListener) acceptAll() {
	for {
		nc, err := l.Listener.Accept()
		if err != nil || !l.proxies.speakFor(addrOf(nc.RemoteAddr())) {
			if !l.hand(acceptance{nc, err}) {
				return
			}
			continue
		}
		if err := l.wait(nc); err != nil {
			l.refuse(nc, err)
			continue
		}
		l.running.Go(func() {
			defer l.waited(nc)
			client, err := readProxyHeader(nc)
			if err != nil {
				l.refuse(nc, err)
				return
			}
			l.hand(acceptance{client, nil})
		})
	}
}

// refuse closes a proxy's connection, and says why unless that is that the listener has been closed.
func (l *proxyListener) refuse(nc net.Conn, err error) {
	if !errors.Is(err, net.ErrClosed) {
		l.log.Warn("connection of a proxy refused", "addr", nc.RemoteAddr(), "err", err)
	}
	nc.Close()
}

// hand gives something to Accept. It returns false when the listener is closed.
func (l *proxyListener) hand(a acceptance) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.closed:
		if a.nc != nil {
			a.nc.Close()
		}
		return false
	}
}

// wait notes that the header of a connection is awaited.
func (l *proxyListener) wait(nc net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return net.ErrClosed
	}
	if len(l.mu.waiting) >= maxProxyHeaders {
		return fmt.Errorf("%d connections of proxies have no header yet", maxProxyHeaders)
	}
	l.mu.waiting[nc] = struct{}{}
	return nil
}

func (l *proxyListener) waited(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.waiting, nc)
}

// proxiedConn is a connection through a proxy.
type proxiedConn struct {
	net.Conn
	client net.Addr
}

// RemoteAddr returns the client's address, not the proxy's.
func (c *proxiedConn) RemoteAddr() net.Addr { return c.client }

// readProxyHeader reads the header with which a proxy begins, and returns the connection behind it.
func readProxyHeader(nc net.Conn) (net.Conn, error) {
	pc := proxyproto.NewConn(nc, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(proxyHeaderTimeout))
	header := pc.ProxyHeader()
	if header == nil {
		_, err := pc.Read(nil)
		return nil, fmt.Errorf("no header of the PROXY protocol: %w", err)
	}
	client, err := proxiedClient(header, nc.RemoteAddr())
	if err != nil {
		return nil, err
	}
	return &proxiedConn{pc, client}, nil
}

// proxiedClient returns the address of the client that a proxy speaks for. It is on loopback only when
// client and proxy are both on this machine: such a client may send its password without TLS.
func proxiedClient(header *proxyproto.Header, proxy net.Addr) (net.Addr, error) {
	var client netip.Addr
	if !header.Command.IsLocal() {
		switch addr := header.SourceAddr.(type) {
		case *net.TCPAddr:
			if client = addrOf(addr); client.IsLoopback() && !addrOf(proxy).IsLoopback() {
				return proxy, nil // a client on the proxy's machine
			}
			return net.TCPAddrFromAddrPort(netip.AddrPortFrom(client, uint16(addr.Port))), nil
		case *net.UnixAddr: // on the proxy's machine, or behind another proxy
		default:
			return nil, fmt.Errorf("the proxy speaks for a client by %v", header.TransportProtocol)
		}
	}
	// The proxy itself, which looks whether we live, or somebody of whom it does not say who it is.
	if !addrOf(proxy).IsLoopback() {
		return proxy, nil
	}
	return &net.TCPAddr{IP: net.IPv4zero}, nil
}

// addrOf returns the IP address of a peer, or the zero Addr for one without.
func addrOf(addr net.Addr) netip.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
