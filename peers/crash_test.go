package peers

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"restante/internal/servertest"
)

// TestKill kills the server while four clients append and flag messages, starts it again, and looks
// for every change that was acknowledged.
func TestKill(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := servertest.Start(t, data)
	s.AddUser(t, user, password)
	known := map[goimap.UID]string{} // acknowledged messages, by their subject
	flagged := map[goimap.UID]bool{}
	validity := uint32(0)
	for round := range 3 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		acknowledged := make(chan struct{}, 1000)
		var ready sync.WaitGroup
		for worker := range 4 {
			wg.Add(1)
			ready.Add(1)
			go func() {
				defer wg.Done()
				selected := sync.OnceFunc(ready.Done)
				defer selected()
				c, err := imapclient.DialTLS(s.IMAPSAddr, &imapclient.Options{TLSConfig: s.TLSConfig})
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				if err := c.Login(user, password).Wait(); err != nil {
					t.Error(err)
					return
				}
				if _, err := c.Select("INBOX", nil).Wait(); err != nil {
					t.Error(err)
					return
				}
				selected()
				for n := 0; ; n++ {
					subject := fmt.Sprintf("crash %d %d %d", round, worker, n)
					msg := []byte(message(subject))
					cmd := c.Append("INBOX", int64(len(msg)), nil)
					cmd.Write(msg)
					cmd.Close()
					data, err := cmd.Wait()
					if err != nil {
						return // the server is gone
					}
					mu.Lock()
					if old, ok := known[data.UID]; ok {
						t.Errorf("UID %d was given to %q and to %q", data.UID, old, subject)
					}
					known[data.UID] = subject
					mu.Unlock()
					select {
					case acknowledged <- struct{}{}:
					default:
					}
					if n%3 == 0 {
						err := c.Store(goimap.UIDSetNum(data.UID), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagFlagged}}, nil).Close()
						if err != nil {
							return
						}
						mu.Lock()
						flagged[data.UID] = true
						mu.Unlock()
					}
				}
			}()
		}
		ready.Wait() // nobody is hit in the login
		for range 200 * (round + 1) {
			<-acknowledged
		}
		s.Kill()
		wg.Wait()
		s = servertest.Start(t, data)
		c, err := imapclient.DialTLS(s.IMAPSAddr, &imapclient.Options{TLSConfig: s.TLSConfig})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Login(user, password).Wait(); err != nil {
			t.Fatal(err)
		}
		sel, err := c.Select("INBOX", nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if validity == 0 {
			validity = sel.UIDValidity
		}
		if sel.UIDValidity != validity {
			t.Fatalf("UIDVALIDITY %d became %d", validity, sel.UIDValidity)
		}
		list, err := c.Fetch(goimap.UIDSet{{Start: 1}}, &goimap.FetchOptions{UID: true, Flags: true, Envelope: true}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		found := map[goimap.UID]string{}
		for _, m := range list {
			found[m.UID] = m.Envelope.Subject
			if flagged[m.UID] && !slices.Contains(m.Flags, goimap.FlagFlagged) {
				t.Errorf("an acknowledged flag of UID %d is gone", m.UID)
			}
		}
		for uid, subject := range known {
			if found[uid] != subject {
				t.Errorf("UID %d was acknowledged as %q and is %q now", uid, subject, found[uid])
			}
			if uid >= sel.UIDNext {
				t.Errorf("UIDNEXT is %d, but UID %d was given away", sel.UIDNext, uid)
			}
		}
		t.Logf("round %d: %d messages acknowledged, all there", round, len(known))
		for uid, subject := range found {
			if !strings.HasPrefix(subject, "crash ") {
				t.Errorf("UID %d is %q", uid, subject)
			}
			known[uid] = subject // not acknowledged, but there: it must stay
		}
		c.Close()
	}
}
