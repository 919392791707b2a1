package pgstore

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Writing a draft: what has changed between the version before a group and the one after it, as
// statements of which each says everything of its kind at once.

// write queues the statements, and returns how many rows they write, about; 0 when nothing has
// changed.
func (d *draft) write(b *pgx.Batch) (rows int) {
	used := map[emailRef]struct{}{}
	refs := sortedRefs(slices.Collect(maps.Keys(d.boxes)))
	for _, ref := range refs {
		box := d.boxes[ref]
		if box.version == nil || box.version == box.base || box.version.Deleted {
			continue
		}
		since := imap.ModSeq(0)
		if box.base != nil {
			since = box.base.HighestModSeq
		}
		for _, r := range box.version.ChangedSince(since) {
			if box.base == nil || r.UID >= box.base.UIDNext {
				used[emailRef{ref.Account, r.Ref}] = struct{}{}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.accounts)) {
		rows += d.writeNames(b, id)
	}
	rows += d.writeEmails(b, used)
	for _, ref := range refs {
		box := d.boxes[ref]
		switch {
		case box.version == nil || box.version == box.base:
		case box.version.Deleted:
			if box.base != nil { // else it came and went
				rows += box.writeDeleted(b, ref)
			}
		default:
			rows += box.write(b, ref, used, d.cell.options.History/16)
		}
	}
	return rows
}

func (d *draft) writeNames(b *pgx.Batch, id store.AccountID) (rows int) {
	a := d.accounts[id]
	if a.base == nil || a.names == a.base.namespace {
		return 0
	}
	b.Queue(`UPDATE account SET names_seq = $2, last_validity = $3, epoch = $4, quota = $5 WHERE account_id = $1`,
		int64(id), a.row.seq+1, a.row.lastValidity, a.row.epoch, orNull(a.names.Quota()))
	delta := mailbox.DiffNamespaces(a.base.namespace, a.names)
	if n := len(delta.Renamed); n > 0 {
		ids, names := make([]int64, n), make([]string, n)
		for i, r := range delta.Renamed {
			ids[i], names[i] = int64(r.New.ID), r.New.Name
		}
		b.Queue(`UPDATE mailbox m SET name = u.name FROM unnest($2::bigint[], $3::text[]) AS u (id, name)
			WHERE m.account_id = $1 AND m.mailbox_id = u.id`, int64(id), ids, names)
	}
	// New ones are written with all else that is new in them, but for their names: they may have
	// been renamed since.
	for _, e := range delta.Created {
		ref := store.Ref{Account: id, Mailbox: e.ID}
		box := d.boxes[ref]
		box.name = e.Name
		d.boxes[ref] = box
	}
	if len(delta.Subscribed) > 0 {
		b.Queue(`INSERT INTO subscription (account_id, name) SELECT $1, unnest($2::text[])`, int64(id), delta.Subscribed)
	}
	if len(delta.Unsubscribed) > 0 {
		b.Queue(`DELETE FROM subscription WHERE account_id = $1 AND name = ANY($2)`, int64(id), delta.Unsubscribed)
	}
	metadataRows(delta.Metadata).write(b, id)
	return 1 + len(delta.Renamed) + len(delta.Subscribed) + len(delta.Unsubscribed) + len(delta.Metadata)
}

// writeEmails writes the new emails to which a new message refers.
func (d *draft) writeEmails(b *pgx.Batch, used map[emailRef]struct{}) (rows int) {
	type columns struct {
		refs, emailIDs, threadIDs, sizes []int64
		sums, bodies, summaries          [][]byte
		blobs                            []*string
	}
	accounts := map[store.AccountID]*columns{}
	for ref, e := range d.emails {
		if _, ok := used[ref]; !ok {
			continue
		}
		c := accounts[ref.account]
		if c == nil {
			c = &columns{}
			accounts[ref.account] = c
		}
		c.refs, c.emailIDs, c.threadIDs = append(c.refs, int64(ref.ref)), append(c.emailIDs, int64(e.EmailID)), append(c.threadIDs, int64(e.ThreadID))
		c.sizes, c.sums = append(c.sizes, e.size), append(c.sums, e.sum)
		c.blobs, c.bodies, c.summaries = append(c.blobs, e.blob), append(c.bodies, e.body), append(c.summaries, e.Summary)
		rows++
	}
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		c := accounts[id]
		b.Queue(`INSERT INTO email (account_id, ref, email_id, thread_id, size, sum, blob, body, summary)
			SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::bytea[], $9::bytea[])`,
			int64(id), c.refs, c.emailIDs, c.threadIDs, c.sizes, c.sums, c.blobs, c.bodies, c.summaries)
	}
	return rows
}

// writeDeleted removes a mailbox.
func (b *boxDraft) writeDeleted(batch *pgx.Batch, ref store.Ref) (rows int) {
	account, id := int64(ref.Account), int64(ref.Mailbox)
	batch.Queue(`WITH gone AS (DELETE FROM message WHERE account_id = $1 AND mailbox_id = $2 RETURNING ref)
		INSERT INTO trash (account_id, ref) SELECT DISTINCT $1::bigint, ref FROM gone ON CONFLICT (account_id, ref) DO UPDATE SET at = now()`, account, id)
	batch.Queue(`DELETE FROM expunged WHERE account_id = $1 AND mailbox_id = $2`, account, id)
	batch.Queue(`DELETE FROM changed WHERE account_id = $1 AND mailbox_id = $2`, account, id)
	batch.Queue(`DELETE FROM mailbox WHERE account_id = $1 AND mailbox_id = $2`, account, id)
	return 1 + int(b.head.counts.Messages)
}

// changedEvery is after how many mod-sequences the table changed is cut, to twice as many.
const changedEvery = 1 << 10

// write writes what has changed in a mailbox.
func (b *boxDraft) write(batch *pgx.Batch, ref store.Ref, used map[emailRef]struct{}, historyRuns int) (rows int) {
	account, id, h, v := int64(ref.Account), int64(ref.Mailbox), b.head, b.version
	var since imap.ModSeq
	next, before := imap.UID(1), mailbox.Counts{}
	if b.base != nil {
		since, next, before = b.base.HighestModSeq, b.base.UIDNext, b.base.Counts()
	}
	var added, changed []*mailbox.Row
	for _, r := range v.ChangedSince(since) {
		if r.UID >= next {
			added = append(added, r)
		} else {
			changed = append(changed, r)
		}
	}
	now := v.Counts()
	keywords := make([]string, len(v.Keywords()))
	for i, k := range v.Keywords() {
		keywords[i] = string(k)
	}
	counts := []int64{h.counts.Size + now.Size - before.Size,
		int64(h.counts.Messages) + int64(now.Messages) - int64(before.Messages),
		int64(h.counts.Unseen) + int64(now.Unseen) - int64(before.Unseen),
		int64(h.counts.Deleted) + int64(now.Deleted) - int64(before.Deleted)}
	if b.base != nil && b.full { // the head's counts are those of base
		counts = []int64{now.Size, int64(now.Messages), int64(now.Unseen), int64(now.Deleted)}
	}
	changedSince := h.changedSince
	if cut := v.HighestModSeq - changedEvery; b.base != nil && v.HighestModSeq/changedEvery != since/changedEvery && v.HighestModSeq > 2*changedEvery {
		changedSince = cut
		batch.Queue(`DELETE FROM changed WHERE account_id = $1 AND mailbox_id = $2 AND modseq <= $3`, account, id, int64(cut))
	}
	removed := int64(len(b.removed))
	if b.base == nil {
		batch.Queue(`INSERT INTO mailbox (account_id, mailbox_id, name, uses, uidvalidity, uidnext, modseq, epoch, octets, messages, unseen, deleted, history_runs, keywords)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			account, id, b.name, orEmpty(b.uses), int64(v.UIDValidity), int64(v.UIDNext), int64(v.HighestModSeq), h.epoch,
			counts[0], counts[1], counts[2], counts[3], removed, keywords)
	} else {
		batch.Queue(`UPDATE mailbox SET uidnext = $3, modseq = $4, epoch = $5, octets = $6, messages = $7, unseen = $8, deleted = $9,
			changed_since = $10, history_runs = history_runs + $11, keywords = $12 WHERE account_id = $1 AND mailbox_id = $2`,
			account, id, int64(v.UIDNext), int64(v.HighestModSeq), h.epoch,
			counts[0], counts[1], counts[2], counts[3], int64(changedSince), removed, keywords)
	}
	rows = 1 + len(added) + len(changed)
	if removed > 0 {
		rows += b.writeRemoved(batch, ref, used, historyRuns)
	}
	if len(changed) > 0 {
		b.writeChanged(batch, ref, changed)
	}
	if len(added) > 0 {
		b.writeAdded(batch, ref, added)
	}
	return rows
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (b *boxDraft) writeAdded(batch *pgx.Batch, ref store.Ref, added []*mailbox.Row) {
	n := len(added)
	uids, modseqs, flags, sizes := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	dates, saved, refs, far := make([]int64, n), make([]int64, n), make([]int64, n), make([][]byte, n)
	for i, r := range added {
		uids[i], modseqs[i], flags[i], sizes[i] = int64(r.UID), int64(r.ModSeq), int64(r.Flags), int64(r.Size)
		dates[i], saved[i], refs[i], far[i] = int64(r.Date), int64(r.Saved), int64(r.Ref), encodeFar(b.version.Set(r).Far)
	}
	batch.Queue(`INSERT INTO message (account_id, mailbox_id, uid, modseq, flags, size, date, saved, ref, far)
		SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[])`,
		int64(ref.Account), int64(ref.Mailbox), uids, modseqs, flags, sizes, dates, saved, refs, far)
}

// writeRemoved removes messages, and notes them in the history, which forgets the oldest of what is
// more than limit runs.
func (b *boxDraft) writeRemoved(batch *pgx.Batch, ref store.Ref, used map[emailRef]struct{}, limit int) (rows int) {
	account, id := int64(ref.Account), int64(ref.Mailbox)
	n := len(b.removed)
	modseqs, firsts, lasts := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, x := range b.removed {
		modseqs[i], firsts[i], lasts[i] = int64(x.ModSeq), int64(x.First), int64(x.Last)
	}
	if b.base != nil {
		batch.Queue(`DELETE FROM message m USING unnest($3::bigint[], $4::bigint[]) AS r (first, last)
			WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN r.first AND r.last`, account, id, firsts, lasts)
		var refs []int64
		for _, gone := range mailbox.Diff(b.base, b.version).Expunged {
			if _, moved := used[emailRef{ref.Account, gone.Row.Ref}]; !moved {
				refs = append(refs, int64(gone.Row.Ref))
			}
		}
		rows = len(refs)
		if rows > 0 {
			batch.Queue(`INSERT INTO trash (account_id, ref) SELECT DISTINCT $1::bigint, unnest($2::bigint[]) ON CONFLICT (account_id, ref) DO UPDATE SET at = now()`, account, refs)
		}
	}
	batch.Queue(`INSERT INTO expunged (account_id, mailbox_id, modseq, first_uid, last_uid)
		SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[])`, account, id, modseqs, firsts, lasts)
	if int(b.head.historyRuns)+n > limit {
		batch.Queue(`WITH cut AS (SELECT modseq FROM expunged WHERE account_id = $1 AND mailbox_id = $2 ORDER BY modseq DESC OFFSET $3 LIMIT 1),
			gone AS (DELETE FROM expunged e USING cut WHERE e.account_id = $1 AND e.mailbox_id = $2 AND e.modseq <= cut.modseq RETURNING 1)
			UPDATE mailbox m SET history_since = greatest(history_since, cut.modseq), history_runs = history_runs - (SELECT count(*) FROM gone)
			FROM cut WHERE m.account_id = $1 AND m.mailbox_id = $2`, account, id, limit-limit/4)
	}
	return rows + n
}

// maxRuns is how many runs of UIDs the table changed gets of one change: more are made wider.
const maxRuns = 16

// writeChanged writes flags that have changed.
func (b *boxDraft) writeChanged(batch *pgx.Batch, ref store.Ref, changed []*mailbox.Row) {
	account, id := int64(ref.Account), int64(ref.Mailbox)
	var modseqs, firsts, lasts []int64
	for _, modseq := range changedModSeqs(changed) {
		for _, r := range changedRuns(changed, modseq) {
			modseqs, firsts, lasts = append(modseqs, int64(modseq)), append(firsts, int64(r.First)), append(lasts, int64(r.Last))
		}
	}
	batch.Queue(`INSERT INTO changed (account_id, mailbox_id, modseq, first_uid, last_uid)
		SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[])`, account, id, modseqs, firsts, lasts)

	if updates, ok := b.uniform(changed); ok {
		for _, u := range updates {
			batch.Queue(`UPDATE message SET flags = (flags & ~($5::bigint)) | $6::bigint, modseq = $7
				WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 AND flags <> ((flags & ~($5::bigint)) | $6::bigint)`,
				account, id, int64(u.first), int64(u.last), int64(u.clear), int64(u.set), int64(u.modseq))
		}
		return
	}
	n := len(changed)
	uids, seqs, flags, far := make([]int64, n), make([]int64, n), make([]int64, n), make([][]byte, n)
	for i, r := range changed {
		uids[i], seqs[i], flags[i], far[i] = int64(r.UID), int64(r.ModSeq), int64(r.Flags), encodeFar(b.version.Set(r).Far)
	}
	batch.Queue(`UPDATE message m SET modseq = u.modseq, flags = u.flags, far = u.far
		FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[]) AS u (uid, modseq, flags, far)
		WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid = u.uid`, account, id, uids, seqs, flags, far)
}

// changedModSeqs returns the mod-sequences of rows, each once.
func changedModSeqs(rows []*mailbox.Row) []imap.ModSeq {
	seen := map[imap.ModSeq]struct{}{}
	for _, r := range rows {
		seen[r.ModSeq] = struct{}{}
	}
	return slices.Sorted(maps.Keys(seen))
}

// changedRuns returns at most maxRuns runs of UIDs that hold all rows with a mod-sequence.
func changedRuns(rows []*mailbox.Row, modseq imap.ModSeq) []mailbox.Expunged {
	gap := imap.UID(1)
	for {
		var runs []mailbox.Expunged
		for _, r := range rows {
			if r.ModSeq != modseq {
				continue
			}
			if n := len(runs); n > 0 && r.UID-runs[n-1].Last <= gap {
				runs[n-1].Last = r.UID
			} else {
				runs = append(runs, mailbox.Expunged{ModSeq: modseq, First: r.UID, Last: r.UID})
			}
		}
		if len(runs) <= maxRuns {
			return runs
		}
		gap *= 4
	}
}

// update is a change of the same flags of a run of messages: of those among them that it changes.
type update struct {
	first, last imap.UID
	clear, set  mailbox.FlagBits
	modseq      imap.ModSeq
}

// maxUpdates is how many updates a change is made of; beyond that each message is named.
const maxUpdates = 8

// uniform returns the change as updates of runs, if a few say it.
func (b *boxDraft) uniform(changed []*mailbox.Row) (updates []update, ok bool) {
	for i, r := range changed {
		_, old, found := b.base.Find(r.UID)
		if !found || b.base.Far(&old) || b.version.Far(r) || old.Flags == r.Flags {
			return nil, false
		}
		u := update{r.UID, r.UID, old.Flags &^ r.Flags, r.Flags &^ old.Flags, r.ModSeq}
		if n := len(updates); i > 0 && updates[n-1].clear == u.clear && updates[n-1].set == u.set && updates[n-1].modseq == u.modseq &&
			b.untouchedBetween(changed[i-1].UID, r.UID, u) {
			updates[n-1].last = r.UID
			continue
		}
		if updates = append(updates, u); len(updates) > maxUpdates {
			return nil, false
		}
	}
	return updates, true
}

// untouchedBetween reports whether an update changes no message between two.
func (b *boxDraft) untouchedBetween(first, last imap.UID, u update) bool {
	if last == first+1 {
		return true
	}
	for _, r := range b.base.RowsByUID(imap.UIDRange(first+1, last-1)) {
		if (r.Flags&^u.clear)|u.set != r.Flags {
			return false
		}
	}
	return true
}
