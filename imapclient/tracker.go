package imapclient

import (
	"slices"
	"strings"
	"sync"

	"restante/imap"
)

// tracker knows the messages of the selected mailbox by position, and gathers what changes. The
// leader tells it of every response in the order of the wire, so positions are right whichever
// command the responses came with. It costs 16 octets a message.
type tracker struct {
	bell chan struct{} // rung when there is something to take, or to fetch

	mu struct {
		sync.Mutex
		rows    []row
		news    map[imap.UID]*imap.Message // since the last take
		changed map[imap.UID]*imap.Message
		gone    imap.UIDSet
		alerts  []string
		quiet   bool                // the mailbox is being looked at as a whole: nothing is news but against before
		before  map[imap.UID]uint64 // how it was, by UID, when that is known
	}
}

type row struct {
	uid   imap.UID // 0: not known yet
	flags uint64   // a hash of them; 0: not known
}

// newTracker returns a tracker of a mailbox with n messages; before are the rows of the tracker
// that knew it until the connection was lost, or nil.
func newTracker(n int, before []row) *tracker {
	t := &tracker{bell: make(chan struct{}, 1)}
	t.mu.news, t.mu.changed = make(map[imap.UID]*imap.Message), make(map[imap.UID]*imap.Message)
	t.mu.rows, t.mu.quiet = make([]row, n), true
	if before != nil {
		t.mu.before = make(map[imap.UID]uint64, len(before))
		for _, r := range before {
			t.mu.before[r.uid] = r.flags
		}
	}
	return t
}

func (t *tracker) ring() {
	select {
	case t.bell <- struct{}{}:
	default:
	}
}

// alert is told what the server wants people to read.
func (t *tracker) alert(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.alerts = append(t.mu.alerts, text)
	t.ring()
}

func (t *tracker) collectAlerts() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.mu.alerts
	t.mu.alerts = nil
	return out
}

// grew is told of EXISTS.
func (t *tracker) grew(n uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := t.mu.rows
	if int(n) < len(rows) { // no server may do that; the rest is gone
		for _, r := range rows[n:] {
			t.noteGone(r)
		}
		t.mu.rows = rows[:n]
	} else if int(n) > len(rows) {
		t.mu.rows = slices.Grow(rows, int(n)-len(rows))[:n]
		clear(t.mu.rows[len(rows):])
	}
	t.ring()
}

// noteGone notes that a message is gone. Called with mu.
func (t *tracker) noteGone(r row) {
	if r.uid == 0 {
		return
	}
	delete(t.mu.changed, r.uid)
	if _, unseen := t.mu.news[r.uid]; unseen {
		delete(t.mu.news, r.uid) // came and went
		return
	}
	t.mu.gone.Add(r.uid)
}

// expunged is told of EXPUNGE.
func (t *tracker) expunged(n imap.SeqNum) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n == 0 || int(n) > len(t.mu.rows) {
		return
	}
	t.noteGone(t.mu.rows[n-1])
	t.mu.rows = slices.Delete(t.mu.rows, int(n-1), int(n))
	t.ring()
}

// fetched is told of FETCH.
func (t *tracker) fetched(m *imap.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.Seq == 0 || int(m.Seq) > len(t.mu.rows) {
		return
	}
	r := &t.mu.rows[m.Seq-1]
	isNew := r.uid == 0
	if isNew {
		if m.UID == 0 {
			return // it will be asked for
		}
		r.uid = m.UID
	}
	if m.Items&imap.ItemFlags == 0 {
		if isNew && !t.mu.quiet { // the flags are still to be asked for
			r.uid = 0
		}
		return
	}
	h := hashFlags(m.Flags)
	if was := r.flags; was == h && !isNew {
		return
	}
	r.flags = h
	if t.mu.quiet && !t.differs(r, &isNew) {
		return
	}
	note := &imap.Message{Seq: m.Seq, UID: r.uid, Items: imap.ItemUID | imap.ItemFlags, Flags: slices.Clone(m.Flags)}
	if _, unseen := t.mu.news[r.uid]; isNew || unseen {
		t.mu.news[r.uid] = note
	} else {
		t.mu.changed[r.uid] = note
	}
	t.ring()
}

// differs compares a message with how it was before the connection was lost. Called with mu.
func (t *tracker) differs(r *row, isNew *bool) bool {
	if t.mu.before == nil {
		return false
	}
	was, had := t.mu.before[r.uid]
	delete(t.mu.before, r.uid)
	*isNew = !had
	return !had || was != r.flags
}

// hashFlags does not depend on order, spelling or \Recent.
func hashFlags(flags []imap.Flag) uint64 {
	sum := uint64(1)
	for _, f := range flags {
		if f.Equal(imap.Recent) {
			continue
		}
		h := uint64(14695981039346656037)
		for _, c := range []byte(strings.ToLower(string(f))) {
			h = (h ^ uint64(c)) * 1099511628211
		}
		sum += h
	}
	return sum
}

// collect returns what has changed since the last time.
func (t *tracker) collect() (news, changed []*imap.Message, gone imap.UIDSet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	news, changed, gone = byUID(t.mu.news), byUID(t.mu.changed), t.mu.gone
	clear(t.mu.news)
	clear(t.mu.changed)
	t.mu.gone = imap.UIDSet{}
	return news, changed, gone
}

func byUID(m map[imap.UID]*imap.Message) []*imap.Message {
	if len(m) == 0 {
		return nil
	}
	out := make([]*imap.Message, 0, len(m))
	for _, x := range m {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *imap.Message) int { return int(int64(a.UID) - int64(b.UID)) })
	return out
}

// unknown returns the UID above which there are messages that are not known yet.
func (t *tracker) unknown() (after imap.UID, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.mu.rows)
	for n > 0 && t.mu.rows[n-1].uid == 0 {
		n--
		some = true
	}
	if n > 0 {
		after = t.mu.rows[n-1].uid
	}
	return after, some
}

// synced says that the whole mailbox has been looked at. What was there before and did not turn
// up is gone.
func (t *tracker) synced() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for uid := range t.mu.before {
		if uid != 0 {
			t.mu.gone.Add(uid)
		}
	}
	t.mu.quiet, t.mu.before = false, nil
	t.ring()
}

// snapshot returns the rows, to compare with later, and whether they are those of the whole mailbox.
func (t *tracker) snapshot() (rows []row, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.mu.rows), !t.mu.quiet
}
