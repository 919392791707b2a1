package s3blob

import (
	"context"
	"net"
	"net/http"
	"time"
)

// newTransport returns connections that end when nothing moves for a while. An idle one is closed
// well before that, and before most servers would close it: a request on a connection that is being
// closed fails.
func newTransport(silence time.Duration) *http.Transport {
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
