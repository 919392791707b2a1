package pgstore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// cut is a way in which a proxy ends a connection.
type cut int

const (
	cutNot      cut = iota
	cutBefore       // the server never gets the COMMIT
	cutAt           // it gets it, and the client is gone while it is at work
	cutAfter        // it has made the commit, and the client does not hear of it
	cutAnywhere     // before a message of the server's, whatever it is
	freeze          // no connection is cut, but nothing passes any more, from the server's next message on
)

// proxy stands between stores and PostgreSQL, whose messages it understands as far as it has to, to
// end connections when a COMMIT is on its way.
type proxy struct {
	listener net.Listener
	server   string // its socket
	// onCommit and onAnswer say what to do with a commit, and with any other message of the server's.
	onCommit, onAnswer func() cut
	refusing           atomic.Bool  // new connections are closed
	refused            atomic.Int64 // how many were
	cuts               [freeze + 1]atomic.Int64

	running sync.WaitGroup
	mu      struct {
		sync.Mutex
		closed bool
		thawed chan struct{} // nil unless the proxy is frozen
		conns  map[net.Conn]struct{}
	}
}

// startProxy returns a proxy and the address of a database through it.
func startProxy(t *testing.T, database string, onCommit, onAnswer func() cut) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: filepath.Join(q.Get("host"), ".s.PGSQL.5432"), onCommit: onCommit, onAnswer: onAnswer}
	p.mu.conns = map[net.Conn]struct{}{}
	q.Del("host")
	q.Set("sslmode", "disable")
	u.RawQuery, u.Host = q.Encode(), l.Addr().String()
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.refusing.Load() {
			p.refused.Add(1)
			client.Close()
			continue
		}
		server, err := net.Dial("unix", p.server)
		if err != nil || !p.add(client, server) {
			client.Close()
			continue
		}
		c := &proxied{proxy: p, client: client, server: server, commits: map[string]bool{}}
		p.running.Go(c.fromClient)
		p.running.Go(c.fromServer)
	}
}

func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.mu.closed {
			c.Close()
			continue
		}
		p.mu.conns[c] = struct{}{}
	}
	return !p.mu.closed
}

func (p *proxy) remove(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mu.conns, c)
}

// freeze has connections stay as they are, and nothing pass.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.thawed == nil {
		p.mu.thawed = make(chan struct{})
	}
}

func (p *proxy) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.thawed != nil {
		close(p.mu.thawed)
		p.mu.thawed = nil
	}
}

// pass waits while the proxy is frozen.
func (p *proxy) pass() {
	p.mu.Lock()
	thawed := p.mu.thawed
	p.mu.Unlock()
	if thawed != nil {
		<-thawed
	}
}

// cutAll ends the connections that there are.
func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.mu.conns {
		c.Close()
	}
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.cutAll()
	p.thaw()
	p.running.Wait()
}

// proxied is one connection.
type proxied struct {
	proxy          *proxy
	client, server net.Conn
	commits        map[string]bool // prepared statements that are COMMIT
	commit         atomic.Int64    // the cut for the commit that is under way
}

var errCut = errors.New("cut")

// fromClient passes on what the client sends.
func (c *proxied) fromClient() {
	defer c.proxy.remove(c.server)
	in, out := bufio.NewReader(c.client), bufio.NewWriter(c.server)
	start, err := message(in, nil)
	if err != nil {
		return
	}
	out.Write(start)
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		kind, err := in.ReadByte()
		if err != nil {
			return
		}
		m, err := message(in, []byte{kind})
		if err != nil {
			return
		}
		c.proxy.pass()
		if c.isCommit(m) {
			what := c.proxy.onCommit()
			c.commit.Store(int64(what))
			if what == cutBefore {
				c.proxy.cuts[what].Add(1)
				out.Flush()
				c.client.Close()
				return
			}
		}
		out.Write(m)
		if kind == 'S' && cut(c.commit.Load()) == cutAt { // Sync: the server has all of it
			c.proxy.cuts[cutAt].Add(1)
			out.Flush()
			c.client.Close()
			c.server.(*net.UnixConn).CloseWrite()
			io.Copy(io.Discard, c.server) // until it is done, and finds that nobody is there
			return
		}
	}
}

// isCommit reports whether a message of the client's has the server execute a COMMIT.
func (c *proxied) isCommit(m []byte) bool {
	words := bytes.Split(m[5:], []byte{0})
	switch m[0] {
	case 'P': // Parse: name, query
		c.commits[string(words[0])] = string(words[1]) == "COMMIT"
	case 'B': // Bind: portal, name
		return c.commits[string(words[1])]
	}
	return false
}

// fromServer passes on what the server sends.
func (c *proxied) fromServer() {
	defer c.proxy.remove(c.client)
	in, out := bufio.NewReader(c.server), bufio.NewWriter(c.client)
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		kind, err := in.ReadByte()
		if err != nil {
			return
		}
		m, err := message(in, []byte{kind})
		if err != nil {
			return
		}
		what := cutNot
		if kind == 'C' && string(m[5:]) == "COMMIT\x00" { // CommandComplete
			what = cut(c.commit.Swap(int64(cutNot)))
		} else {
			what = c.proxy.onAnswer()
		}
		if what == cutAfter || what == cutAnywhere {
			c.proxy.cuts[what].Add(1)
			c.server.Close()
			return
		}
		if what == freeze {
			c.proxy.cuts[what].Add(1)
			c.proxy.freeze()
		}
		c.proxy.pass()
		out.Write(m)
	}
}

// message reads a message whose first octets were read.
func message(in *bufio.Reader, start []byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < 4 || n > 1<<28 {
		return nil, errCut
	}
	m := append(start, length[:]...)
	rest := len(m)
	m = append(m, make([]byte, n-4)...)
	_, err := io.ReadFull(in, m[rest:])
	return m, err
}
