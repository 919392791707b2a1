package imapclient

import (
	"context"
	"errors"
	"iter"
	"time"

	"restante/imap"
)

// Event is something that happened to a mailbox that is watched.
type Event struct {
	Kind    EventKind
	Message *imap.Message // New, Changed: with UID and Flags
	Gone    imap.UIDSet   // Vanished
	Text    string        // Alert: for people to read
	Err     error         // Disconnected: why
}

// EventKind says what an Event is about.
type EventKind uint8

const (
	New          EventKind = iota // a message has arrived
	Changed                       // flags have changed
	Vanished                      // messages are gone
	Alert                         // the server has something to say to people
	Disconnected                  // the connection is lost and is made again
	Reconnected                   // it is back; what was missed follows
)

// Watch yields what happens to the mailbox until ctx ends, by IDLE or, where there is none, NOOP
// every Timeouts.Poll. It begins with looking at the UIDs and flags of all messages, which it
// keeps, 16 octets a message. A lost connection is made again for ever, with pauses that grow while
// sessions last only moments (Backoff); what happened meanwhile is found by comparing. Other commands
// may be run in the loop and beside it.
//
// An error ends it: one that trying again does not mend, unless Options.WatchForever is set;
// imap.ErrUIDValidity when UIDs mean other messages than they did, and imap.ErrNotSelected when
// another mailbox was selected.
func (mb *Mailbox) Watch(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		w := &watcher{mb: mb, ctx: ctx, yield: yield}
		pause, failures := mb.c.norm.Reconnect, 0
		for first := true; ; first = false {
			err := w.attach()
			attached := time.Now()
			if err == nil && !first {
				w.emit(Event{Kind: Reconnected})
			}
			if failures++; err == nil {
				err = w.run()
				if time.Since(attached) >= pause.Max {
					failures = 0
				}
			}
			w.detach()
			if w.stopped || ctx.Err() != nil {
				return
			}
			if !w.lost(err) {
				yield(Event{}, err)
				return
			}
			if !w.emit(Event{Kind: Disconnected, Err: err}) {
				return
			}
			if err := mb.c.sleep(ctx, pause.pause(err, failures)); err != nil {
				if ctx.Err() == nil {
					yield(Event{}, err)
				}
				return
			}
		}
	}
}

type watcher struct {
	mb      *Mailbox
	ctx     context.Context
	yield   func(Event, error) bool
	stopped bool // the loop was left
	k       *Conn
	t       *tracker
	rows    []row // what the last tracker knew
	noIdle  bool
}

func (w *watcher) emit(e Event) bool {
	if !w.stopped && w.ctx.Err() == nil {
		w.stopped = !w.yield(e, nil)
	}
	return !w.stopped
}

// lost reports whether err is one that a new connection mends.
func (w *watcher) lost(err error) bool {
	if _, _, closed := w.mb.c.state(); closed || w.mb.c.norm.Reconnect.Attempts < 0 {
		return false
	}
	var refused *imap.Error
	switch {
	case errors.Is(err, imap.ErrNotSelected), errors.Is(err, imap.ErrWouldBlock):
		return false
	case w.mb.c.norm.WatchForever:
		return true
	}
	return !permanent(err) && (!errors.As(err, &refused) || errors.Is(err, imap.ErrClosed) || refused.Kind != nil)
}

// attach makes the connection tell a tracker, and looks at the whole mailbox.
func (w *watcher) attach() error {
	var all *Stream[*imap.Message]
	err := w.mb.withConn(w.ctx, w.mb.c.connectOnce, func(k *Conn) {
		var n int
		w.k = k
		if w.t, n = k.track(w.rows); n > 0 {
			all = k.Fetch(w.ctx, imap.SeqRange(1, 0), imap.FetchUID, imap.FetchFlags)
		}
	})
	if err == nil && all != nil {
		err = w.read(all)
	}
	if err != nil {
		return err
	}
	w.t.synced()
	return nil
}

// track makes a tracker for the selected mailbox, which has n messages. Of several that watch one
// mailbox at the same time, only the last is told.
func (c *Conn) track(before []row) (t *tracker, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.sel == nil {
		return newTracker(0, before), 0 // the connection is lost; the next command will tell
	}
	t = newTracker(int(c.mu.sel.exists), before)
	c.mu.sel.tracker, c.mu.onAlert = t, t.alert
	return t, int(c.mu.sel.exists)
}

func (c *Conn) untrack(t *tracker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.sel != nil && c.mu.sel.tracker == t {
		c.mu.sel.tracker, c.mu.onAlert = nil, nil
	}
}

// detach ends what attach began, and keeps what is known.
func (w *watcher) detach() {
	if w.t == nil {
		return
	}
	if rows, complete := w.t.snapshot(); complete {
		w.rows = rows
	}
	w.k.untrack(w.t)
	w.t = nil
}

// read reads messages that the tracker is told of.
func (w *watcher) read(s *Stream[*imap.Message]) error {
	for _, err := range s.All() {
		if err != nil {
			return err
		}
	}
	return nil
}

// run yields events until the loop is left, ctx ends, or something fails.
func (w *watcher) run() error {
	for {
		some, ok := w.report()
		if !ok || w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		if some {
			continue
		}
		if err := w.next(); err != nil {
			return err
		}
	}
}

// report yields what is there to be told.
func (w *watcher) report() (some, ok bool) {
	news, changed, gone := w.t.collect()
	alerts := w.t.collectAlerts()
	for _, text := range alerts {
		w.emit(Event{Kind: Alert, Text: text})
	}
	if !gone.Empty() {
		w.emit(Event{Kind: Vanished, Gone: gone})
	}
	for _, m := range changed {
		w.emit(Event{Kind: Changed, Message: m})
	}
	for _, m := range news {
		w.emit(Event{Kind: New, Message: m})
	}
	return len(news)+len(changed)+len(alerts) > 0 || !gone.Empty(), !w.stopped
}

// next waits until there may be something to report.
func (w *watcher) next() error {
	if after, some := w.t.unknown(); some {
		var s *Stream[*imap.Message]
		err := w.with(func(k *Conn) { s = k.Fetch(w.ctx, imap.UIDRange(after+1, 0), imap.FetchFlags) })
		if err == nil {
			err = w.read(s)
		}
		if _, still := w.t.unknown(); err != nil || !still {
			return err
		}
		// The server does not tell about all of them yet.
	}
	if w.k.offers("IDLE") && !w.noIdle {
		return w.idle()
	}
	return w.poll()
}

// with is Mailbox.with on the connection that has the tracker. When there is another one by now,
// whoever made it, the mailbox has to be looked at again.
func (w *watcher) with(f func(*Conn)) error {
	if err := w.k.Err(); err != nil {
		return err
	}
	same := false
	err := w.mb.withConn(w.ctx, w.mb.c.present, func(k *Conn) {
		if same = k == w.k; same {
			f(k)
		}
	})
	if err == nil && !same {
		err = w.k.Err()
	}
	return err
}

// idle waits in IDLE until something happens.
func (w *watcher) idle() error {
	var s *Stream[Update]
	if err := w.with(func(k *Conn) { s = k.Idle(w.ctx) }); err != nil {
		return err
	}
	began, heard := time.Now(), false
	var err error
	for u, e := range s.All() {
		if err = e; err != nil {
			break
		}
		heard = true
		if u.Kind == UpdateAlert {
			w.t.alert(u.Text)
		}
		w.k.leaveIdle(s.cmd)
	}
	var refused *imap.Error
	if errors.As(err, &refused) && !errors.Is(err, imap.ErrClosed) {
		w.noIdle = true
		return w.poll()
	}
	if err == nil && !heard && !s.cmd.unwanted && time.Since(began) < time.Second {
		return w.mb.c.sleep(w.ctx, time.Second) // the server has ended it at once
	}
	return err
}

// poll waits for a while, or until other commands bring news, and asks.
func (w *watcher) poll() error {
	wait := time.NewTimer(w.mb.c.norm.Timeouts.Poll)
	defer wait.Stop()
	select {
	case <-w.t.bell:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-wait.C:
	}
	var p *Pending[struct{}]
	err := w.with(func(k *Conn) { p = k.Noop(w.ctx) })
	if err == nil {
		_, err = p.Wait()
	}
	return err
}
