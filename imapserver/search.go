package imapserver

import (
	"errors"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/internal/charset"
	"restante/mailbox"
)

// runSearch is SEARCH and UID SEARCH, RFC 9051 §6.4.4, with the result options of RFC 4731 and
// RFC 5182.
func runSearch(c *conn, cmd *imapwire.Search) error {
	save := cmd.Return != nil && cmd.Return.Save
	hits, err := c.search(cmd)
	if err != nil {
		if save {
			c.searchRes = imap.UIDSet{} // RFC 5182 §2.1
		}
		return err
	}
	if save {
		c.searchRes = saved(cmd.Return, hits)
	}
	if cmd.Return == nil && !c.rev2 {
		return c.answerSearch(cmd.UID, hits)
	}
	c.answerESearch(cmd, hits)
	return nil
}

// hit is a message that was found.
type hit struct {
	seq imap.SeqNum
	uid imap.UID
}

// answerSearch is the answer of IMAP4rev1 (RFC 3501 §7.2.5).
func (c *conn) answerSearch(uid bool, hits []hit) error {
	c.acquire(true)
	c.out = append(c.out, "* SEARCH"...)
	for i := range hits {
		n := uint32(hits[i].seq)
		if uid {
			n = uint32(hits[i].uid)
		}
		c.out = imapwire.AppendNumber(append(c.out, ' '), n)
		if err := c.room(); err != nil {
			return err
		}
	}
	c.out = append(c.out, "\r\n"...)
	return nil
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

// saved returns what "$" is after a search: with MIN or MAX, and neither ALL nor COUNT, only what
// they found (RFC 5182 §2.4).
func saved(ret *imapwire.SearchReturn, hits []hit) (s imap.UIDSet) {
	if ret.All || ret.Count || !ret.Min && !ret.Max {
		return uids(hits)
	}
	if len(hits) > 0 && ret.Min {
		s.Add(hits[0].uid)
	}
	if len(hits) > 0 && ret.Max {
		s.Add(hits[len(hits)-1].uid)
	}
	return s
}

// search finds the messages that match, in order.
func (c *conn) search(cmd *imapwire.Search) ([]hit, error) {
	decode, err := textDecoder(cmd.Charset)
	if err != nil {
		return nil, err
	}
	p := program{c: c, decode: decode}
	root, err := p.compile(&cmd.Key)
	if err != nil {
		return nil, err
	}
	defer p.msg.close()
	p.msg.c = c

	var hits []hit
	batch := make([]mailbox.Numbered, 0, fetchBatch)
	var refs []uint64
	var buf []byte
	var sums [][]byte
	run := func() error {
		if len(batch) == 0 {
			return nil
		}
		refs, sums = refs[:0], sums[:0]
		for i := range batch {
			refs, sums = append(refs, batch[i].Row.Ref), append(sums, nil)
		}
		var err error
		if buf, err = c.sel.box.Summaries(c.ctx, refs, buf[:0], sums); err != nil {
			return err
		}
		for i := range batch {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			p.msg.reset(&batch[i])
			p.msg.sum = sums[i]
			ok, err := root.match(&p.msg)
			if err != nil && !errors.Is(err, errSkip) {
				return err
			}
			if ok && err == nil {
				hits = append(hits, hit{batch[i].Seq, batch[i].Row.UID})
			}
		}
		batch = batch[:0]
		return nil
	}
	cheap, costly := root.split()
	for seq, r := range c.sel.view.Rows() {
		if cheap != nil {
			p.msg.seq, p.msg.row = seq, *r
			if ok, err := cheap.match(&p.msg); err != nil || !ok {
				continue
			}
		}
		if costly == nil {
			hits = append(hits, hit{seq, r.UID})
			continue
		}
		if batch = append(batch, mailbox.Numbered{Seq: seq, Row: *r}); len(batch) == fetchBatch {
			if err := run(); err != nil {
				return nil, err
			}
		}
	}
	return hits, run()
}

// textDecoder returns what turns the search strings of a charset into UTF-8 (RFC 9051 §6.4.4).
func textDecoder(label string) (func(string) (string, error), error) {
	plain := func(s string) (string, error) { return s, nil }
	if label == "" || strings.EqualFold(label, "US-ASCII") || strings.EqualFold(label, "UTF-8") {
		return plain, nil
	}
	if !charset.Known(label) {
		return nil, &failure{"NO", reply{code: imap.CodeBadCharset, args: "(US-ASCII UTF-8)", text: "Unknown charset"}}
	}
	return func(s string) (string, error) {
		out, ok := charset.Decode(label, []byte(s))
		if !ok {
			return "", bad("A search string is not valid in its charset")
		}
		return out, nil
	}, nil
}
