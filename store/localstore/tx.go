package localstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"restante/mailbox"
	"restante/store"
)

// tx is a group in the making: the octets for the log, and the state as it will be when they are
// durable. Later changes of the group see it; nobody else does until publish. The writer owns it,
// and recovery, which makes one of every group that it reads.
type tx struct {
	s      *Store
	pos    uint64 // of the group
	seq    uint64
	buf    []byte // header and records
	replay bool
	draft
}

// draft is the part of a tx that a change may have to undo.
type draft struct {
	boxes       map[*box]*mailbox.Version
	newBoxes    map[store.Ref]*box
	accounts    map[*account]*accountState
	newAccounts map[store.AccountID]*account
	usage       map[*account]usage     // of those in which it has changed
	users       map[string]*store.User // nil: gone
	messages    []indexedMessage
	references  []references
	live        map[uint64]int64 // change of the segments' live octets
	nextMessage uint64
	nextAccount store.AccountID
	work        int    // rows that have changed
	pinned      []*box // until end
}

type indexedMessage struct {
	id uint64
	message
}

// references tells that n more rows, for each of these, refer to a message. A message begins with
// one.
type references struct {
	rows    []mailbox.Row
	version *mailbox.Version // or all of its rows
	n       int
}

// begin starts the group that will stand at pos.
func (s *Store) begin(pos, seq uint64, buf []byte) *tx {
	return &tx{
		s: s, pos: pos, seq: seq, buf: append(buf[:0], make([]byte, groupHeaderLen)...),
		draft: draft{
			boxes:       map[*box]*mailbox.Version{},
			newBoxes:    map[store.Ref]*box{},
			accounts:    map[*account]*accountState{},
			newAccounts: map[store.AccountID]*account{},
			usage:       map[*account]usage{},
			users:       map[string]*store.User{},
			live:        map[uint64]int64{},
			nextMessage: s.nextMessage,
			nextAccount: s.nextAccount,
		},
	}
}

// savepoint returns what undo goes back to. It costs what the group has changed so far.
func (t *tx) savepoint() (undo func()) {
	d, octets := t.draft, len(t.buf)
	d.boxes, d.newBoxes = maps.Clone(d.boxes), maps.Clone(d.newBoxes)
	d.accounts, d.newAccounts = maps.Clone(d.accounts), maps.Clone(d.newAccounts)
	d.users, d.live, d.usage = maps.Clone(d.users), maps.Clone(d.live), maps.Clone(d.usage)
	return func() {
		d.pinned = t.pinned // until the end of the group
		t.draft, t.buf = d, t.buf[:octets]
	}
}

// do makes a change and writes its record. When it returns an error, or 0, nothing has changed.
func (t *tx) do(r record) (int, error) {
	start := len(t.buf)
	t.buf = r.encode(append(t.buf, r.kind())) // first: it says where bodies are
	n, err := r.apply(t)
	if err != nil || n == 0 {
		t.buf = t.buf[:start]
	}
	return n, err
}

// unloadedError asks for a change to be submitted again with a mailbox pinned.
type unloadedError struct{ store.Ref }

func (e unloadedError) Error() string { return fmt.Sprintf("mailbox %d is not loaded", e.Mailbox) }

// account returns an account that may be changed.
func (t *tx) account(id store.AccountID) (*account, error) {
	a, err := t.anyAccount(id)
	if err != nil {
		return nil, err
	}
	switch t.state(a).residence.State {
	case store.Moved:
		return nil, movedAway(id)
	case store.Arriving:
		return nil, accountNotFound(id)
	}
	if f := a.fence.Load(); f != nil {
		return nil, fencedError{f.released}
	}
	return a, nil
}

// anyAccount returns an account that may also be on its way from another store, or have moved.
func (t *tx) anyAccount(id store.AccountID) (*account, error) {
	a := t.newAccounts[id]
	if a == nil {
		var err error
		if a, err = t.s.account(id); err != nil {
			return nil, err
		}
	}
	if t.state(a).gone {
		return nil, accountNotFound(id)
	}
	return a, nil
}

func (t *tx) state(a *account) *accountState {
	if s := t.accounts[a]; s != nil {
		return s
	}
	return a.cur.Load()
}

// box returns a mailbox, which the caller of the change has pinned, so that the writer does not
// wait for the index. Recovery loads what it meets.
func (t *tx) box(a *account, id mailbox.ID) (*box, error) {
	ref := store.Ref{Account: a.id, Mailbox: id}
	if b := t.newBoxes[ref]; b != nil {
		return b, nil
	}
	if t.replay {
		b, err := t.s.pin(a, id)
		if err == nil {
			t.pinned = append(t.pinned, b)
		}
		return b, err
	}
	if b := t.s.pinLoaded(ref); b != nil {
		t.pinned = append(t.pinned, b)
		return b, nil
	}
	if _, ok := t.state(a).names.ByID(id); ok {
		return nil, unloadedError{ref}
	}
	return nil, mailboxNotFound(id)
}

// newest returns the version of a mailbox at this point of the group.
func (t *tx) newest(b *box) *mailbox.Version {
	if v := t.boxes[b]; v != nil {
		return v
	}
	return b.cur.Load()
}

func (t *tx) version(ref store.Ref) (*box, *mailbox.Version, error) {
	a, err := t.account(ref.Account)
	if err != nil {
		return nil, nil, err
	}
	b, err := t.box(a, ref.Mailbox)
	if err != nil {
		return nil, nil, err
	}
	v := t.newest(b)
	if v.Deleted {
		return nil, nil, mailboxNotFound(ref.Mailbox)
	}
	return b, v, nil
}

// rename applies a change of names.
func (t *tx) rename(account store.AccountID, change func(*mailbox.Namespace) (*mailbox.Namespace, error)) (int, error) {
	a, err := t.account(account)
	if err != nil {
		return 0, err
	}
	return t.setNames(a, change)
}

func (t *tx) setNames(a *account, change func(*mailbox.Namespace) (*mailbox.Namespace, error)) (_ int, err error) {
	s := *t.state(a)
	old := s.names
	if s.names, err = change(old); err != nil {
		return 0, err
	}
	if s.names == old {
		return 0, nil
	}
	t.accounts[a] = &s
	return 1, nil
}

// addMessage makes a message known whose record was just written or read.
func (t *tx) addMessage(id uint64, m message) {
	m.pos = t.pos + uint64(m.off)
	t.live[t.s.log.base(t.pos)] += m.weight()
	t.messages = append(t.messages, indexedMessage{id, m})
}

// count notes that n more rows refer to the messages of rows.
func (t *tx) count(rows []mailbox.Row, n int) {
	t.references = append(t.references, references{rows: rows, n: n})
	t.work += len(rows)
}

// removeBox removes a mailbox's messages and the mailbox.
func (t *tx) removeBox(b *box) {
	v := t.newest(b)
	t.references = append(t.references, references{version: v, n: -1})
	t.work += v.Len()
	t.set(b, v.WithDeleted(v.HighestModSeq+1))
}

// publish makes the group, which is durable, the newest state, and tells the sessions. An error
// is one of the index; the log has the group.
func (t *tx) publish() error {
	s := t.s
	if err := t.writeIndex(); err != nil {
		return err
	}
	s.nextMessage, s.nextAccount = t.nextMessage, t.nextAccount
	s.references = append(s.references, t.references...)
	s.dirtyBytes += int64(len(t.buf))
	s.dirtyRows += t.work
	s.publish(t)
	changed := map[*account][]mailbox.ID{}
	for b := range t.boxes {
		changed[b.account] = append(changed[b.account], b.id)
	}
	for a, ids := range changed {
		a.note(ids, t.seq)
	}
	s.seq.Store(t.seq)
	for b := range t.boxes {
		b.ring()
	}
	for a := range t.accounts {
		if changed[a] == nil {
			a.ring()
		}
	}
	for a := range changed {
		a.ring()
	}
	return nil
}

// writeIndex writes the rows of the index that do not wait for a checkpoint.
func (t *tx) writeIndex() error {
	if len(t.messages)+len(t.users) == 0 {
		return nil
	}
	batch := t.s.index.NewBatch()
	defer batch.Close()
	var value []byte
	for i := range t.messages {
		m := &t.messages[i]
		value = appendMessage(value[:0], &m.message)
		batch.Set(key(keyMessage, m.id), value, nil)
		if m.file != 0 {
			batch.Set(key(keyLarge, m.file), key(keyMessage, m.id)[1:], nil)
		}
	}
	for name, u := range t.users {
		k := append([]byte{keyUser}, name...)
		if u == nil {
			batch.Delete(k, nil)
		} else {
			batch.Set(k, encodeUser(u), nil)
		}
	}
	if t.replay {
		if err := t.s.index.stuck(); err != nil {
			return err
		}
	}
	return t.s.indexError(t.s.index.commit(batch))
}

// end lets go of what the group has used, whatever became of it.
func (t *tx) end() {
	for _, b := range t.pinned {
		t.s.unpin(b)
	}
}

// publish is the part of tx.publish that is done under the lock.
func (s *Store) publish(t *tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, b := range t.newBoxes {
		s.mu.boxes[k] = b
	}
	for b, v := range t.boxes {
		b.cur.Store(v)
		s.markDirty(b)
		if v.Deleted && s.mu.boxes[b.ref()] == b {
			delete(s.mu.boxes, b.ref())
		}
	}
	for a, u := range t.usage {
		a.usage.Store(&u)
	}
	for _, a := range t.newAccounts {
		s.addAccount(a)
	}
	for a, state := range t.accounts {
		a.cur.Store(state)
		s.mu.dirtyAccounts[a] = struct{}{}
	}
	for base, n := range t.live {
		s.mu.live[base] += n
	}
}

// isUnloaded returns the mailbox that a change needs in memory.
func isUnloaded(err error) (store.Ref, bool) {
	var e unloadedError
	return e.Ref, errors.As(err, &e)
}

// sortedBoxes orders mailboxes so that one that is gone comes before a new one with its ID.
func sortedBoxes(boxes []boxState) {
	slices.SortFunc(boxes, func(a, b boxState) int { return a.compare(&b) })
}
