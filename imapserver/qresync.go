package imapserver

import (
	"errors"
	"slices"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// qResyncExtension tells a client that comes back what has happened meanwhile.
var qResyncExtension = extension{
	name: "QRESYNC", rfc: "RFC 7162",
	capabilities:   afterLogin(string(imap.CapQResync)), // beside CONDSTORE: RFC 7162 §3.2.2
	enables:        imap.CapQResync,
	implies:        []imap.Cap{imap.CapCondStore},
	selectParams:   map[string]selectParam{"QRESYNC": selectQResync},
	fetchModifiers: map[string]fetchModifier{"VANISHED": fetchVanished},
}

// qResync reports whether the client is told of removed messages by VANISHED, and by HIGHESTMODSEQ up to
// where it knows everything.
func (c *conn) qResync() bool { return c.enabled.has(imap.CapQResync) }

// errNotEnabled answers what is only for clients that have enabled QRESYNC (RFC 7162 §3.2.3).
var errNotEnabled = bad("ENABLE QRESYNC first")

// selectQResync is the parameter QRESYNC of SELECT and EXAMINE (RFC 7162 §3.2.5).
func selectQResync(c *conn, param imapwire.Option) (func() error, error) {
	known := param.(*imapwire.QResync)
	switch {
	case !c.qResync():
		return nil, errNotEnabled
	case c.uidOnly() && !known.MatchSeqs.Empty():
		return nil, errUIDRequired // RFC 9586 §3.7
	}
	return func() error { return c.resync(known) }, nil
}

// resync tells what has happened since the client had the mailbox selected: first what is gone, then
// what has changed or is new.
func (c *conn) resync(known *imapwire.QResync) error {
	view := c.sel.view
	if known.UIDValidity != view.UIDValidity || view.UIDNext == 1 {
		return nil // another mailbox, or one that never had a message
	}
	uids := known.Known
	if uids.Empty() {
		uids = imap.UIDRange(1, view.UIDNext-1)
	}
	gone, err := c.vanishedSince(known.ModSeq, uids.Minus(matching(view, known)))
	if err != nil {
		return err
	}
	if err := c.appendVanished(gone, true); err != nil {
		return err
	}
	for seq, row := range view.ChangedSince(known.ModSeq) {
		if !uids.Contains(row.UID) {
			continue
		}
		if err := c.next(1); err != nil {
			return err
		}
		c.appendFetchFlags(seq, row, true, false)
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// matching returns the UIDs below which the client knows what is gone: those up to the last message of
// which it knows the right number (RFC 7162 §3.2.5.2).
func matching(view *mailbox.Version, known *imapwire.QResync) imap.UIDSet {
	seqs, uids := slices.Clone(known.MatchSeqs.Ranges()), slices.Clone(known.MatchUIDs.Ranges())
	last := imap.UID(0)
	for len(seqs) > 0 && len(uids) > 0 && int(seqs[0].First) <= view.Len() {
		s, u := &seqs[0], &uids[0]
		n := min(int(s.Last-s.First), int(u.Last-u.First)) // one less than how many go together
		last = max(last, lastMatch(view, s.First, u.First, min(n, view.Len()-int(s.First))))
		if int(s.Last-s.First) == n {
			seqs = seqs[1:]
		} else {
			s.First += imap.SeqNum(n) + 1
		}
		if int(u.Last-u.First) == n {
			uids = uids[1:]
		} else {
			u.First += imap.UID(n) + 1
		}
	}
	if last == 0 {
		return imap.UIDSet{}
	}
	return imap.UIDRange(1, last)
}

// lastMatch returns the highest UID from uid to uid+n whose message has the number that is as far from
// seq; 0: none. UIDs grow at least as fast as numbers, so those that are not too high come first.
func lastMatch(view *mailbox.Version, seq imap.SeqNum, uid imap.UID, n int) imap.UID {
	low, high := 0, n+1 // below low they are not too high, from high on they are
	for low < high {
		middle := (low + high) / 2
		if view.At(seq+imap.SeqNum(middle)).UID <= uid+imap.UID(middle) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low > 0 {
		if last := uid + imap.UID(low-1); view.At(seq+imap.SeqNum(low-1)).UID == last {
			return last
		}
	}
	return 0
}

// vanishedSince is what VANISHED (EARLIER) tells (RFC 7162 §3.2.10.1). It returns which UIDs of a set have been removed after a mod-sequence, and with those of
// which it is not known any more when they were all that do not exist (RFC 7162 §3.2.6). What the
// session's view has is not among them, and neither is what came later.
func (c *conn) vanishedSince(since imap.ModSeq, known imap.UIDSet) (gone imap.UIDSet, err error) {
	view := c.sel.view
	known = known.Resolve(view.UIDNext - 1)
	if known.Empty() || since >= view.HighestModSeq {
		return imap.UIDSet{}, nil
	}
	if since >= view.HistorySince() {
		gone = view.Vanished(since)
	} else {
		changes, err := c.sel.box.Changes(c.ctx, since)
		switch {
		case errors.Is(err, store.ErrTooOld):
			gone = known
		case err != nil:
			return gone, err
		default:
			gone = changes.Vanished()
		}
	}
	gone = gone.Intersect(known)
	return gone.Minus(view.Existing(gone)), nil
}

// fetchVanished is the modifier VANISHED of UID FETCH (RFC 7162 §3.2.6).
func fetchVanished(f *fetcher, _ imapwire.Option) error {
	since, ok := optionNamed(f.cmd.Modifiers, "CHANGEDSINCE").(*imapwire.ChangedSince)
	switch {
	case !f.cmd.UID:
		return bad("VANISHED is for UID FETCH")
	case !f.c.qResync():
		return errNotEnabled
	case !ok:
		return bad("VANISHED needs CHANGEDSINCE")
	}
	known := f.c.searchRes
	if set, ok := f.cmd.Set.(imap.UIDSet); ok {
		known = set
	}
	f.before = append(f.before, func() error {
		gone, err := f.c.vanishedSince(since.ModSeq, known)
		if err != nil {
			return err
		}
		return f.c.appendVanished(gone, true)
	})
	return nil
}

// maxVanished is about how many octets of UIDs one VANISHED has: clients limit their lines, too.
const maxVanished = 8000

// appendVanished tells which messages are gone, in as many responses as it takes.
func (c *conn) appendVanished(gone imap.UIDSet, earlier bool) error {
	for part := range gone.Chunks(maxVanished) {
		c.out = imapwire.AppendVanished(c.out, part, earlier)
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// tellHighestModSeq tells a client with QRESYNC at the end of a command up to where it knows everything,
// when the responses have not told it that: more than they seem to say when messages are gone, as in
// the answer of EXPUNGE (RFC 7162 §3.2.7), and less while it could not be told that they are
// (RFC 7162 §3.2). While no command is in progress there is no tagged response to tell it by.
func (c *conn) tellHighestModSeq(tagged bool) {
	sel := c.sel
	vanished := sel.vanished
	sel.vanished = false
	switch {
	case !c.qResync():
	case sel.told < sel.view.HighestModSeq:
		c.appendHighestModSeq(sel.told)
	case vanished && tagged && c.completion.code == "":
		c.completion.code, c.completion.args = imap.CodeHighestModSeq, imapwire.ModSeqArgs(sel.told)
	case vanished:
		c.appendHighestModSeq(sel.told)
	}
}
