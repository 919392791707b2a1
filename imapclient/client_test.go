package imapclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"restante/auth/sasl"
	"restante/imap"
)

func dialFake(t *testing.T, f *fake) *Client {
	t.Helper()
	c, err := Dial(testCtx(t), f.url(), sasl.Password("ann", "secret"), fast())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func selectFake(t *testing.T, c *Client) *Mailbox {
	t.Helper()
	mb, err := c.Select(testCtx(t), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	return mb
}

// A connection that is lost in the middle of a FETCH is made again, and the rest is fetched.
func TestReconnect(t *testing.T) {
	f := serve(t, func(p *peer) {
		p.login()
		p.selects(4, 7)
		if p.num == 0 {
			p.expect("UID FETCH 1:4 ")
			p.say(fetchLine(1, 1, "one"), fetchLine(2, 2, "two"), "* 3 FETCH (UID 3 BODY[] {100}\r\nhalf")
			return
		}
		p.expect("UID FETCH 3:4 ")
		p.say(fetchLine(3, 3, "three"), fetchLine(4, 4, "four"), "$T OK done")
		p.expect("UID SEARCH")
		p.say(`* ESEARCH (TAG "$T") UID ALL 2:3`, "$T OK done")
		p.drain()
	})
	mb := selectFake(t, dialFake(t, f))
	var got []string
	for m, err := range mb.Fetch(testCtx(t), imap.UIDRange(1, 4), imap.Peek) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Body().String())
	}
	if want := []string{"one", "two", "three", "four"}; !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	if uids, err := mb.Search(testCtx(t), imap.Unseen()); err != nil || uids.String() != "2:3" {
		t.Fatalf("%v, %v", uids, err)
	}
}

func TestUIDValidityChanges(t *testing.T) {
	f := serve(t, func(p *peer) {
		p.login()
		p.selects(4, 7+p.num)
		p.expect("UID SEARCH")
	})
	mb := selectFake(t, dialFake(t, f))
	for range 2 {
		if _, err := mb.Search(testCtx(t), imap.All); !errors.Is(err, imap.ErrNotSelected) {
			t.Fatalf("got %v", err)
		}
	}
}

// What may have been done and must not be done twice is uncertain; the rest is repeated.
func TestUncertain(t *testing.T) {
	var copies, appends, stores atomic.Int32
	f := serve(t, func(p *peer) {
		p.login()
		for {
			s := p.line()
			var cmd string
			if p.tag, cmd, _ = strings.Cut(s, " "); s == "" {
				return
			}
			switch {
			case strings.HasPrefix(cmd, "SELECT"):
				p.say("* 3 EXISTS", "* OK [UIDVALIDITY 1] x", "$T OK done")
			case strings.HasPrefix(cmd, "UID COPY"):
				copies.Add(1)
				return
			case strings.HasPrefix(cmd, "APPEND"):
				appends.Add(1)
				p.line()
				return
			case strings.HasPrefix(cmd, "UID STORE"):
				if stores.Add(1) == 1 {
					return
				}
				p.say("$T OK done")
			default:
				p.say("$T OK done")
			}
		}
	})
	c := dialFake(t, f)
	mb := selectFake(t, c)
	if _, err := mb.Copy(testCtx(t), imap.UIDs(1), "box"); !errors.Is(err, imap.ErrUncertain) || copies.Load() != 1 {
		t.Fatalf("copy: %v, sent %d times", err, copies.Load())
	}
	if _, err := c.Append(testCtx(t), "box", strings.NewReader("hello\r\n"), 7, nil); !errors.Is(err, imap.ErrUncertain) || appends.Load() != 1 {
		t.Fatalf("append: %v, sent %d times", err, appends.Load())
	}
	if err := mb.Store(testCtx(t), imap.UIDs(1), imap.StoreAdd, imap.Seen); err != nil || stores.Load() != 2 {
		t.Fatalf("store: %v, sent %d times", err, stores.Load())
	}
}

func TestGivesUp(t *testing.T) {
	var tries atomic.Int32
	f := serve(t, func(p *peer) {
		if p.num == 0 {
			p.login()
			p.expect("NOOP")
			return
		}
		tries.Add(1)
		p.say(greeting[:len(greeting)-2])
		p.expect("AUTHENTICATE")
		p.say("$T NO [AUTHENTICATIONFAILED] the password has changed")
		p.drain()
	})
	c := dialFake(t, f)
	if err := c.Noop(testCtx(t)); !errors.Is(err, imap.ErrAuth) || tries.Load() != 1 {
		t.Fatalf("%v after %d tries", err, tries.Load())
	}
}

// Without UIDPLUS and MOVE, only what is asked for is expunged.
func TestDeleteWithoutUIDPlus(t *testing.T) {
	var sent []string
	done := make(chan struct{})
	f := serve(t, func(p *peer) {
		defer close(done)
		p.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
		for {
			s := p.line()
			var cmd string
			if p.tag, cmd, _ = strings.Cut(s, " "); s == "" {
				return
			}
			switch {
			case strings.HasPrefix(cmd, "SELECT"):
				p.say("* 5 EXISTS", "* OK [UIDVALIDITY 1] x")
			case strings.HasPrefix(cmd, "UID SEARCH"):
				p.say("* SEARCH 2 5")
			}
			p.say("$T OK done")
			sent = append(sent, cmd)
		}
	})
	c := dialFake(t, f)
	mb := selectFake(t, c)
	if _, err := mb.Move(testCtx(t), imap.UIDs(1, 2), "box"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-done
	want := []string{
		"SELECT INBOX", "UID COPY 1:2 box", "UID SEARCH DELETED", `UID STORE 5 -FLAGS.SILENT (\Deleted)`,
		`UID STORE 1:2 +FLAGS.SILENT (\Deleted)`, "EXPUNGE", `UID STORE 5 +FLAGS.SILENT (\Deleted)`,
	}
	if !slices.Equal(sent, want) {
		t.Fatalf("sent\n%q, want\n%q", sent, want)
	}
}

// Download goes on behind a lost connection and takes no piece for another.
func TestDownloadResumes(t *testing.T) {
	content := strings.Repeat("0123456789", 10)
	f := serve(t, func(p *peer) {
		p.login()
		p.selects(1, 7)
		for n := 0; ; n++ {
			s := p.line()
			var cmd string
			if p.tag, cmd, _ = strings.Cut(s, " "); s == "" {
				return
			}
			var at, count int
			if strings.Contains(cmd, "RFC822.SIZE") {
				p.say("* 1 FETCH (UID 1 RFC822.SIZE 90)", "$T OK done") // a lie, as is usual
				continue
			}
			if _, err := fmt.Sscanf(cmd, "UID FETCH 1 BODY.PEEK[]<%d.%d>", &at, &count); err != nil {
				t.Errorf("%q: %v", cmd, err)
				return
			}
			if p.num == 0 && at == 40 {
				p.say("* 1 FETCH (UID 1 BODY[]<40> {20}\r\n01234")
				return
			}
			piece := content[min(at, 100):min(at+count, 100)]
			p.say(fmt.Sprintf("* 1 FETCH (UID 1 BODY[]<%d> %s)", at, literal(piece)), "$T OK done")
		}
	})
	mb := selectFake(t, dialFake(t, f))
	var b bytes.Buffer
	n, err := mb.Download(testCtx(t), 1, "", &b, &DownloadOptions{Chunk: 20})
	if err != nil || n != 100 || b.String() != content {
		t.Fatalf("%d octets, %v: %q", n, err, b.String())
	}
}

// Without IDLE Watch asks; what happened before a reconnect is found.
func TestWatchPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(p *peer) {
			p.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
			p.selects(2, 7)
			p.expect("FETCH 1:* (UID FLAGS)")
			if p.num == 0 {
				p.say("* 1 FETCH (UID 1 FLAGS ())", "* 2 FETCH (UID 2 FLAGS (\\Seen))", "$T OK done")
				p.expect("NOOP")
				p.say("* 3 EXISTS", "* 1 EXPUNGE", "$T OK done")
				p.expect("UID FETCH 3:* FLAGS")
				p.say("* 2 FETCH (UID 9 FLAGS (\\Flagged))", "$T OK done")
				return
			}
			p.say("* 1 FETCH (UID 9 FLAGS (\\flagged))", "* 2 FETCH (UID 10 FLAGS ())", "$T OK done")
			p.drain()
		})
		_, mb := dialPiped(t, o)
		ctx, cancel := context.WithCancel(testCtx(t))
		defer cancel()
		var got []string
		for e, err := range mb.Watch(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			switch e.Kind {
			case New, Changed:
				got = append(got, fmt.Sprintf("%d: %d %v", e.Kind, e.Message.UID, e.Message.Flags))
			case Vanished:
				got = append(got, "gone "+e.Gone.String())
			default:
				got = append(got, fmt.Sprint(e.Kind))
			}
			if e.Kind == New && e.Message.UID == 10 {
				break
			}
		}
		want := []string{"gone 1", `0: 9 [\Flagged]`, "4", "5", "gone 2", "0: 10 []"}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// A command that a server does not offer in one go takes what it does offer.
func TestListFallbacks(t *testing.T) {
	f := serve(t, func(p *peer) {
		io.WriteString(p.nc, "* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n")
		p.expect(`LIST "" *`)
		list := p.tag
		p.expect(`LSUB "" *`)
		lsub := p.tag
		p.tag = list
		p.say(`* LIST (\HasNoChildren) "/" "Inbox"`, `* LIST (\HasNoChildren) "/" "Entw&APw-rfe"`, `* LIST () "/" "Entw&APw"`, `* LIST (\Noselect) "/" x`, "$T OK done")
		p.tag = lsub
		p.say(`* LSUB () "/" "Entw&APw"`, "$T OK done")
		for range 3 {
			box := strings.TrimSuffix(p.expect("STATUS "), " (MESSAGES)")
			if !strings.Contains(box, "APw-rfe") { // one that refuses is no reason to stop
				p.say("* STATUS "+box+" (MESSAGES 3)", "$T OK done")
			} else {
				p.say("$T NO no")
			}
		}
		if got := p.expect("SELECT "); got != `Entw&APw` && got != `"Entw&APw"` {
			t.Errorf("a name that cannot be decoded goes back as %q", got)
		}
		p.say("$T OK done")
		p.drain()
	})
	c := dialFake(t, f)
	var got []string
	var odd string
	for m, err := range c.List(testCtx(t), "*", &ListOptions{Status: imap.StatusMessages}) {
		if err != nil {
			t.Fatal(err)
		}
		n := -1
		if m.Status != nil {
			n = int(m.Status.Messages)
		}
		if m.Raw == "Entw&APw" {
			odd = m.Name
		}
		got = append(got, fmt.Sprintf("%s %v %d", m.Raw, m.Subscribed, n))
	}
	want := []string{"Inbox false 3", "Entw&APw-rfe false -1", "Entw&APw true 3", "x false -1"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	if _, err := c.Select(testCtx(t), odd); err != nil {
		t.Fatal(err)
	}
}

// A connection that is lost among the STATUS of a LIST is no refusal: the list is made again.
func TestListLost(t *testing.T) {
	f := serve(t, func(p *peer) {
		io.WriteString(p.nc, "* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n")
		p.expect(`LIST "" *`)
		list := p.tag
		p.expect(`LSUB "" *`)
		lsub := p.tag
		p.tag = list
		p.say(`* LIST () "/" a`, `* LIST () "/" b`, "$T OK done")
		p.tag = lsub
		p.say("$T OK done")
		for _, name := range []string{"a", "b"} {
			p.expect("STATUS " + name)
			if p.num == 0 && name == "b" {
				return
			}
			p.say("* STATUS "+name+" (MESSAGES 3)", "$T OK done")
		}
		p.drain()
	})
	n := 0
	for m, err := range dialFake(t, f).List(testCtx(t), "*", &ListOptions{Status: imap.StatusMessages}) {
		if n++; err != nil || m.Status == nil || m.Status.Messages != 3 {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	if n != 2 {
		t.Errorf("%d mailboxes", n)
	}
}
