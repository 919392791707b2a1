package transcript

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A run's account is named after the process and its number in it.
var (
	started = time.Now().UnixMilli()
	runs    atomic.Int64
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
// The mode has the label "remote" and those given, such as the server's name, for what a
// transcript knows of it.
func Remote(addr, user, password string, labels ...string) Mode {
	name := strings.Join(append([]string{"remote"}, labels...), "-")
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
	var shared struct{ mu sync.Mutex }
	return Mode{Name: name, TLS: implicit, Start: func(t testing.TB) Target {
		if user == "" || password == "" {
			t.Fatal(errNoUser)
		}
		target := Target{Dial: dial, User: user, Password: password, StartTLS: config, remote: true}
		if strings.Contains(user, "{}") {
			run := strconv.FormatInt(started, 36) + "-" + strconv.FormatInt(runs.Add(1), 10)
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
