package imapserver_test

import (
	"bufio"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"restante/store"
)

// TestUnchangedSinceLosesNothing has clients count together, in the keywords of one message, one of which each
// adds with what it last saw as the condition (RFC 7162 §3.1.3): every number is taken once.
func TestUnchangedSinceLosesNothing(t *testing.T) {
	const clients, each = 4, 12
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			ts := startServer(t, open(t), nil)
			target := ts.target(t, false)
			if err := target.Seed("INBOX", []byte("Subject: counter\r\n\r\n"), nil, time.Time{}); err != nil {
				t.Fatal(err)
			}
			count := func() error {
				nc, err := target.Dial()
				if err != nil {
					return err
				}
				defer nc.Close()
				r := bufio.NewReader(nc)
				ask := func(format string, args ...any) (string, error) {
					fmt.Fprintf(nc, "a "+format+"\r\n", args...)
					var all strings.Builder
					for {
						line, err := r.ReadString('\n')
						all.WriteString(line)
						if err != nil || strings.HasPrefix(line, "a ") {
							return all.String(), err
						}
					}
				}
				if _, err := ask("LOGIN %s %s", target.User, target.Password); err != nil {
					return err
				}
				if _, err := ask("SELECT INBOX (CONDSTORE)"); err != nil {
					return err
				}
				for range each {
					for {
						now, err := ask("UID FETCH 1 (FLAGS MODSEQ)")
						if err != nil {
							return err
						}
						modseq := counterModSeq.FindStringSubmatch(now)
						if modseq == nil {
							return fmt.Errorf("answered %q", now)
						}
						taken := counterKeyword.FindAllString(now[strings.LastIndex(now, "FLAGS"):], -1)
						flags := append(taken, fmt.Sprintf("n%d", len(taken)))
						answer, err := ask("UID STORE 1 (UNCHANGEDSINCE %s) FLAGS.SILENT (%s)", modseq[1], strings.Join(flags, " "))
						if err != nil {
							return err
						}
						if !strings.Contains(answer, "[MODIFIED 1]") {
							break
						}
					}
				}
				return nil
			}
			errs := make(chan error, clients)
			for range clients {
				go func() { errs <- count() }()
			}
			for range clients {
				if err := <-errs; err != nil {
					t.Fatal(err)
				}
			}
			account := ts.account(t, target.User)
			e, _ := account.Namespace().Lookup("INBOX")
			box, err := ts.store.Open(context.Background(), store.System, store.Ref{Account: account.ID(), Mailbox: e.ID})
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			v := box.Version()
			row := v.At(1)
			if got := len(v.Flags(v.Set(&row))); got != clients*each {
				t.Errorf("%d clients have counted %d each, and together %d", clients, each, got)
			}
		})
	}
}

var (
	counterModSeq  = regexp.MustCompile(`MODSEQ \((\d+)\)`)
	counterKeyword = regexp.MustCompile(`\bn\d+\b`)
)
