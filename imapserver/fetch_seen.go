package imapserver

import (
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// seenMarker sets \Seen on what a FETCH reads (RFC 9051 §6.4.5): on what is written, and on nothing
// else. A client whose line breaks has not read what comes behind.
//
// Responses tell the new flags as if they were set already, and stay in the output buffer. When it
// is full, or a body is about to be written past it, the messages whose responses are in it are
// marked, all in one change, and then it is sent. So no more is marked without having been handed
// to the socket than what fits the buffer. When the change fails, the responses are taken back.
type seenMarker struct {
	c       *conn
	current imap.UID    // is being answered, and has to be marked; 0: none
	written imap.UIDSet // their responses are in the buffer, they have to be marked
	start   int         // where in the buffer the first of them begins
	marked  imap.UIDSet // have been marked; what else has changed is not told yet
	err     error       // why messages could not be marked: the command fails
}

// begin is called before a message is answered. It gives the message the flags of this moment, those
// of before may be older than what the client has been told meanwhile, and reports whether it
// becomes \Seen.
func (s *seenMarker) begin(m *openMessage) bool {
	view := s.c.sel.view
	if _, row, ok := view.Find(m.row.UID); ok {
		m.row = row
	}
	// What has been expunged cannot be marked any more.
	if m.row.Flags&mailbox.BitSeen != 0 || view.Ghosts().Contains(m.row.UID) {
		return false
	}
	if s.written.Empty() {
		s.start = len(s.c.out)
	}
	s.current = m.row.UID
	m.row.Flags |= mailbox.BitSeen
	return true
}

// leaveOut is called when the response of the message has been taken back.
func (s *seenMarker) leaveOut() { s.current = 0 }

// room is called behind a response. When the buffer is full, it marks what is in it and sends it.
func (s *seenMarker) room() error {
	s.answered()
	if len(s.c.out) < flushAt && s.marked.Empty() {
		return nil
	}
	if err := s.finish(); err != nil {
		return err
	}
	return s.c.room()
}

// answered adds the message that has been answered, or is being, to what has to be marked.
func (s *seenMarker) answered() {
	if s.current != 0 {
		s.written.Add(s.current)
		s.current = 0
	}
}

// mark marks the messages whose responses are in the buffer. It may be called in the middle of a
// response, so it tells the client nothing.
func (s *seenMarker) mark() error {
	s.answered()
	if s.written.Empty() {
		return nil
	}
	uids := s.written
	s.written = imap.UIDSet{}
	op := &store.StoreFlags{Mailbox: s.c.sel.box.Ref(), UIDs: uids, Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}}
	if _, err := s.c.change(op); err != nil {
		s.c.out = s.c.out[:s.start]
		s.err = err
		return err
	}
	s.marked = s.marked.Union(uids)
	return nil
}

// finish marks what has not been marked yet and tells what else has changed: of messages that the
// responses in front did not tell truly, and of others. Numbers must not change in the middle of an
// answer, so nothing is expunged.
func (s *seenMarker) finish() error {
	if s.c.writeErr != nil || s.err != nil {
		return nil
	}
	if err := s.mark(); err != nil || s.marked.Empty() {
		return err
	}
	marked := s.marked
	s.marked = imap.UIDSet{}
	comparable := s.c.keywordsStay()
	seen := mailbox.FlagSet{Bits: mailbox.BitSeen}
	return s.c.syncTelling(true, func(x mailbox.Changed, last, next *mailbox.Version) telling {
		if !s.c.condStore() && comparable && mailbox.IsStore(last, x.Old, next, x.Row, imap.StoreAdd, seen) && marked.Contains(x.Row.UID) {
			return tellNothing
		}
		return tellFlags
	})
}
