package imapclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"restante/imap"
)

// quirk is an entry of testdata/quirks.json: what a real server once answered to a command.
type quirk struct {
	ID, Op, Title string
	Lines         []string
	N             *int
	Hang          bool
}

// ops are the calls that receive a quirk's lines. They return how many results there were.
var ops = map[string]func(ctx context.Context, k *Conn) (int, error){
	"capability": func(ctx context.Context, k *Conn) (int, error) {
		s, err := k.Capability(ctx).Wait()
		if err == nil && !s.Has(imap.CapIMAP4rev1) {
			return 0, errors.New("no IMAP4rev1")
		}
		return 0, err
	},
	"login":  func(ctx context.Context, k *Conn) (int, error) { return 0, k.Login(ctx, "ann", "secret") },
	"logout": func(ctx context.Context, k *Conn) (int, error) { return 0, k.Logout(ctx) },
	"noop":   wait(func(ctx context.Context, k *Conn) *Pending[struct{}] { return k.Noop(ctx) }),
	"enable": func(ctx context.Context, k *Conn) (int, error) {
		_, err := k.Enable(ctx, imap.CapCondStore).Wait()
		return 0, err
	},
	"id": func(ctx context.Context, k *Conn) (int, error) {
		m, err := k.ID(ctx, nil).Wait()
		if err == nil && m["name"] == "" {
			return 0, errors.New("no name")
		}
		return 0, err
	},
	"namespace": wait(func(ctx context.Context, k *Conn) *Pending[*imap.Namespace] { return k.Namespace(ctx) }),
	"quota": func(ctx context.Context, k *Conn) (int, error) {
		rs, err := k.Do(ctx, "GETQUOTAROOT %m", "INBOX").Collect()
		if err == nil && (len(rs) != 2 || rs[1].Name != "QUOTA") {
			return 0, errors.New("no QUOTA")
		}
		return 0, err
	},
	"select": func(ctx context.Context, k *Conn) (int, error) {
		d, err := k.Select(ctx, "INBOX").Wait()
		return d.Exists, err
	},
	"copy": wait(func(ctx context.Context, k *Conn) *Pending[imap.CopyResult] { return k.Copy(ctx, imap.UIDs(31), "box") }),
	"list": func(ctx context.Context, k *Conn) (int, error) {
		all, err := k.List(ctx, "*", nil).Collect()
		return len(all), err
	},
	"status": wait(func(ctx context.Context, k *Conn) *Pending[*imap.Status] {
		return k.Status(ctx, "INBOX", imap.StatusMessages)
	}),
	"search":  search1,
	"esearch": search1,
	"flags":   fetch1(imap.FetchFlags),
	"body":    fetch1(imap.Peek),
	"env":     fetch1(imap.FetchEnvelope),
	"bs":      fetch1(imap.FetchStructure),
	"idate":   fetch1(imap.FetchDate, imap.FetchFlags),
	"idle": func(ctx context.Context, k *Conn) (int, error) {
		n := 0
		for _, err := range k.Idle(ctx).All() {
			if err != nil {
				return n, err
			}
			if n++; n == 1 {
				k.Noop(ctx)
			}
		}
		return n, nil
	},
}

func wait[T any](f func(context.Context, *Conn) *Pending[T]) func(context.Context, *Conn) (int, error) {
	return func(ctx context.Context, k *Conn) (int, error) {
		_, err := f(ctx, k).Wait()
		return 0, err
	}
}

func search1(ctx context.Context, k *Conn) (int, error) {
	d, err := k.Search(ctx, imap.All, nil).Wait()
	return d.UIDs.Len(), err
}

func fetch1(items ...imap.FetchItem) func(context.Context, *Conn) (int, error) {
	return func(ctx context.Context, k *Conn) (int, error) {
		n := 0
		for m, err := range k.Fetch(ctx, imap.UIDRange(1, 0), items...).All() {
			if err != nil {
				return n, err
			}
			if _, err := m.Body().Bytes(); len(m.Bodies) > 0 && err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
}

// Every misbehaviour of the corpus gives what there is to be had, or an error in time; unless the
// server closes, the connection is of use afterwards.
func TestQuirks(t *testing.T) {
	data, err := os.ReadFile("testdata/quirks.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct{ Quirks []quirk }
	if err := json.Unmarshal(data, &corpus); err != nil || len(corpus.Quirks) < 100 {
		t.Fatal(len(corpus.Quirks), err)
	}
	for _, q := range corpus.Quirks {
		op := strings.TrimPrefix(q.Op, "raw-")
		if op == "connect" {
			continue // TestGreeting
		}
		t.Run(q.ID, func(t *testing.T) {
			call := ops[op]
			if call == nil {
				t.Fatalf("no call for %q", op)
			}
			synctest.Test(t, func(t *testing.T) { replay(t, q, op, call) })
		})
	}
}

func replay(t *testing.T, q quirk, op string, call func(context.Context, *Conn) (int, error)) {
	text := strings.Join(q.Lines, "\n")
	closes := strings.Contains(text, "<CLOSE>") || strings.Contains(text, "BYE ") && !strings.Contains(text, "{") || op == "logout" || q.Hang
	o := piped(t, func(p *peer) {
		caps := "IMAP4rev1 LITERAL+ IDLE NAMESPACE ID ENABLE CONDSTORE"
		if op == "esearch" {
			caps += " ESEARCH"
		}
		if op == "list" {
			caps += " LIST-EXTENDED"
		}
		p.say("* OK [CAPABILITY " + caps + "] ready")
		p.tag, _, _ = strings.Cut(p.line(), " ")
		for _, l := range q.Lines {
			if l == "<CLOSE>" {
				return
			}
			if l == "<DONE>" {
				if got := p.line(); got != "DONE" {
					t.Errorf("%q for DONE", got)
				}
				continue
			}
			l = strings.ReplaceAll(l, "$T", p.tag)
			if !strings.HasPrefix(q.Op, "raw-") {
				l += "\r\n"
			}
			io.WriteString(p.nc, l)
		}
		for {
			s := p.line()
			var cmd string
			if p.tag, cmd, _ = strings.Cut(s, " "); s == "" {
				return
			}
			if strings.HasPrefix(strings.ToUpper(cmd), "STATUS INBOX") {
				p.say("* STATUS INBOX (MESSAGES 42)")
			}
			p.say("$T OK done")
		}
	})
	k := connectPiped(t, o)
	n, err := call(testCtx(t), k)
	bad := err != nil
	if strings.Contains(text, "$T OK") || strings.Contains(strings.ToLower(text), "$t ok") {
		if bad && !closes {
			t.Errorf("%s: %v", q.Title, err)
		}
	} else if !bad && op != "logout" && q.ID != "Q022" { // that LIST is asked again, in plain form
		t.Errorf("%s: no error", q.Title)
	}
	if q.N != nil && n != *q.N && !q.Hang {
		t.Errorf("%s: %d results, want %d (%v)", q.Title, n, *q.N, err)
	}
	if closes {
		return
	}
	st, err := k.Status(testCtx(t), "INBOX", imap.StatusMessages).Wait()
	if err != nil || st.Messages != 42 {
		t.Errorf("%s: afterwards: %+v, %v", q.Title, st, err)
	}
}
