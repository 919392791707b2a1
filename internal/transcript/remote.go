package transcript

import (
	"crypto/tls"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Remote is the mode that runs transcripts against any server, over the network and with nothing
// but IMAP: a transcript's messages are appended, and what the server has no capability for is not
// run. addr is host:port, or imaps://host:port for TLS from the start; the server's certificate is
// not verified.
//
// A {} in user stands for a number that is different in each run, for servers that make accounts
// when they are first used; the account is then fresh, and transcripts run in parallel. Without
// it the one account is EMPTIED before every transcript and they run one after the other;
// those that name UIDs will then differ.
//
// The mode's name, and therefore its labels, are "remote" and what IMAP_LABELS holds, joined by
// hyphens.
func Remote(addr, user, password string) Mode {
	name := "remote"
	if more := os.Getenv("IMAP_LABELS"); more != "" {
		name += "-" + more
	}
	host, implicit := strings.CutPrefix(addr, "imaps://")
	host = strings.TrimPrefix(host, "imap://")
	config := &tls.Config{InsecureSkipVerify: true} // any server, on purpose
	dial := dialer(host)
	if implicit {
		plain := dial
		dial = func() (net.Conn, error) {
			nc, err := plain()
			if err != nil {
				return nil, err
			}
			return tls.Client(nc, config), nil
		}
	}
	var runs atomic.Int64
	var shared struct{ mu sync.Mutex }
	start := time.Now().UnixNano() / 1e6
	return Mode{Name: name, TLS: implicit, Start: func(t testing.TB) Target {
		if user == "" || password == "" {
			t.Fatal(errNoUser)
		}
		target := Target{Dial: dial, User: user, Password: password, StartTLS: config, remote: true}
		if strings.Contains(user, "{}") {
			run := strconv.FormatInt(start, 36) + "-" + strconv.FormatInt(runs.Add(1), 10)
			target.User = strings.ReplaceAll(user, "{}", run)
			return target
		}
		shared.mu.Lock() // until the transcript is done
		t.Cleanup(shared.mu.Unlock)
		r := &runner{target: target}
		s, err := r.connect("W", "rev1")
		if err != nil {
			t.Fatal(err)
		}
		defer s.nc.Close()
		if err := s.wipe(r.limit()); err != nil {
			t.Fatal(err)
		}
		return target
	}}
}
