package imapclient

import (
	"context"
	"iter"
	"sync"

	"restante/imap"
)

// Stream is a command with many results.
type Stream[T any] struct {
	seq iter.Seq2[T, error] // where the results come from, when that is not just one command

	cmd   *command
	ready chan struct{} // rung when an item was queued by another leader

	// size is what an item costs while it is queued; keep makes it outlive the read buffer.
	size func(T) int64
	keep func(T)

	leading bool // the reader of the stream leads: items go to slot. Guarded by Conn.lead
	slot    T
	filled  bool

	mu struct {
		sync.Mutex
		items []T
		head  int
		bytes int64
		ended bool // nobody wants more
	}
}

func newStream[T any](cmd *command) *Stream[T] {
	s := &Stream[T]{cmd: cmd, ready: make(chan struct{}, 1)}
	cmd.full = s.full
	return s
}

// All yields the results as they arrive. Other commands may be run in the loop; what the stream
// then gets is held in memory, up to Options.BufferLimit. Leaving the loop abandons the command:
// the rest of its reply is read and dropped for up to one second or 256 KiB, then the connection
// is closed. The error, if there is one, comes last. All is for one loop.
func (s *Stream[T]) All() iter.Seq2[T, error] {
	if s.seq != nil {
		return s.seq
	}
	return func(yield func(T, error) bool) {
		var none T
		c := s.cmd.conn
		stop := context.AfterFunc(s.cmd.ctx, c.src.interrupt)
		defer stop()
		for {
			v, ok, err := s.next()
			if !ok {
				if err != nil {
					yield(none, err)
				}
				return
			}
			if !yield(v, nil) {
				s.discard()
				_ = c.abandon(s.cmd, nil)
				return
			}
		}
	}
}

// Collect reads all results into memory.
func (s *Stream[T]) Collect() ([]T, error) {
	var out []T
	for v, err := range s.All() {
		if err != nil {
			return out, err
		}
		if m, ok := any(v).(*imap.Message); ok {
			if err := m.Keep(); err != nil {
				return out, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// Close abandons a command whose results are not wanted, as leaving the loop of All does. Without
// it the results of a stream that is never read pile up, up to Options.BufferLimit.
func (s *Stream[T]) Close() {
	if s.seq != nil {
		for range s.seq {
			return
		}
		return
	}
	s.discard()
	_ = s.cmd.conn.abandon(s.cmd, nil)
}

// next returns the next item; ok is false at the end.
func (s *Stream[T]) next() (v T, ok bool, err error) {
	c, cmd := s.cmd.conn, s.cmd
	var blocked stall
	for {
		if v, ok = s.pop(); ok {
			return v, true, nil
		}
		if cmd.finished() {
			if v, ok = s.pop(); ok {
				return v, true, nil
			}
			return v, false, cmd.err
		}
		if cmd.ctx.Err() != nil {
			s.discard()
			return v, false, c.abandon(cmd, context.Cause(cmd.ctx))
		}
		select {
		case c.lead <- struct{}{}: // the rule: nobody else reads
		default:
			select {
			case <-s.ready:
				continue
			case <-cmd.done:
				continue
			case <-cmd.ctx.Done():
				continue
			case c.lead <- struct{}{}:
			}
		}
		if v, ok, err = s.readNext(); ok {
			return v, true, nil
		}
		if err == errFull { // another stream is in the way
			if err := blocked.wait(cmd); err != nil {
				return v, false, err
			}
		} else {
			blocked.clear()
		}
	}
}

// readNext leads until there is an item, and gives the lead back.
func (s *Stream[T]) readNext() (v T, ok bool, err error) {
	c := s.cmd.conn
	defer func() { <-c.lead }()
	if v, ok = s.pop(); ok { // another leader was faster
		return v, true, nil
	}
	s.leading = true
	for err == nil && !s.filled && !s.cmd.finished() && s.cmd.ctx.Err() == nil {
		err = c.step(s.messages())
	}
	s.leading = false
	c.src.clearInterrupt()
	if s.filled {
		v, ok = s.slot, true
		var none T
		s.slot, s.filled = none, false
	}
	return v, ok, err // what ended the connection, the command knows, too
}

// messages returns the stream when it is one of messages, which may lie in the read buffer.
func (s *Stream[T]) messages() *Stream[*imap.Message] {
	m, _ := any(s).(*Stream[*imap.Message])
	return m
}

// over reports whether nobody reads the stream any more.
func (s *Stream[T]) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.ended
}

// put is for the leader: it hands an item to the reader of the stream.
func (s *Stream[T]) put(v T) {
	if s.leading && !s.filled {
		s.slot, s.filled = v, true
		return
	}
	if s.keep != nil {
		s.keep(v)
	}
	s.queue(v)
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func (s *Stream[T]) queue(v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ended {
		return
	}
	s.mu.items = append(s.mu.items, v)
	s.mu.bytes += s.cost(v)
}

func (s *Stream[T]) cost(v T) int64 {
	if s.size == nil {
		return 64
	}
	return s.size(v)
}

func (s *Stream[T]) pop() (v T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &s.mu
	if q.head == len(q.items) {
		return v, false
	}
	var none T
	v, q.items[q.head] = q.items[q.head], none
	q.bytes -= s.cost(v)
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return v, true
}

// discard forgets what was not read and takes no more.
func (s *Stream[T]) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.items, s.mu.head, s.mu.bytes, s.mu.ended = nil, 0, 0, true
}

// full reports whether the stream holds as much as it may.
func (s *Stream[T]) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.bytes >= s.cmd.conn.o.BufferLimit
}

// messageCost estimates what a message takes while it waits for its reader.
func messageCost(m *imap.Message) int64 {
	n := int64(256)
	if m.Envelope != nil {
		n += 1024
	}
	if m.Structure != nil {
		n += 1024
	}
	for _, b := range m.Bodies {
		n += b.Len()
	}
	return n
}
