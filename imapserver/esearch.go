package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

// esearchExtension is SEARCH RETURN (MIN MAX ALL COUNT).
var esearchExtension = extension{
	name: "ESEARCH", rfc: "RFC 4731",
	capabilities: afterLogin(string(imap.CapESearch)),
}

// answerESearch is the answer of IMAP4rev2 and to RETURN (RFC 9051 §7.3.4). SAVE alone asks for
// none (RFC 5182 §2.1).
func (c *conn) answerESearch(cmd *imapwire.Search, hits []hit) {
	ret := imapwire.SearchReturn{All: true}
	if cmd.Return != nil {
		if ret = *cmd.Return; ret == (imapwire.SearchReturn{Save: true}) {
			return
		}
		if ret == (imapwire.SearchReturn{}) {
			ret.All = true
		}
	}
	d := imapwire.ESearchData{Tag: c.tag, UID: cmd.UID, Count: uint32(len(hits))}
	if ret.Count {
		d.Items |= imapwire.ESearchCount
	}
	if len(hits) > 0 {
		first, last := hits[0], hits[len(hits)-1]
		if d.Min, d.Max = uint32(first.seq), uint32(last.seq); cmd.UID {
			d.Min, d.Max = uint32(first.uid), uint32(last.uid)
		}
		if ret.Min {
			d.Items |= imapwire.ESearchMin
		}
		if ret.Max {
			d.Items |= imapwire.ESearchMax
		}
		if ret.All {
			d.Items |= imapwire.ESearchAll
			d.All = numbers(hits, cmd.UID)
		}
	}
	c.out = imapwire.AppendESearch(c.out, &d)
}

func numbers(hits []hit, uid bool) imap.NumSet {
	if uid {
		return uids(hits)
	}
	var s imap.SeqSet
	for i := range hits {
		s.Add(hits[i].seq)
	}
	return s
}

func uids(hits []hit) (s imap.UIDSet) {
	for i := range hits {
		s.Add(hits[i].uid)
	}
	return s
}
