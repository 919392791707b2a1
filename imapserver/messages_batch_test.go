package imapserver

import (
	"context"
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// measuredMailbox has summaries of given lengths, and remembers how many octets it was asked for at a
// time. The reference of a message is its place.
type measuredMailbox struct {
	store.Mailbox
	octets func(ref uint64) int
	reads  []int
}

func (m *measuredMailbox) Details(_ context.Context, rows []mailbox.Row, buf []byte, limit int, out []store.Details) ([]byte, int, error) {
	n := 0
	for ; n < len(rows); n++ {
		start := len(buf)
		more := m.octets(rows[n].Ref)
		if n > 0 && start+more > limit {
			break
		}
		buf = append(buf, make([]byte, more)...)
		out[n] = store.Details{Summary: buf[start:]}
	}
	m.reads = append(m.reads, len(buf))
	return buf, n, nil
}

// TestBatchesAreBoundedByOctets reads many summaries, short and long ones.
func TestBatchesAreBoundedByOctets(t *testing.T) {
	for name, tt := range map[string]struct {
		octets   func(ref uint64) int
		largest  int // octets of one read at most
		maxReads int
	}{
		"short":       {func(uint64) int { return 1000 }, 256_000, 40},
		"long":        {func(uint64) int { return 100_000 }, batchOctets, 1040},
		"longer":      {func(ref uint64) int { return map[bool]int{true: 100, false: 500_000}[ref < 100] }, batchOctets, 5040},
		"over by far": {func(ref uint64) int { return 3 * batchOctets }, 3 * batchOctets, 10_000},
		"empty":       {func(uint64) int { return 0 }, 0, 40},
	} {
		t.Run(name, func(t *testing.T) {
			box := &measuredMailbox{octets: tt.octets}
			server := &Server{}
			server.init()
			c := &conn{s: server, login: login{sel: &selection{box: box}}}
			total := uint64(10_000)
			if tt.largest > batchOctets {
				total = 50
			}
			seen := uint64(0)
			err := c.eachMessage(c.sel.box, func(yield func(imap.SeqNum, *mailbox.Row) bool) {
				for ref := range total {
					if !yield(imap.SeqNum(ref+1), &mailbox.Row{UID: imap.UID(ref + 1), Ref: ref}) {
						return
					}
				}
			}, true, func(m *openMessage) error {
				if m.row.Ref != seen || m.seq != imap.SeqNum(seen+1) || len(m.sum) < tt.octets(seen) {
					t.Fatalf("message %d came in the place of %d", m.row.Ref, seen)
				}
				seen++
				return nil
			})
			if err != nil || seen != total {
				t.Fatalf("%d messages, %v", seen, err)
			}
			if len(box.reads) > tt.maxReads {
				t.Errorf("%d reads", len(box.reads))
			}
			for i, n := range box.reads {
				if n > tt.largest {
					t.Errorf("read %d was of %d octets", i, n)
				}
			}
		})
	}
}
