package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"restante/cmd/restante/internal/config"
)

// serveBehindProxy serves with these settings.
func serveBehindProxy(t *testing.T, settings string) *serving {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte("[server]\n"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return serveCommand(t, "--config", file, "--data", filepath.Join(dir, "data"))
}

// peer is a connection to a server.
type peer struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func (s *serving) dial(listener, first string) *peer {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.addr[listener])
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { nc.Close() })
	p := &peer{s.t, nc, bufio.NewReader(nc)}
	p.send(first)
	return p
}

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := p.Write([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// line returns the next line that the server sends, or "" at the end.
func (p *peer) line() string {
	line, _ := p.lines.ReadString('\n')
	return line
}

// header is what a proxy says of a client, version 2; an empty one of itself.
func header(t *testing.T, client string) string {
	t.Helper()
	h := &proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	if client != "" {
		addr, err := net.ResolveTCPAddr("tcp", client)
		if err != nil {
			t.Fatal(err)
		}
		h = proxyproto.HeaderProxyFromAddrs(2, addr, addr)
	}
	text, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProxyPlaintext: the rule that passwords need TLS unless the client is on this machine goes by the
// client's address, not by the proxy's.
func TestProxyPlaintext(t *testing.T) {
	s := serveBehindProxy(t, `proxy_protocol_from = ["127.0.0.1"]`)
	for _, test := range []struct {
		header  string
		allowed bool
	}{
		{"PROXY TCP4 192.0.2.7 192.0.2.1 50000 143\r\n", false},
		{"PROXY TCP6 2001:db8::7 2001:db8::1 50000 143\r\n", false},
		{"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 50000 143\r\n", false},
		{"PROXY TCP4 127.0.0.1 127.0.0.1 50000 143\r\n", true},
		{"PROXY TCP6 ::1 ::1 50000 143\r\n", true},
		{"PROXY UNKNOWN\r\n", false},
		{"PROXY UNKNOWN 127.0.0.1 127.0.0.1 50000 143\r\n", false},
		{header(t, "192.0.2.7:50000"), false},
		{header(t, "[2001:db8::7]:50000"), false},
		{header(t, "127.0.0.1:50000"), true},
		{header(t, ""), false},
	} {
		p := s.dial("imap", test.header)
		greeting := p.line()
		if !strings.HasPrefix(greeting, "* OK ") || strings.Contains(greeting, "LOGINDISABLED") == test.allowed {
			t.Errorf("%q: %s", test.header, greeting)
		}
		p.send("A LOGIN nobody secret\r\n")
		if line := p.line(); strings.HasPrefix(line, "A NO [PRIVACYREQUIRED]") == test.allowed {
			t.Errorf("%q: %s", test.header, line)
		}
		p.Close()
	}
}

// TestProxyTLS has the header before the first octet of TLS.
func TestProxyTLS(t *testing.T) {
	s := serveBehindProxy(t, `proxy_protocol_from = ["127.0.0.0/8"]`)
	for _, h := range []string{"PROXY TCP4 192.0.2.7 192.0.2.1 50000 993\r\n", header(t, "192.0.2.7:50000")} {
		nc := tls.Client(s.dial("imaps", h), &tls.Config{InsecureSkipVerify: true})
		line, err := bufio.NewReader(nc).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "* OK ") || strings.Contains(line, "LOGINDISABLED") {
			t.Errorf("%q: %s%v", h, line, err)
		}
		nc.Close()
	}
}

// TestProxyWithoutHeader refuses a proxy that does not begin with a header, or with a wrong one, at once
// and without a word; the log says which.
func TestProxyWithoutHeader(t *testing.T) {
	s := serveBehindProxy(t, `proxy_protocol_from = ["127.0.0.1"]`)
	for _, first := range []string{
		"A NOOP\r\nA NOOP\r\n",
		"PROXY TCP4 192.0.2.7\r\n",
		"PROXY TCP4 localhost 192.0.2.1 50000 143\r\n",
		"PROXY " + strings.Repeat("x", 200),
		"\r\n\r\n\x00\r\nQUIT\n\x21\x12\x00\x0c" + strings.Repeat("\x01", 12), // UDP
		"\r\n\r\n\x00\r\nQUIT\n\xff\x11\x00\x0c" + strings.Repeat("\x01", 12),
	} {
		if line := s.dial("imap", first).line(); line != "" {
			t.Errorf("%q: %s", first, line)
		}
		s.until("level=WARN", `msg="connection of a proxy refused" listener=imap addr=127.0.0.1:`)
	}
}

// TestProxyWaits: who has not sent a header yet delays nobody, and does not keep the server from ending.
func TestProxyWaits(t *testing.T) {
	s := serveBehindProxy(t, `proxy_protocol_from = ["127.0.0.1"]`)
	for range 3 {
		s.dial("imap", "")
		s.dial("imaps", "")
	}
	if line := s.dial("imap", header(t, "192.0.2.7:50000")).line(); !strings.HasPrefix(line, "* OK ") {
		t.Errorf("greeting %q", line)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	for line := range s.lines {
		if strings.Contains(line, "refused") {
			t.Errorf("the end is told of as a fault: %s", line)
		}
	}
}

// TestProxyLimits counts connections by client, not by proxy.
func TestProxyLimits(t *testing.T) {
	s := serveBehindProxy(t, "proxy_protocol_from = [\"127.0.0.1\"]\n[server.limits]\nconnections_per_address = 1")
	for _, test := range []struct{ client, want string }{
		{"192.0.2.7:50000", "* OK "}, {"192.0.2.8:50000", "* OK "}, {"192.0.2.7:50001", "* BYE [LIMIT] "},
	} {
		if line := s.dial("imap", header(t, test.client)).line(); !strings.HasPrefix(line, test.want) {
			t.Errorf("%s: %s", test.client, line)
		}
	}
}

// TestProxyFromOthers believes the header of nobody who is not listed, on no listener that is not.
func TestProxyFromOthers(t *testing.T) {
	s := serveBehindProxy(t, `proxy_protocol_from = ["10.0.0.0/8", "2001:db8::/32"]`)
	p := s.dial("imap", "PROXY TCP4 192.0.2.7 192.0.2.1 50000 143\r\n")
	if line := p.line(); !strings.HasPrefix(line, "* OK ") || strings.Contains(line, "LOGINDISABLED") {
		t.Errorf("greeting %s", line)
	}
	if line := p.line(); !strings.HasPrefix(line, "PROXY BAD ") {
		t.Errorf("the header of a stranger: %s", line)
	}
	s = serveBehindProxy(t, `proxy_protocol_from = ["127.0.0.1"]`)
	if line := s.dial("lmtp", "").line(); !strings.HasPrefix(line, "220 ") {
		t.Errorf("LMTP without a header: %s", line)
	}
	s = serveBehindProxy(t, "proxy_protocol_from = [\"127.0.0.1\"]\nproxy_protocol_on = [\"lmtp\"]")
	if line := s.dial("lmtp", "LHLO x\r\n").line(); line != "" {
		t.Errorf("LMTP without its header: %s", line)
	}
	if line := s.dial("lmtp", header(t, "192.0.2.7:50000")).line(); !strings.HasPrefix(line, "220 ") {
		t.Errorf("LMTP: %s", line)
	}
	if line := s.dial("imap", "").line(); !strings.HasPrefix(line, "* OK ") {
		t.Errorf("IMAP without a header: %s", line)
	}
}

// TestProxiedClient is on loopback only if both it and its proxy are.
func TestProxiedClient(t *testing.T) {
	for _, test := range []struct{ proxy, client, want string }{
		{"127.0.0.1:1", "192.0.2.7:2", "192.0.2.7:2"},
		{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:2"},
		{"10.0.0.7:1", "192.0.2.7:2", "192.0.2.7:2"},
		{"10.0.0.7:1", "127.0.0.1:2", "10.0.0.7:1"},
		{"10.0.0.7:1", "[::1]:2", "10.0.0.7:1"},
		{"10.0.0.7:1", "", "10.0.0.7:1"},
		{"127.0.0.1:1", "", "0.0.0.0:0"},
		{"[::1]:1", "", "0.0.0.0:0"},
		{"127.0.0.1:1", "@/run/x", "0.0.0.0:0"},
		{"10.0.0.7:1", "@/run/x", "10.0.0.7:1"},
	} {
		proxy, err := net.ResolveTCPAddr("tcp", test.proxy)
		if err != nil {
			t.Fatal(err)
		}
		var h *proxyproto.Header
		if path, ok := strings.CutPrefix(test.client, "@"); ok {
			addr := &net.UnixAddr{Name: path, Net: "unix"}
			h = proxyproto.HeaderProxyFromAddrs(2, addr, addr)
		} else if h, err = proxyproto.Read(bufio.NewReader(bytes.NewReader([]byte(header(t, test.client))))); err != nil {
			t.Fatal(err)
		}
		if got, err := proxiedClient(h, proxy); err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%s through %s is %v, %v, want %s", test.client, test.proxy, got, err, test.want)
		}
	}
}

// TestProxySettings refuses settings that mean nothing.
func TestProxySettings(t *testing.T) {
	for _, test := range []struct {
		from, on []string
		want     string
	}{
		{nil, nil, ""},
		{[]string{"127.0.0.1", "::1", "10.0.0.0/8"}, []string{"lmtp", "imap"}, ""},
		{nil, []string{"imap"}, "proxy_protocol_on needs proxy_protocol_from"},
		{[]string{"localhost"}, nil, `proxy_protocol_from: "localhost" is no address`},
		{[]string{"10.0.0.0/33"}, nil, `"10.0.0.0/33" is no address`},
		{[]string{"10.0.0.1"}, []string{"http"}, `proxy_protocol_on: "http" is none of`},
	} {
		_, err := newProxies(config.Server{ProxyProtocolFrom: test.from, ProxyProtocolOn: test.on})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v %v: %v", test.from, test.on, err)
		}
	}
}
