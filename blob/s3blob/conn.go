package s3blob

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"time"
)

// newTransport returns connections that end when nothing moves for a while. An idle one is closed
// well before that, and before most servers would close it: a request on a connection that is being
// closed fails.
func newTransport(silence time.Duration, roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: min(silence, 10*time.Second), KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &conn{c, silence}, nil
		},
		TLSClientConfig:       &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout:   min(silence, 10*time.Second),
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       min(silence/2, 10*time.Second),
		MaxIdleConnsPerHost:   64,
		MaxConnsPerHost:       256,
		DisableCompression:    true,
	}
}

// conn is a connection that fails when no octet moves in either direction for as long as silence.
type conn struct {
	net.Conn
	silence time.Duration
}

// Read extends the time for what is written, too: the two directions of HTTP take turns.
func (c *conn) Read(p []byte) (int, error) {
	c.extend()
	return c.Conn.Read(p)
}

// maxWrite is how much is given to the system at once: a write counts as silence until it is done.
const maxWrite = 64 << 10

func (c *conn) Write(p []byte) (done int, err error) {
	for {
		c.extend()
		n, err := c.Conn.Write(p[done:min(len(p), done+maxWrite)])
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

func (c *conn) extend() { c.SetDeadline(time.Now().Add(c.silence)) }

// plainBody hides that a body can write itself. The library closes bodies when it has the answer, and
// those of its that can write themselves then say io.EOF, which net/http takes for a failure of the
// connection: it is closed while the answer is read (aws-sdk-go-v2 issues 1825 and 2737).
type plainBody struct{ next http.RoundTripper }

func (p plainBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		plain := *r
		plain.Body = struct{ io.ReadCloser }{r.Body}
		r = &plain
	}
	return p.next.RoundTrip(r)
}
