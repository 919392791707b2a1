package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// record is a line that the writer sends to the crash test: before a commit or a change of users,
// and with Done after it was acknowledged. It is all that the test knows of it.
type record struct {
	Worker int
	Done   bool
	Err    string // with Done: nothing was changed
	Op     string // "commit", or what is done to a user
	Steps  []crashStep
	Seen   []mark // with Done

	// Of users.
	User, Secret string
	ID           store.AccountID // with Done
}

// crashStep is one operation of a commit.
type crashStep struct {
	Op      string
	Box, To string // names, at that moment
	UIDs    []imap.UID
	Flags   []imap.Flag
	StoreOp imap.StoreOp
	On      bool
	Msgs    []stateMsg // to append

	// With Done.
	UIDValidity uint32     // of the mailbox that was made, or got messages
	Done, New   []imap.UID // as in store.Outcome; New are the UIDs of new messages
	ModSeq      imap.ModSeq
}

// mark says how far a mailbox was when somebody saw it.
type mark struct {
	UIDValidity   uint32
	UIDNext       imap.UID
	HighestModSeq imap.ModSeq
}

func markOf(v *mailbox.Version) mark { return mark{v.UIDValidity, v.UIDNext, v.HighestModSeq} }

// state is what an account holds, and who the users are.
type state struct {
	boxes      map[string]*stateBox
	subscribed map[string]bool
	users      map[string]string // name to ID and secret
}

type stateBox struct {
	mark
	msgs    []stateMsg // by UID
	pending []stateMsg // then these, with any UIDs

	removed      imap.UIDSet // as Changes says, after removedSince
	removedSince imap.ModSeq
}

// stateMsg is a message. A UID, ModSeq, UIDValidity or Saved of 0 is one that nobody was told.
type stateMsg struct {
	UID     imap.UID
	ModSeq  imap.ModSeq
	Hash    string // of the body
	Flags   string
	Date    mailbox.Date
	Saved   mailbox.Saved
	EmailID store.EmailID
	Summary string
}

func hash(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(body)))[:16] }

// matches reports whether got is the message that is wanted.
func (want stateMsg) matches(got stateMsg) bool {
	if want.UID == 0 {
		got.UID = 0
	}
	if want.ModSeq == 0 {
		got.ModSeq = 0
	}
	if want.Saved == 0 {
		got.Saved = 0
	}
	return got == want
}

// load reads everything there is.
func load(s store.Store, account store.AccountID) (*state, error) {
	ctx := context.Background()
	st := &state{boxes: map[string]*stateBox{}, subscribed: map[string]bool{}, users: map[string]string{}}
	users, err := s.Users(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		st.users[u.Name] = fmt.Sprintf("%d %s", u.ID, u.Secret)
		names, err := namesOf(s, u.ID)
		if err != nil {
			return nil, err
		}
		if _, ok := names.Lookup("INBOX"); !ok {
			return nil, fmt.Errorf("user %s has no INBOX", u.Name)
		}
		if u.ID != account {
			continue
		}
		for name := range names.Subscribed() {
			st.subscribed[name] = true
		}
		for e := range names.All() {
			if st.boxes[e.Name], err = loadBox(s, account, e); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
		}
	}
	return st, nil
}

// namesOf returns the names of an account.
func namesOf(s store.Store, id store.AccountID) (*mailbox.Namespace, error) {
	a, err := s.Account(context.Background(), store.System, id)
	if err != nil {
		return nil, err
	}
	return a.Namespace(), a.Close()
}

func loadBox(s store.Store, account store.AccountID, e mailbox.Entry) (box *stateBox, err error) {
	b, err := s.Open(context.Background(), store.System, store.Ref{Account: account, Mailbox: e.ID})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	v := b.Version()
	if v.UIDValidity != e.UIDValidity {
		return nil, fmt.Errorf("UIDVALIDITY is %d, its entry is %+v", v.UIDValidity, e)
	}
	if err := checkVersion(v); err != nil {
		return nil, err
	}
	box = &stateBox{mark: markOf(v), removedSince: v.HistorySince()}
	if box.removed, err = loadRemoved(b, v); err != nil {
		return nil, err
	}
	details := make([]store.Details, 1)
	for _, r := range v.Rows() {
		body, err := b.Body(context.Background(), r)
		if err != nil {
			return nil, fmt.Errorf("UID %d: %w", r.UID, err)
		}
		h := sha256.New()
		_, err = io.Copy(h, io.NewSectionReader(body, 0, body.Size()))
		if err := errors.Join(err, body.Close()); err != nil {
			return nil, fmt.Errorf("UID %d: %w", r.UID, err)
		}
		if _, _, err = b.Details(context.Background(), []mailbox.Row{*r}, nil, 0, details); err != nil {
			return nil, fmt.Errorf("UID %d: %w", r.UID, err)
		}
		if details[0].EmailID == 0 { // as of a message that is gone
			return nil, fmt.Errorf("UID %d has no details: %w", r.UID, store.ErrGone)
		}
		box.msgs = append(box.msgs, stateMsg{r.UID, r.ModSeq, fmt.Sprintf("%x", h.Sum(nil))[:16], flagString(v.Flags(v.Set(r))),
			r.Date, r.Saved, details[0].EmailID, string(details[0].Summary)})
	}
	return box, nil
}

// loadRemoved returns what a mailbox remembers of what was removed.
func loadRemoved(b store.Mailbox, v *mailbox.Version) (imap.UIDSet, error) {
	c, err := b.Changes(context.Background(), v.HistorySince())
	if err != nil {
		return imap.UIDSet{}, err
	}
	gone := c.Vanished()
	if there := v.Existing(gone); !there.Empty() {
		return gone, fmt.Errorf("UIDs %v are said to be removed, and are there", there)
	}
	return gone, nil
}

func (st *state) clone() *state {
	out := &state{map[string]*stateBox{}, maps.Clone(st.subscribed), maps.Clone(st.users)}
	for name, b := range st.boxes {
		out.boxes[name] = &stateBox{mark: b.mark, msgs: slices.Clone(b.msgs), pending: slices.Clone(b.pending)}
	}
	return out
}

// apply makes the state what it is after a change, which may not have been acknowledged.
func (st *state) apply(r *record) error {
	if r.Err != "" {
		return nil
	}
	switch r.Op {
	case "secret":
		id, _, _ := strings.Cut(st.users[r.User], " ")
		st.users[r.User] = id + " " + r.Secret
	case "user":
		st.users[r.User] = fmt.Sprintf("%d %s", r.ID, r.Secret)
	case "no user":
		delete(st.users, r.User)
	}
	for i := range r.Steps {
		if err := st.step(&r.Steps[i], r.Done); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

// step applies one operation. Messages whose UIDs nobody was told stay as they are.
func (st *state) step(s *crashStep, done bool) error {
	src, dst := st.boxes[s.Box], st.boxes[s.To]
	switch s.Op {
	case "append", "flags", "expunge", "copy", "move":
		if src == nil || (s.Op == "copy" || s.Op == "move") && dst == nil {
			return fmt.Errorf("no mailbox %s or %s", s.Box, s.To)
		}
	}
	var touched []imap.UID
	switch s.Op {
	case "append":
		return src.add(s.Msgs, s, done)
	case "flags":
		touched = src.edit(s.UIDs, func(m *stateMsg) bool {
			old := m.Flags
			if m.Flags = changeFlags(m.Flags, s.StoreOp, s.Flags); m.Flags != old {
				m.ModSeq = s.ModSeq // 0 unless done
			}
			return true
		})
	case "expunge":
		touched = src.remove(s.UIDs, func(m *stateMsg) bool { return s.On || strings.Contains(m.Flags, `\deleted`) })
	case "copy", "move":
		var msgs []stateMsg
		touched = src.edit(s.UIDs, func(m *stateMsg) bool {
			msgs = append(msgs, *m)
			msgs[len(msgs)-1].Saved = 0
			return s.Op == "copy"
		})
		if err := dst.add(msgs, s, done); err != nil {
			return err
		}
	case "create":
		st.boxes[s.Box] = &stateBox{mark: mark{UIDValidity: s.UIDValidity}}
	case "delete":
		delete(st.boxes, s.Box)
	case "rename":
		for name, b := range maps.Clone(st.boxes) {
			if name == s.Box || strings.HasPrefix(name, s.Box+"/") {
				delete(st.boxes, name)
				st.boxes[s.To+name[len(s.Box):]] = b
			}
		}
	case "subscribe":
		if delete(st.subscribed, s.Box); s.On {
			st.subscribed[s.Box] = true
		}
	}
	if done && !slices.Equal(touched, s.Done) {
		return fmt.Errorf("%s of %v was done to %v, want %v", s.Op, s.UIDs, s.Done, touched)
	}
	return nil
}

// add adds messages, behind the others when their UIDs were not told.
func (b *stateBox) add(msgs []stateMsg, s *crashStep, done bool) error {
	if done && len(s.New) != len(msgs) {
		return fmt.Errorf("%d messages got UIDs %v", len(msgs), s.New)
	}
	for i, m := range msgs {
		m.UID, m.ModSeq = 0, 0
		if !done {
			b.pending = append(b.pending, m)
			continue
		}
		m.UID, m.ModSeq = s.New[i], s.ModSeq
		at, _ := slices.BinarySearchFunc(b.msgs, m.UID, func(m stateMsg, uid imap.UID) int { return int(m.UID) - int(uid) })
		b.msgs = slices.Insert(b.msgs, at, m)
	}
	return nil
}

// edit calls f for the messages with these UIDs and removes those for which it returns false. It
// returns which there were.
func (b *stateBox) edit(uids []imap.UID, f func(*stateMsg) bool) (touched []imap.UID) {
	out := b.msgs[:0:0]
	for _, m := range b.msgs {
		keep := true
		if slices.Contains(uids, m.UID) {
			touched = append(touched, m.UID)
			keep = f(&m)
		}
		if keep {
			out = append(out, m)
		}
	}
	b.msgs = out
	return touched
}

// remove removes those of the messages with these UIDs for which f returns true, and returns them.
func (b *stateBox) remove(uids []imap.UID, f func(*stateMsg) bool) (gone []imap.UID) {
	b.edit(uids, func(m *stateMsg) bool {
		if !f(m) {
			return true
		}
		gone = append(gone, m.UID)
		return false
	})
	return gone
}

func changeFlags(old string, op imap.StoreOp, flags []imap.Flag) string {
	set := map[string]bool{}
	if op != imap.StoreSet {
		for _, f := range strings.Fields(old) {
			set[f] = true
		}
	}
	for _, f := range strings.Fields(flagString(flags)) {
		if delete(set, f); op != imap.StoreRemove {
			set[f] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), " ")
}

// compare says how got differs from what is wanted, in what carries the prefix.
func (st *state) compare(got *state, prefix string) error {
	for _, name := range slices.Sorted(maps.Keys(got.boxes)) {
		if st.boxes[name] == nil && strings.HasPrefix(name, prefix) {
			return fmt.Errorf("mailbox %s should not be there", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(st.boxes)) {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		g, want := got.boxes[name], st.boxes[name]
		if g == nil {
			return fmt.Errorf("mailbox %s is missing", name)
		}
		if want.UIDValidity != 0 && g.UIDValidity != want.UIDValidity {
			return fmt.Errorf("mailbox %s has UIDVALIDITY %d, want %d", name, g.UIDValidity, want.UIDValidity)
		}
		if err := compareMessages(g.msgs, append(slices.Clone(want.msgs), want.pending...)); err != nil {
			return fmt.Errorf("mailbox %s: %w", name, err)
		}
	}
	under := func(m map[string]bool) (out []string) {
		for name := range m {
			if strings.HasPrefix(name, prefix) {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		return out
	}
	if g, want := under(got.subscribed), under(st.subscribed); !slices.Equal(g, want) {
		return fmt.Errorf("subscribed are %q, want %q", g, want)
	}
	for _, name := range slices.Sorted(maps.Keys(got.users)) {
		if _, ok := st.users[name]; !ok && strings.HasPrefix(name, prefix) {
			return fmt.Errorf("user %s should not be there", name)
		}
	}
	for name, want := range st.users {
		id, secret, _ := strings.Cut(want, " ")
		gotID, gotSecret, ok := strings.Cut(got.users[name], " ")
		if strings.HasPrefix(name, prefix) && (!ok || gotSecret != secret || id != "0" && gotID != id) {
			return fmt.Errorf("user %s is %q, want %q", name, got.users[name], want)
		}
	}
	return nil
}

func compareMessages(got, want []stateMsg) error {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Errorf("%d messages are missing, from %+v on", len(want)-i, want[i])
		case i >= len(want):
			return fmt.Errorf("%d messages should not be there, from %+v on", len(got)-i, got[i])
		case !want[i].matches(got[i]):
			return fmt.Errorf("message %d of %d is %+v, want %+v (one of %d)", i+1, len(got), got[i], want[i], len(want))
		}
	}
	return nil
}
