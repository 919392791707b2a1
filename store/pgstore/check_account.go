package pgstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"

	"github.com/jackc/pgx/v5"

	"restante/blob"
	"restante/imap"
	"restante/mailbox"
)

// checkedEmail is what is kept of an email while its account is checked.
type checkedEmail struct {
	size int64
	used bool
	blob string
	sum  [sha256.Size]byte
}

// checkedBox is a mailbox's row, with its name.
type checkedBox struct {
	*head
	name string
	uses []string
}

// account checks an account: all of it is of one moment. What was left behind, or is arriving, is only
// asked for its objects.
func (c *checker) account(ctx context.Context, cell *cell, id int64, objects map[objectID]object, listed blob.Generation) error {
	emails := map[uint64]*checkedEmail{}
	var trashed []blob.Key
	err := c.look(ctx, cell, func(ctx context.Context, conn *pgx.Conn) error {
		clear(emails)
		trashed = nil
		if _, err := conn.Exec(ctx, snapshot); err != nil {
			return err
		}
		defer conn.Exec(ctx, "ROLLBACK")
		row, err := scanAccount(conn.QueryRow(ctx, selectAccount, id))
		if notFound(err) {
			return nil // swept away since
		} else if err != nil {
			return err
		}
		whole := row.state == stateInUse || row.state == stateFenced
		if err := c.emails(ctx, cell, conn, id, emails); err != nil {
			return err
		}
		if whole {
			if err := c.boxes(ctx, cell, conn, id, &row, emails); err != nil {
				return err
			}
			if err := c.metadata(ctx, cell, conn, id); err != nil {
				return err
			}
			if _, err := mailbox.NewNamespace(nil, nil).SetQuota(row.quota); err != nil {
				c.problem(cell, id, "the limits %v: %v", row.quota, err)
			}
		}
		trashed, err = c.trash(ctx, cell, conn, id, emails, whole)
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range trashed {
		if object, _, ok := parseObject(key); ok {
			delete(objects, object)
		}
	}
	for ref, e := range emails {
		if e.blob == "" {
			continue
		}
		if err := c.object(ctx, cell, id, ref, blob.Key(e.blob), e, objects, listed); err != nil {
			return err
		}
	}
	return nil
}

// emails reads what messages refer to.
func (c *checker) emails(ctx context.Context, cell *cell, conn *pgx.Conn, id int64, emails map[uint64]*checkedEmail) error {
	body := "octet_length(body), NULL::bytea"
	if c.options.Bodies {
		body = "octet_length(body), body"
	}
	rows, err := conn.Query(ctx, `SELECT ref, size, sum, blob, email_id, `+body+` FROM email WHERE account_id = $1`, id)
	if err != nil {
		return err
	}
	var ref, size, emailID int64
	var sum, octets []byte
	var key *string
	var length *int64
	_, err = pgx.ForEachRow(rows, []any{&ref, &size, &sum, &key, &emailID, &length, &octets}, func() error {
		c.Emails++
		e := &checkedEmail{size: size}
		emails[uint64(ref)] = e
		if emailID == 0 {
			c.problem(cell, id, "message %x has no EmailID", uint64(ref))
		}
		if copy(e.sum[:], sum) != sha256.Size || len(sum) != sha256.Size {
			c.problem(cell, id, "message %x has a SHA-256 of %d octets", uint64(ref), len(sum))
		}
		switch {
		case key != nil && length != nil:
			c.problem(cell, id, "message %x has its body in two places", uint64(ref))
		case key != nil:
			e.blob = *key
		case length == nil:
			c.problem(cell, id, "message %x has no body", uint64(ref))
		case *length != size:
			c.problem(cell, id, "message %x has a body of %d octets, expected %d", uint64(ref), *length, size)
		case c.options.Bodies:
			c.Octets += size
			if sha256.Sum256(octets) != e.sum {
				c.problem(cell, id, "message %x: its body is not what was stored", uint64(ref))
			}
		}
		return ctx.Err()
	})
	return err
}

// boxes checks an account's names, and each of its mailboxes.
func (c *checker) boxes(ctx context.Context, cell *cell, conn *pgx.Conn, id int64, account *accountRow, emails map[uint64]*checkedEmail) error {
	var boxes []checkedBox
	rows, err := conn.Query(ctx, `SELECT name, uses, `+headColumns+` FROM mailbox WHERE account_id = $1`, id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var b checkedBox
		if b.head, err = scanHead(prefixed{rows, []any{&b.name, &b.uses}}); err != nil {
			return err
		}
		boxes = append(boxes, b)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close()
	c.boxNames(cell, id, account, boxes)
	known := []int64{}
	for i := range boxes {
		c.Mailboxes++
		known = append(known, int64(boxes[i].id))
		if err := c.box(ctx, cell, conn, id, &boxes[i], emails); err != nil {
			return err
		}
	}
	for _, table := range []string{"message", "expunged", "changed"} {
		var n int64
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM `+table+` WHERE account_id = $1 AND NOT mailbox_id = ANY($2)`, id, known).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			c.problem(cell, id, "the table %s has %d rows of mailboxes that do not exist", table, n)
		}
	}
	return nil
}

// prefixed is a row that has more in front.
type prefixed struct {
	pgx.Rows
	front []any
}

func (p prefixed) Scan(dest ...any) error { return p.Rows.Scan(append(p.front, dest...)...) }

// boxNames checks the names of mailboxes.
func (c *checker) boxNames(cell *cell, id int64, account *accountRow, boxes []checkedBox) {
	names, uses := map[string]bool{}, map[string]string{}
	for _, b := range boxes {
		if names[b.name] {
			c.problem(cell, id, "two mailboxes have the name %q", b.name)
		}
		names[b.name] = true
		if err := mailbox.CheckName(b.name); err != nil || imap.CanonicalName(b.name) != b.name {
			c.problem(cell, id, "a mailbox has the name %q, which none can have", b.name)
		}
		for _, use := range b.uses {
			if other, taken := uses[use]; taken {
				c.problem(cell, id, "the mailboxes %q and %q both have the special use %s", other, b.name, use)
			}
			uses[use] = b.name
		}
		if v := int64(b.counts.UIDValidity); v == 0 || v > account.lastValidity {
			c.problem(cell, id, "mailbox %q has the UIDVALIDITY %d, but the highest ever used is %d", b.name, v, account.lastValidity)
		}
	}
	if !names[imap.Inbox] {
		c.problem(cell, id, "there is no INBOX")
	}
}

// box checks a mailbox.
func (c *checker) box(ctx context.Context, cell *cell, conn *pgx.Conn, id int64, b *checkedBox, emails map[uint64]*checkedEmail) error {
	problem := func(format string, args ...any) {
		c.problem(cell, id, "mailbox %q: "+format, append([]any{b.name}, args...)...)
	}
	var m messageRows
	rows, err := conn.Query(ctx, selectMessagesFrom, id, int64(b.id), int64(math.MinInt64))
	if err == nil {
		err = m.add(rows)
	}
	if err != nil {
		return err
	}
	c.Messages += len(m.rows)
	seen := map[imap.Flag]bool{}
	for _, k := range b.keywords {
		if seen[k] {
			problem("it has the keyword %s twice", k)
		}
		seen[k] = true
	}
	bits, far := knownBits(len(b.keywords))
	counts := mailbox.Counts{UIDValidity: b.counts.UIDValidity, UIDNext: b.counts.UIDNext, HighestModSeq: b.counts.HighestModSeq}
	for i := range m.rows {
		r := &m.rows[i]
		counts.Messages++
		counts.Size += int64(r.Size)
		if r.Flags&mailbox.BitSeen == 0 {
			counts.Unseen++
		}
		if r.Flags&mailbox.BitDeleted != 0 {
			counts.Deleted++
		}
		if r.UID == 0 || r.UID >= b.counts.UIDNext {
			problem("UID %d is not below UIDNEXT %d", r.UID, b.counts.UIDNext)
		}
		if r.ModSeq == 0 || r.ModSeq > b.counts.HighestModSeq {
			problem("UID %d has the mod-sequence %d, HIGHESTMODSEQ is %d", r.UID, r.ModSeq, b.counts.HighestModSeq)
		}
		unknown := r.Flags&^bits != 0
		for j, word := range m.far[r.UID] {
			unknown = unknown || word&^far[j] != 0
		}
		if unknown {
			problem("UID %d has keywords that the mailbox does not know", r.UID)
		}
		e := emails[r.Ref]
		switch {
		case e == nil:
			problem("UID %d refers to message %x, which is missing", r.UID, r.Ref)
		case e.size != int64(r.Size):
			problem("UID %d has %d octets, its message %x %d", r.UID, r.Size, r.Ref, e.size)
		}
		if e != nil {
			e.used = true
		}
	}
	if counts != b.counts {
		problem("its row tells %+v, its messages are %+v", b.counts, counts)
	}
	return c.history(ctx, conn, id, b, m.rows, problem)
}

// knownBits returns the bits that mean something in a mailbox with so many keywords.
func knownBits(keywords int) (bits mailbox.FlagBits, far mailbox.FarBits) {
	v := mailbox.New(1)
	list := make([]imap.Flag, keywords)
	for i := range list {
		list[i] = imap.Flag("k" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
	}
	_, set, err := v.Learn(list)
	if err != nil {
		return math.MaxUint64, far
	}
	for i := range mailbox.SystemFlags {
		set.Bits |= 1 << i
	}
	return set.Bits, set.Far
}

// history checks what is noted of removals and changes.
func (c *checker) history(ctx context.Context, conn *pgx.Conn, id int64, b *checkedBox, messages []mailbox.Row, problem func(string, ...any)) error {
	rows, err := conn.Query(ctx, selectExpunged, id, int64(b.id), int64(math.MinInt64))
	if err != nil {
		return err
	}
	list, err := expungedRows(rows)
	if err != nil {
		return err
	}
	if int64(len(list)) != b.historyRuns {
		problem("its history has %d entries, expected %d", len(list), b.historyRuns)
	}
	var removed imap.UIDSet
	for _, x := range list {
		if x.ModSeq <= b.historySince || x.ModSeq > b.counts.HighestModSeq || x.First == 0 || x.First > x.Last || x.Last >= b.counts.UIDNext {
			problem("its history has an entry that cannot be: %+v, it begins at %d", x, b.historySince)
			continue
		}
		removed.AddRange(x.First, x.Last)
	}
	for i := range messages {
		if removed.Contains(messages[i].UID) {
			problem("UID %d was expunged, by its history, but is there", messages[i].UID)
		}
	}
	var late int64
	err = conn.QueryRow(ctx, `SELECT count(*) FROM changed WHERE account_id = $1 AND mailbox_id = $2 AND (modseq > $3 OR first_uid > last_uid)`,
		id, int64(b.id), int64(b.counts.HighestModSeq)).Scan(&late)
	if err == nil && late > 0 {
		problem("%d entries of what was changed cannot be", late)
	}
	return err
}

// trash checks what is to be removed, and returns the objects in it. Emails of an account in use to
// which nobody refers have to be there.
func (c *checker) trash(ctx context.Context, cell *cell, conn *pgx.Conn, id int64, emails map[uint64]*checkedEmail, whole bool) (objects []blob.Key, err error) {
	rows, err := conn.Query(ctx, `SELECT ref, blob FROM trash WHERE account_id = $1`, id)
	if err != nil {
		return nil, err
	}
	var ref int64
	var key *string
	trashed := map[uint64]bool{}
	_, err = pgx.ForEachRow(rows, []any{&ref, &key}, func() error {
		c.Trash++
		trashed[uint64(ref)] = true
		if key != nil {
			objects = append(objects, blob.Key(*key))
		} else if whole && emails[uint64(ref)] == nil {
			c.problem(cell, id, "the trash has message %x, which is missing", uint64(ref))
		}
		return nil
	})
	if err != nil || !whole {
		return objects, err
	}
	for ref, e := range emails {
		if !e.used && !trashed[ref] {
			c.problem(cell, id, "message %x is in no mailbox and not in the trash: it would stay for ever", ref)
		}
	}
	return objects, nil
}

// readObject reads an object and compares it with what was stored.
func (c *checker) readObject(ctx context.Context, cell *cell, account int64, ref uint64, key blob.Key, e *checkedEmail) error {
	ctx, cancel := context.WithTimeout(ctx, putTimeout(e.size))
	defer cancel()
	body, err := cell.blobs.Open(ctx, key, 0)
	if errors.Is(err, blob.ErrNotFound) {
		return nil // removed since
	}
	if err != nil {
		return err
	}
	defer body.Close()
	h := sha256.New()
	n, err := io.Copy(h, body)
	c.Octets += n
	if err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), e.sum[:]) {
		c.problem(cell, account, "message %x: its object %s is not what was stored", ref, key)
	}
	return nil
}
