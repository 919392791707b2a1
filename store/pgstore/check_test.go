package pgstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"restante/blob"
	"restante/imap"
	"restante/internal/pgtest"
	"restante/store"
)

// checkAll returns what Check reports.
func checkAll(t *testing.T, s *Store, o CheckOptions) (problems []string, n Checked) {
	t.Helper()
	n, err := s.Check(context.Background(), o, func(err error) { problems = append(problems, err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	return problems, n
}

// TestCheck damages each kind of thing, and looks whether Check names it.
func TestCheck(t *testing.T) {
	pgtest.Database(t, "") // or skip
	ctx := context.Background()
	large := strings.Repeat("large ", 10_000)
	object := func(s *Store) blob.Key {
		var key string
		err := s.cells[0].read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, "SELECT blob FROM email WHERE blob IS NOT NULL LIMIT 1").Scan(&key)
		})
		if err != nil {
			t.Fatal(err)
		}
		return blob.Key(key)
	}
	rewrite := func(dir string, s *Store, text string) error {
		path := filepath.Join(dir, "blobs", string(object(s)))
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), 0o600)
	}
	for name, damage := range map[string]struct {
		sql    string
		f      func(dir string, s *Store) error
		bodies bool
		want   string
	}{
		"nothing":          {want: ""},
		"nothing, bodies":  {bodies: true, want: ""},
		"count":            {sql: `UPDATE mailbox SET messages = messages + 1 WHERE name = 'INBOX'`, want: `mailbox "INBOX": its row tells`},
		"unseen":           {sql: `UPDATE message SET flags = flags | 1 WHERE uid = 1`, want: "its row tells"},
		"uidnext":          {sql: `UPDATE mailbox SET uidnext = 2 WHERE name = 'INBOX'`, want: "is not below UIDNEXT 2"},
		"modseq":           {sql: `UPDATE message SET modseq = 1000 WHERE uid = 1`, want: "UID 1 has the mod-sequence 1000"},
		"ref":              {sql: `UPDATE message SET ref = 5 WHERE uid = 1`, want: "refers to message 5, which is missing"},
		"email":            {sql: `DELETE FROM email WHERE body IS NOT NULL`, want: "which is missing"},
		"size":             {sql: `UPDATE message SET size = size + 1 WHERE uid = 1`, want: "octets, its message"},
		"keyword":          {sql: `UPDATE message SET flags = flags | (1::bigint << 60) WHERE uid = 1`, want: "keywords that the mailbox does not know"},
		"far keyword":      {sql: `UPDATE message SET far = decode(repeat('ff', 24), 'hex') WHERE uid = 1`, want: "keywords that the mailbox does not know"},
		"two keywords":     {sql: `UPDATE mailbox SET keywords = keywords || keywords WHERE name = 'INBOX'`, want: "the keyword work twice"},
		"two names":        {sql: `UPDATE mailbox SET name = 'INBOX' WHERE name = 'Sent'`, want: `two mailboxes have the name "INBOX"`},
		"bad name":         {sql: `UPDATE mailbox SET name = 'a//b' WHERE name = 'Sent'`, want: `"a//b", which none can have`},
		"no INBOX":         {sql: `UPDATE mailbox SET name = 'other' WHERE name = 'INBOX'`, want: "there is no INBOX"},
		"special use":      {sql: `UPDATE mailbox SET uses = '{\\Sent}'`, want: `both have the special use \Sent`},
		"uidvalidity":      {sql: `UPDATE account SET last_validity = 7`, want: "the highest ever used is 7"},
		"history":          {sql: `INSERT INTO expunged SELECT account_id, mailbox_id, modseq, 2, 1 FROM mailbox WHERE name = 'INBOX'`, want: "an entry that cannot be"},
		"history runs":     {sql: `DELETE FROM expunged`, want: "its history has 0 entries, expected 1"},
		"expunged":         {sql: `UPDATE expunged SET first_uid = 1`, want: "was expunged, by its history, but is there"},
		"changed":          {sql: `UPDATE changed SET modseq = 1000`, want: "entries of what was changed cannot be"},
		"stray messages":   {sql: `UPDATE message SET mailbox_id = 99`, want: "the table message has 2 rows of mailboxes that do not exist"},
		"stray account":    {sql: `DELETE FROM account`, want: "there is no such account, but 2 rows of it in the table mailbox"},
		"user":             {sql: `DELETE FROM account`, want: "(ann): the user has no account"},
		"account":          {sql: `DELETE FROM users; UPDATE account SET since = now() - interval '1 hour'`, want: "no user has this account"},
		"deleted":          {sql: `UPDATE account SET state = 3, since = now() - interval '1 hour'`, want: "it was deleted or has moved away"},
		"cell":             {sql: `UPDATE users SET cell = 'nowhere'`, want: `user "ann" is in cell "nowhere"`},
		"metadata":         {sql: `INSERT INTO metadata SELECT account_id, 99, '/shared/comment', 'x' FROM account`, want: "is of mailbox 99, which does not exist"},
		"metadata name":    {sql: `INSERT INTO metadata SELECT account_id, 0, 'x', 'x' FROM account`, want: "not the name of a metadata entry"},
		"quota":            {sql: `UPDATE account SET quota = '{"STORAGE": -1}'`, want: "not a limit"},
		"trash":            {sql: `INSERT INTO trash SELECT account_id, 5 FROM account`, want: "the trash has message 5, which is missing"},
		"forgotten":        {sql: `DELETE FROM trash`, want: "in no mailbox and not in the trash"},
		"hash":             {sql: `UPDATE email SET sum = 'short'`, want: "a SHA-256 of 5 octets"},
		"no body":          {sql: `UPDATE email SET body = NULL`, want: "has no body"},
		"two bodies":       {sql: `UPDATE email SET body = 'x' WHERE blob IS NOT NULL`, want: "its body in two places"},
		"short body":       {sql: `UPDATE email SET body = 'x' WHERE body IS NOT NULL`, want: "a body of 1 octets"},
		"other body":       {sql: `UPDATE email SET body = repeat('x', size::int)::bytea WHERE body IS NOT NULL`, bodies: true, want: "its body is not what was stored"},
		"email id":         {sql: `UPDATE email SET email_id = 0`, want: "has no EmailID"},
		"another's object": {sql: `UPDATE email SET blob = replace(blob, '/', '_') WHERE blob IS NOT NULL`, want: "is not one of the account"},
		"object missing":   {f: func(_ string, s *Store) error { return s.cells[0].blobs.Delete(ctx, object(s)) }, want: "is missing"},
		"object short":     {f: func(dir string, s *Store) error { return rewrite(dir, s, "x") }, want: "has 1 octets, expected 60000"},
		"object other":     {f: func(dir string, s *Store) error { return rewrite(dir, s, strings.Repeat("x", len(large))) }, bodies: true, want: "is not what was stored"},
		"object of nobody": {f: func(_ string, s *Store) error {
			return s.cells[0].blobs.Put(ctx, blob.NewKey(s.cells[0].generation()-10, 7), strings.NewReader("x"), 1)
		}, want: "nobody refers to the object"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := openTest(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			fillForCheck(t, s, large)
			if damage.sql != "" {
				err = s.cells[0].db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
					_, err := conn.Exec(ctx, damage.sql)
					return err
				})
			}
			if damage.f != nil {
				err = damage.f(dir, s)
			}
			if err != nil {
				t.Fatal(err)
			}
			problems, n := checkAll(t, s, CheckOptions{Bodies: damage.bodies})
			text := strings.Join(problems, "\n")
			if damage.want == "" && text != "" || !strings.Contains(text, damage.want) {
				t.Errorf("it reports\n%s\nwant %q", text, damage.want)
			}
			if damage.want == "" {
				got := fmt.Sprintf("%+v", n)
				octets := int64(0)
				if damage.bodies {
					octets = int64(len(large) + len("small") + len("third"))
				}
				if want := fmt.Sprintf("%+v", Checked{Users: 1, Accounts: 1, Mailboxes: 2, Messages: 2, Emails: 3, Objects: 1, Trash: 1, Octets: octets}); got != want {
					t.Errorf("it has looked at %s, want %s", got, want)
				}
			}
		})
	}
}

// fillForCheck gives a store a user with a bit of everything.
func fillForCheck(t *testing.T, s *Store, large string) {
	t.Helper()
	ctx := context.Background()
	u, err := s.CreateUser(ctx, "ann", nil, store.InitialMailbox{Name: "Sent", Use: []imap.MailboxAttr{imap.AttrSent}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Account(ctx, store.System, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	e, _ := a.Namespace().Lookup(imap.Inbox)
	inbox := store.Ref{Account: u.ID, Mailbox: e.ID}
	for _, text := range []string{"small", large, "third"} {
		body, err := s.Stage(ctx, store.System, u.ID, strings.NewReader(text))
		if err == nil {
			_, err = s.Commit(ctx, store.System, &store.Append{Mailbox: inbox, Messages: []store.NewMessage{{Body: body}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Commit(ctx, store.System, &store.StoreFlags{Mailbox: inbox, UIDs: imap.UIDs(2), Op: imap.StoreAdd, Flags: []imap.Flag{"work"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(ctx, store.System, &store.Expunge{Mailbox: inbox, UIDs: imap.UIDs(3), Undeleted: true}); err != nil {
		t.Fatal(err)
	}
}

// TestCheckInterrupted cuts a connection at each message of the server's, and wants Check to tell and
// count everything once all the same.
func TestCheckInterrupted(t *testing.T) {
	database := pgtest.Database(t, t.TempDir())
	var left atomic.Int64 // messages until a connection is cut
	p, address := startProxy(t, database, func() cut { return cutNot }, func() cut {
		if left.Add(-1) == 0 {
			return cutAnywhere
		}
		return cutNot
	})
	s := openNodes(t, address, openFolder(t), nil)[0]
	fillForCheck(t, s, strings.Repeat("large ", 10_000))
	if _, err := s.cells[0].db.pool.Exec(context.Background(), `UPDATE mailbox SET messages = messages + 1; DELETE FROM trash; INSERT INTO users VALUES ('bob', 5, '', 'nowhere')`); err != nil {
		t.Fatal(err)
	}
	want, wantCounts := checkAll(t, s, CheckOptions{Bodies: true})
	if len(want) < 3 {
		t.Fatalf("Check finds %q", want)
	}
	for n := int64(1); ; n += 2 {
		cuts := p.cuts[cutAnywhere].Load()
		left.Store(n)
		got, counts := checkAll(t, s, CheckOptions{Bodies: true})
		left.Store(0)
		if !slices.Equal(got, want) || counts != wantCounts {
			t.Fatalf("cut at message %d: Check finds %q, %+v; want %q, %+v", n, got, counts, want, wantCounts)
		}
		if p.cuts[cutAnywhere].Load() == cuts {
			break
		}
	}
	t.Logf("%d cuts", p.cuts[cutAnywhere].Load())
}
