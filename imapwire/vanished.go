package imapwire

import (
	"strings"

	"restante/imap"
)

func init() { responses.add("VANISHED", (*scanner).vanished) }

// VanishedData is VANISHED (RFC 7162 §3.2.10).
type VanishedData struct {
	Earlier bool
	UIDs    imap.UIDSet
}

func (*VanishedData) response() {}

// vanished parses
//
//	expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids
func (p *scanner) vanished(string) Response {
	d := &VanishedData{}
	if p.take('(') {
		d.Earlier = strings.EqualFold(p.word(), "EARLIER")
		if !p.take(')') {
			return nil
		}
	}
	d.UIDs = parseSet[imap.UID](p)
	return d
}

// AppendVanished appends VANISHED (RFC 7162 §3.2.10).
func AppendVanished(dst []byte, uids imap.UIDSet, earlier bool) []byte {
	dst = append(dst, "* VANISHED "...)
	if earlier {
		dst = append(dst, "(EARLIER) "...)
	}
	return appendCRLF(uids.AppendTo(dst))
}
