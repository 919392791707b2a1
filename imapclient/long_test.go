package imapclient

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"restante/imap"
)

// canned is a connection on which everything that will ever come is there already.
type canned struct {
	net.Conn
	in io.Reader
}

func (c *canned) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *canned) Write(p []byte) (int, error) { return len(p), nil }

// cannedConn returns a connection to a server that greets and answers the first command with data.
func cannedConn(t testing.TB, data []byte) *Conn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { far.Close() })
	in := io.MultiReader(bytes.NewReader([]byte("* PREAUTH [CAPABILITY IMAP4rev1] x\r\n")), bytes.NewReader(data), bytes.NewReader([]byte("R1 OK done\r\n")))
	k, err := NewConn(t.Context(), &canned{near, in}, fast())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// The numbers of a SEARCH may come in any order and more than once. None is moved as others come: what
// is in disorder is sorted once.
func TestSearchInAnyOrder(t *testing.T) {
	const count = 300000
	for name, number := range map[string]func(i int) int{
		"ascending":  func(i int) int { return 2*i + 1 },
		"descending": func(i int) int { return 2*(count-i) - 1 },
		"shuffled":   func(i int) int { return 2*(i*7919%count) + 1 },
		"in two":     func(i int) int { return 2*((i+count/2)%count) + 1 },
	} {
		b := []byte("* SEARCH")
		for i := range count {
			b = fmt.Append(b, " ", number(i))
			if i%100000 == 99999 {
				b = fmt.Append(b, " ", number(i), "\r\n* SEARCH")
			}
		}
		k := cannedConn(t, append(b, "\r\n"...))
		d, err := k.Search(t.Context(), imap.All, nil).Wait()
		if err != nil || d.UIDs.Len() != count || d.Count != count || d.Min != 1 || d.Max != 2*count-1 || len(d.UIDs.Ranges()) != count {
			t.Fatalf("%s: %d numbers in %d ranges, %v", name, d.UIDs.Len(), len(d.UIDs.Ranges()), err)
		}
		for i, r := range d.UIDs.Ranges() {
			if int(r.First) != 2*i+1 {
				t.Fatalf("%s: range %d is %v", name, i, r)
			}
		}
	}
}

// Subscriptions are found by name, not by looking at all mailboxes for each.
func TestListMany(t *testing.T) {
	const count = 20000
	var list, lsub bytes.Buffer
	fmt.Fprint(&list, "* LIST () \"/\" inbox\r\n")
	fmt.Fprint(&lsub, "* LSUB () \"/\" INBOX\r\n* LSUB () \"/\" gone\r\n* LSUB (\\Noselect) \"/\" parent\r\n")
	for i := range count {
		fmt.Fprintf(&list, "* LIST () \"/\" box%d\r\n", i)
		if i%2 == 0 {
			fmt.Fprintf(&lsub, "* LSUB () \"/\" box%d\r\n", count-2-i)
		}
	}
	for _, only := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			k, err := DialConn(t.Context(), "imap://pipe", piped(t, func(p *peer) {
				p.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
				p.expect("LIST")
				first := p.tag
				p.expect("LSUB")
				p.nc.Write(list.Bytes())
				p.nc.Write([]byte(first + " OK done\r\n"))
				p.nc.Write(lsub.Bytes())
				p.say("$T OK done")
			}))
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			all, err := k.List(t.Context(), "*", &ListOptions{Subscribed: only}).Collect()
			if err != nil {
				t.Fatal(err)
			}
			subscribed := 0
			for _, m := range all {
				if m.Subscribed {
					subscribed++
				}
			}
			if want := count + 1; !only && (len(all) != want || subscribed != count/2+1) || only && (len(all) != count/2+2 || subscribed != len(all)) {
				t.Errorf("%d mailboxes, %d subscribed", len(all), subscribed)
			}
		})
	}
}
