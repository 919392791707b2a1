package imapwire

import (
	"strconv"
	"strings"

	"restante/imap"
)

func init() { commands.add("COPY", command{parse: parseCopy, uid: true}) }

// Copy copies messages to another mailbox (RFC 9051 §6.4.7, §6.4.9).
type Copy struct {
	UID     bool        // UID COPY: Set holds UIDs
	Set     imap.NumSet // UIDSet or SearchResult{UID: true} with UID, SeqSet or SearchResult{} without
	Mailbox string
}

// Name returns "COPY" or "UID COPY".
func (c *Copy) Name() string { return uidName(c.UID, "COPY") }

// AppendArgs appends the set and the mailbox.
func (c *Copy) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.SP()
	e.Mailbox(c.Mailbox)
}

// parseCopy parses
//
//	copy = "COPY" SP sequence-set SP mailbox
func parseCopy(l *lexer, uid bool) Command {
	c := &Copy{UID: uid}
	l.sp("copy")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("copy")
	c.Mailbox = l.mailbox("mailbox")
	return c
}

// CopyUID returns the argument of COPYUID (RFC 4315 §3). It reports false when the server did not
// say enough, or names more UIDs on one side than on the other: the command has succeeded even so.
func (r *StatusResponse) CopyUID() (imap.CopyResult, bool) {
	var res imap.CopyResult
	f := strings.Fields(r.Args)
	if r.Code != imap.CodeCopyUID || len(f) < 3 {
		return res, false
	}
	valid, err := strconv.ParseUint(f[0], 10, 32)
	src, srcLen := uidRanges(f[1])
	dst, dstLen := uidRanges(f[2])
	if err != nil || valid == 0 || srcLen == 0 || srcLen != dstLen {
		return res, false
	}
	return imap.CopyResult{UIDValidity: uint32(valid), Source: src, Dest: dst}, true
}

// uidRanges parses a set in the order in which it is written, and counts its UIDs; 0 is an error.
func uidRanges(s string) (ranges []imap.Range[imap.UID], n uint64) {
	ranges, err := imap.ParseRanges[imap.UID](s)
	if err != nil {
		return nil, 0
	}
	for _, r := range ranges {
		if r.First == 0 || r.Last == 0 {
			return nil, 0
		}
		n += uint64(max(r.First, r.Last)-min(r.First, r.Last)) + 1
	}
	return ranges, n
}

// CopyUIDArgs returns the arguments of COPYUID (RFC 4315 §3).
func CopyUIDArgs(r imap.CopyResult) string {
	b := AppendNumber(nil, r.UIDValidity)
	for _, set := range [...][]imap.Range[imap.UID]{r.Source, r.Dest} {
		sep := byte(' ')
		for _, x := range set {
			b = AppendNumber(append(b, sep), uint32(x.First))
			if x.First != x.Last {
				b = AppendNumber(append(b, ':'), uint32(x.Last))
			}
			sep = ','
		}
	}
	return string(b)
}
