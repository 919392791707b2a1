package imapserver_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/store"
	"restante/store/memstore"
)

// raced is a store in which somebody else expunges UID 2 of the mailbox right before, or right after,
// a session's change is made: at the moment at which looking first would be wrong.
type raced struct {
	store.Store
	before, after bool
}

func (r *raced) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	var ref store.Ref
	switch op := ops[0].(type) {
	case *store.StoreFlags:
		ref = op.Mailbox
	case *store.Copy:
		ref = op.From
	}
	other := &store.Expunge{Mailbox: ref, UIDs: imap.UIDs(2), Undeleted: true}
	if ref != (store.Ref{}) && r.before {
		r.before = false
		if _, err := r.Store.Commit(ctx, store.System, other); err != nil {
			return nil, err
		}
	}
	out, err := r.Store.Commit(ctx, actor, ops...)
	if err == nil && ref != (store.Ref{}) && r.after {
		r.after = false
		_, err = r.Store.Commit(ctx, store.System, other)
	}
	return out, err
}

// TestExpungedMeanwhile looks at what a client is told when a message goes away under its command
// (RFC 2180 §4.2.2 and §4.2.3, RFC 9051 §6.4.7).
func TestExpungedMeanwhile(t *testing.T) {
	const early, late = "early", "late"
	for _, tt := range []struct {
		when, command string
		want          []string // of the answer, in order
		never         string
		copies        int
	}{
		{early, `STORE 1:3 +FLAGS (\Flagged)`, []string{`* 1 FETCH (FLAGS (\Flagged))`, `* 3 FETCH (FLAGS (\Flagged))`, "a NO [EXPUNGEISSUED]"}, "* 2 ", 0},
		{late, `STORE 1:3 +FLAGS (\Flagged)`, []string{`* 1 FETCH (FLAGS (\Flagged))`, `* 3 FETCH (FLAGS (\Flagged))`, "a NO [EXPUNGEISSUED]"}, "* 2 ", 0},
		{early, `STORE 2 +FLAGS (\Flagged)`, []string{"a NO [EXPUNGEISSUED]"}, "* 2 ", 0},
		{early, `STORE 1:3 +FLAGS.SILENT (\Flagged)`, []string{"a OK [EXPUNGEISSUED]"}, "FETCH", 0},
		{early, `UID STORE 1:3 +FLAGS (\Flagged)`, []string{"* 2 EXPUNGE", `* 1 FETCH (UID 1 FLAGS (\Flagged))`, `* 2 FETCH (UID 3 FLAGS (\Flagged))`, "a OK [EXPUNGEISSUED]"}, "UID 2 ", 0},
		{late, `UID STORE 1:3 +FLAGS (\Flagged)`, []string{"* 2 EXPUNGE", `* 1 FETCH (UID 1 FLAGS (\Flagged))`, `* 2 FETCH (UID 3 FLAGS (\Flagged))`, "a OK "}, "UID 2 ", 0},
		{early, "COPY 1:3 Other", []string{"a NO [EXPUNGEISSUED]"}, "OK", 0},
		{early, "UID COPY 1:3 Other", []string{"a NO [EXPUNGEISSUED]"}, "OK", 0},
		{early, "MOVE 1:3 Other", []string{"a NO [EXPUNGEISSUED]"}, "OK", 0},
		{late, "COPY 1:3 Other", []string{"a OK [COPYUID"}, "NO", 3},
		{early, "UID COPY 1,3 Other", []string{"a OK [COPYUID"}, "NO", 2},
	} {
		t.Run(tt.when+" "+tt.command, func(t *testing.T) {
			r := &raced{Store: memstore.New()}
			ts := startServer(t, r, nil)
			user := ts.target(t, false)
			for range 3 {
				if err := user.Seed("INBOX", []byte("Subject: x\r\n\r\n"), nil, time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
			// \Recent would stand in the flags.
			other := dialUser(t, ts, user)
			other.ok("SELECT INBOX")
			w := dialUser(t, ts, user)
			w.ok("CREATE Other")
			w.ok("SELECT INBOX")
			r.before, r.after = tt.when == early, tt.when == late
			w.send("a %s\r\n", tt.command)
			var got []string
			for len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "a ") {
				got = append(got, w.line())
			}
			text := strings.Join(got, "\n")
			rest := text
			for _, want := range tt.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("%q is missing, or not in its place, in\n%s", want, text)
				}
				rest = after
			}
			if before, _, _ := strings.Cut(text, "* 2 EXPUNGE"); strings.Contains(before, tt.never) {
				t.Errorf("%q is in\n%s", tt.never, text)
			}
			w.ok("SELECT Other")
			if n := len(w.cmd("UID FETCH 1:* UID")) - 1; tt.copies == 0 && n > 0 || tt.copies > 0 && n != tt.copies {
				t.Errorf("%d copies, want %d", n, tt.copies)
			}
		})
	}
}
