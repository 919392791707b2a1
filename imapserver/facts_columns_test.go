package imapserver

import (
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// TestFactColumnsBound keeps more than may be kept: those that were used last stay.
func TestFactColumnsBound(t *testing.T) {
	var f factColumns
	key := func(i int) factKey {
		return factKey{store.Ref{Account: 1, Mailbox: mailbox.ID(i)}, "subject"}
	}
	const many, size = 100, keptFactOctets / 20
	for i := range many {
		f.keep(&keptColumn{factKey: key(i), uids: []imap.UID{1}, column: column{values: make([]factValue, 1), texts: make([]byte, size/2)}})
		f.find(key(0))
		total := 0
		for e := f.recent.Front(); e != nil; e = e.Next() {
			total += e.Value.(*keptColumn).size()
		}
		if total != f.octets || total > keptFactOctets || len(f.byKey) != f.recent.Len() {
			t.Fatalf("%d octets of %d are kept in %d columns of %d", total, f.octets, f.recent.Len(), len(f.byKey))
		}
	}
	for i, want := range map[int]bool{0: true, 1: false, many / 2: false, many - 2: true, many - 1: true} {
		if got := len(f.find(key(i)).uids) > 0; got != want {
			t.Errorf("column %d is kept: %v", i, got)
		}
	}
}
