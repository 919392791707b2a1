package pgstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// A hint tells other machines where something has changed, after it was committed. It may be lost:
// what it says is found out by look, too.
type hint struct {
	names []store.AccountID // whose names have changed
	boxes []boxHint
}

type boxHint struct {
	ref    store.Ref
	modseq imap.ModSeq
}

// transport carries hints to all machines of a cell, this one perhaps too.
type transport interface {
	// publish sends octets, at most maxHints; it does not wait for anybody.
	publish(octets []byte) error
	// close ends it; nothing is received afterwards.
	close()
}

// maxHints is how many octets of hints travel together: in base64 less than a notification of
// PostgreSQL may have.
const maxHints = 5900

// hints gathers what changes here, and looks at what others say has changed.
type hints struct {
	cell      *cell
	transport transport
	// reconnected has an element after the transport was interrupted: hints may have been lost.
	reconnected chan struct{}
	ctx         context.Context
	sending     sync.WaitGroup
	running     sync.WaitGroup // what was heard and is being looked at
	wake        chan struct{}

	mu struct {
		sync.Mutex
		names map[store.AccountID]struct{}
		boxes map[store.Ref]imap.ModSeq
	}
	refreshing struct {
		sync.Mutex
		closed bool
		boxes  map[*box]bool // true: again, when it is done
	}
}

// openHints begins to listen.
func openHints(ctx context.Context, c *cell, servers string) (*hints, error) {
	h := &hints{cell: c, reconnected: make(chan struct{}, 1), ctx: ctx, wake: make(chan struct{}, 1)}
	h.mu.names, h.mu.boxes = map[store.AccountID]struct{}{}, map[store.Ref]imap.ModSeq{}
	h.refreshing.boxes = map[*box]bool{}
	var err error
	if servers != "" {
		h.transport, err = openNATS(h, servers)
	} else {
		h.transport, err = openNotifications(ctx, h)
	}
	if err != nil {
		return nil, err
	}
	h.sending.Go(h.run)
	return h, nil
}

func (h *hints) close() {
	h.sending.Wait()
	h.transport.close()
	h.endLooking()
	h.running.Wait()
}

func (h *hints) endLooking() {
	h.refreshing.Lock()
	defer h.refreshing.Unlock()
	h.refreshing.closed = true
}

// look does what has to be done about a hint, unless the cell is closed: a transport may still have
// some.
func (h *hints) look(f func()) {
	h.refreshing.Lock()
	defer h.refreshing.Unlock()
	if !h.refreshing.closed {
		h.running.Go(f)
	}
}

// lost is called by a transport when it was interrupted.
func (h *hints) lost() { ring(h.reconnected) }

// send tells others, soon: what changes meanwhile goes with it.
func (h *hints) send(x hint) {
	h.mu.Lock()
	for _, id := range x.names {
		h.mu.names[id] = struct{}{}
	}
	for _, b := range x.boxes {
		h.mu.boxes[b.ref] = max(h.mu.boxes[b.ref], b.modseq)
	}
	h.mu.Unlock()
	ring(h.wake)
}

// take returns the next octets to send, nil when there is nothing.
func (h *hints) take() (octets []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.mu.names {
		if len(octets)+hintOctets > maxHints {
			return octets
		}
		octets = appendHint(octets, boxHint{ref: store.Ref{Account: id}})
		delete(h.mu.names, id)
	}
	for ref, modseq := range h.mu.boxes {
		if len(octets)+hintOctets > maxHints {
			return octets
		}
		octets = appendHint(octets, boxHint{ref, modseq})
		delete(h.mu.boxes, ref)
	}
	return octets
}

// run sends what has changed. While one message is on its way the next one gathers.
func (h *hints) run() {
	for {
		select {
		case <-h.wake:
			h.publish()
		case <-h.ctx.Done():
			h.publish() // whoever closes the store has perhaps just changed something
			return
		}
	}
}

func (h *hints) publish() {
	for octets := h.take(); octets != nil; octets = h.take() {
		if err := h.transport.publish(octets); err != nil && h.ctx.Err() == nil {
			h.cell.log.Warn("telling other machines what has changed", "err", err)
		}
	}
}

// hintOctets is what one hint takes: account, mailbox (0: names), mod-sequence.
const hintOctets = 24

func appendHint(dst []byte, b boxHint) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.ref.Account))
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.ref.Mailbox))
	return binary.BigEndian.AppendUint64(dst, uint64(b.modseq))
}

var errBadHint = errors.New("pgstore: another machine has sent something that is no hint")

// received is called by a transport with what was sent by whatever machine. It does not wait.
func (h *hints) received(octets []byte) {
	if len(octets)%hintOctets != 0 {
		h.cell.log.Warn("hint", "err", errBadHint)
		return
	}
	for ; len(octets) > 0; octets = octets[hintOctets:] {
		b := boxHint{store.Ref{Account: store.AccountID(binary.BigEndian.Uint64(octets)), Mailbox: mailbox.ID(binary.BigEndian.Uint64(octets[8:]))},
			imap.ModSeq(binary.BigEndian.Uint64(octets[16:]))}
		h.heard(b)
	}
}

// heard looks at what has changed, if anybody here has it open.
func (h *hints) heard(b boxHint) {
	c := h.cell
	if b.ref.Mailbox == 0 {
		if a := c.knownAccount(b.ref.Account); a != nil && a.cur.Load() != nil {
			h.look(func() {
				if err := a.refresh(h.ctx); err != nil && h.ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrMoved) {
					c.log.Warn("reading names that another machine has changed", "err", err)
				}
			})
		}
		return
	}
	box := c.openedBox(b.ref)
	if box == nil {
		c.noteChanged(b.ref.Account, b.ref.Mailbox, b.modseq)
		return
	}
	// One that is just being read may be read as it was before.
	if k := box.cur.Load(); k != nil && k.version.HighestModSeq >= b.modseq || !h.beginRefresh(box) {
		c.release(box)
		return
	}
	h.look(func() {
		defer c.release(box)
		for again := true; again; again = h.endRefresh(box) {
			if err := box.refresh(h.ctx); err != nil && h.ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) {
				c.log.Warn("reading what another machine has changed", "err", err)
			}
		}
	})
}

// beginRefresh reports whether nobody reads the mailbox yet; whoever does is told to do it again.
func (h *hints) beginRefresh(b *box) bool {
	h.refreshing.Lock()
	defer h.refreshing.Unlock()
	if _, busy := h.refreshing.boxes[b]; busy {
		h.refreshing.boxes[b] = true
		return false
	}
	h.refreshing.boxes[b] = false
	return true
}

func (h *hints) endRefresh(b *box) (again bool) {
	h.refreshing.Lock()
	defer h.refreshing.Unlock()
	if again = h.refreshing.boxes[b]; again && h.ctx.Err() == nil {
		h.refreshing.boxes[b] = false
		return true
	}
	delete(h.refreshing.boxes, b)
	return false
}

// channel is what hints of a cell are published under.
func (c *cell) channel() string {
	return "restante_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(c.name+"_"+c.db.place()))
}

// reconnectPause is how long a transport waits before it connects again.
const reconnectPause = 500 * time.Millisecond

func badHints(err error) error { return fmt.Errorf("pgstore: listening to other machines: %w", err) }
