package localstore

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestWriteDeadline checks that a client that stops reading does not outlast its deadline,
// whichever way the octets go.
func TestWriteDeadline(t *testing.T) {
	s := openTest(t, t.TempDir(), &Options{NoSync: true})
	u := newUser(t, s, "ann")
	_, err := u.add(strings.Repeat("0123456789abcdef", 1<<20))
	must(t, err)
	row := u.inbox.Version().At(1)
	body, err := u.inbox.Body(ctx, &row)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	must(t, c.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	n, err := body.WriteRange(c, 0, body.Size())
	if !errors.Is(err, os.ErrDeadlineExceeded) || n <= 0 || n >= body.Size() {
		t.Errorf("wrote %d of %d octets: %v", n, body.Size(), err)
	}
	must(t, c.Close())
	if _, err := body.WriteRange(c, 0, body.Size()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("to a closed connection: %v", err)
	}
	must(t, l.Close())
	must(t, body.Close())
	if n, err := body.ReadAt(make([]byte, 1), 0); err == nil {
		t.Errorf("read %d octets of a closed body", n)
	}
	u.close(t)
}
