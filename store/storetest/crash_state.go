package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// record is a line that the writer sends to the crash test: before a change, and with Done after
// it was acknowledged. It is all that the test knows of the change.
type record struct {
	Worker  int
	Done    bool
	Op      string
	Box, To string // names; also of a user
	UIDs    []imap.UID
	Flags   []imap.Flag
	StoreOp imap.StoreOp
	On      bool
	Msgs    []stateMsg // to append
	Err     string     // with Done: nothing was changed

	// With Done.
	UIDValidity uint32     // of the mailbox that was made, or got messages
	New         []imap.UID // of appended, copied and moved messages
	ModSeqs     []imap.ModSeq
	ID          store.AccountID
	Seen        []mark
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
}

// stateMsg is a message. A UID, ModSeq or UIDValidity of 0 is one that nobody was told.
type stateMsg struct {
	UID    imap.UID
	ModSeq imap.ModSeq
	Hash   string
	Flags  string
	Date   mailbox.Date
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
	return got == want
}

// load reads everything there is.
func load(s store.Store, account store.Account) (*state, error) {
	ctx := context.Background()
	st := &state{boxes: map[string]*stateBox{}, subscribed: map[string]bool{}, users: map[string]string{}}
	users, err := s.Users(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		st.users[u.Name] = fmt.Sprintf("%d %s", u.ID, u.Secret)
		a, err := s.Account(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		if _, ok := a.Namespace().Lookup("INBOX"); !ok {
			return nil, fmt.Errorf("user %s has no INBOX", u.Name)
		}
	}
	for name := range account.Namespace().Subscribed() {
		st.subscribed[name] = true
	}
	for e := range account.Namespace().All() {
		if st.boxes[e.Name], err = loadBox(account, e); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	return st, nil
}

func loadBox(a store.Account, e mailbox.Entry) (*stateBox, error) {
	b, err := a.Open(context.Background(), e.ID)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	v := b.Version()
	if v.UIDValidity != e.UIDValidity {
		return nil, fmt.Errorf("UIDVALIDITY is %d, its entry is %+v", v.UIDValidity, e)
	}
	if err := checkVersion(v); err != nil {
		return nil, err
	}
	box := &stateBox{mark: markOf(v)}
	for _, r := range v.Rows() {
		body, err := b.Body(context.Background(), r.Ref)
		if err != nil {
			return nil, fmt.Errorf("UID %d: %w", r.UID, err)
		}
		h := sha256.New()
		_, err = io.Copy(h, io.NewSectionReader(body, 0, body.Size()))
		body.Close()
		if err != nil {
			return nil, fmt.Errorf("UID %d: %w", r.UID, err)
		}
		box.msgs = append(box.msgs, stateMsg{r.UID, r.ModSeq, fmt.Sprintf("%x", h.Sum(nil))[:16], flagString(v.Flags(r.Flags)), r.Date})
	}
	return box, nil
}

func (st *state) clone() *state {
	out := &state{map[string]*stateBox{}, maps.Clone(st.subscribed), maps.Clone(st.users)}
	for name, b := range st.boxes {
		out.boxes[name] = &stateBox{b.mark, slices.Clone(b.msgs), slices.Clone(b.pending)}
	}
	return out
}

// apply makes the state what it is after a change, which may not have been acknowledged.
func (st *state) apply(r *record) error {
	if r.Err != "" {
		return nil
	}
	src, dst := st.boxes[r.Box], st.boxes[r.To]
	switch r.Op {
	case "append", "flags", "expunge", "copy", "move":
		if src == nil || (r.Op == "copy" || r.Op == "move") && dst == nil {
			return fmt.Errorf("no mailbox %s or %s", r.Box, r.To)
		}
	}
	switch r.Op {
	case "append":
		return src.add(r.Msgs, r)
	case "flags":
		changed := src.edit(r.UIDs, func(m *stateMsg) bool {
			old := m.Flags
			if m.Flags = changeFlags(m.Flags, r.StoreOp, r.Flags); m.Flags != old {
				m.ModSeq = 0
				if r.Done {
					m.ModSeq = r.ModSeqs[0]
				}
			}
			return true
		})
		if changed != len(r.UIDs) {
			return fmt.Errorf("of %v only %d are there", r.UIDs, changed)
		}
	case "expunge":
		removed := 0
		src.edit(r.UIDs, func(m *stateMsg) bool {
			gone := strings.Contains(m.Flags, `\deleted`)
			if gone {
				removed++
			}
			return !gone
		})
		if r.Done && removed != len(r.New) {
			return fmt.Errorf("expunging %v removed %v, want %d", r.UIDs, r.New, removed)
		}
	case "copy", "move":
		var msgs []stateMsg
		src.edit(r.UIDs, func(m *stateMsg) bool {
			msgs = append(msgs, *m)
			return r.Op == "copy"
		})
		if len(msgs) != len(r.UIDs) {
			return fmt.Errorf("of %v only %d are there", r.UIDs, len(msgs))
		}
		return dst.add(msgs, r)
	case "create":
		st.boxes[r.Box] = &stateBox{mark: mark{UIDValidity: r.UIDValidity}}
	case "delete":
		delete(st.boxes, r.Box)
	case "rename":
		for name, b := range maps.Clone(st.boxes) {
			if name == r.Box || strings.HasPrefix(name, r.Box+"/") {
				delete(st.boxes, name)
				st.boxes[r.To+name[len(r.Box):]] = b
			}
		}
	case "subscribe":
		if delete(st.subscribed, r.Box); r.On {
			st.subscribed[r.Box] = true
		}
	case "secret":
		id, _, _ := strings.Cut(st.users[r.Box], " ")
		st.users[r.Box] = id + " " + r.To
	case "user":
		st.users[r.Box] = fmt.Sprintf("%d %s", r.ID, r.To)
	case "no user":
		delete(st.users, r.Box)
	}
	return nil
}

// add adds messages, behind the others when their UIDs were not told.
func (b *stateBox) add(msgs []stateMsg, r *record) error {
	if r.Done && (len(r.New) != len(msgs) || len(r.ModSeqs) != len(msgs)) {
		return fmt.Errorf("%d messages got UIDs %v and mod-sequences %v", len(msgs), r.New, r.ModSeqs)
	}
	for i, m := range msgs {
		m.UID, m.ModSeq = 0, 0
		if !r.Done {
			b.pending = append(b.pending, m)
			continue
		}
		m.UID, m.ModSeq = r.New[i], r.ModSeqs[i]
		at, _ := slices.BinarySearchFunc(b.msgs, m.UID, func(m stateMsg, uid imap.UID) int { return int(m.UID) - int(uid) })
		b.msgs = slices.Insert(b.msgs, at, m)
	}
	return nil
}

// edit calls f for the messages with these UIDs and removes those for which it returns false. It
// returns how many there were.
func (b *stateBox) edit(uids []imap.UID, f func(*stateMsg) bool) (n int) {
	out := b.msgs[:0:0]
	for _, m := range b.msgs {
		keep := true
		if slices.Contains(uids, m.UID) {
			n++
			keep = f(&m)
		}
		if keep {
			out = append(out, m)
		}
	}
	b.msgs = out
	return n
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
