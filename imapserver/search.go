package imapserver

import (
	"cmp"
	"errors"
	"iter"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/internal/charset"
	"restante/mailbox"
)

// runSearch is SEARCH and UID SEARCH, RFC 9051 §6.4.4.
func runSearch(c *conn, cmd *imapwire.Search) error {
	returns, err := c.searchReturns(cmd)
	if err != nil {
		return err
	}
	hits, err := c.search(cmd)
	for _, r := range returns {
		if r.done != nil {
			r.done(c, cmd, nil, hits, err)
		}
	}
	switch {
	case err != nil:
		return err
	case cmd.Return == nil && !c.rev2():
		return c.answerSearch(cmd, hits)
	}
	c.answerESearch(c.sel, cmd, &imapwire.ESearchData{Tag: c.tag, UID: cmd.UID}, returns, hits)
	return nil
}

// answerSearch is the answer of IMAP4rev1 (RFC 3501 §7.2.5).
func (c *conn) answerSearch(cmd *imapwire.Search, hits []searchHit) error {
	c.acquire(true)
	c.out = append(c.out, "* SEARCH"...)
	for i := range hits {
		c.out = imapwire.AppendNumber(append(c.out, ' '), hits[i].number(cmd.UID))
		if err := c.room(); err != nil {
			return err
		}
	}
	if modseq := foundModSeq(c.sel, cmd, hits); modseq != 0 {
		c.out = append(imapwire.AppendNumber(append(c.out, " (MODSEQ "...), modseq), ')')
	}
	c.out = append(c.out, "\r\n"...)
	return nil
}

// search finds the messages of the selected mailbox that match, in order.
func (c *conn) search(cmd *imapwire.Search) ([]searchHit, error) {
	p, root, err := c.compileSearch(c.sel, cmd.Charset, &cmd.Key)
	if err != nil {
		return nil, err
	}
	seen := 0 // messages that have been looked at
	c.work.progress = func() (int, int) { return seen, c.sel.view.Len() }
	defer func() { c.work.progress = nil }()
	return p.find(root, c.sel.view.Rows(), &seen)
}

// compileSearch compiles the keys of a search in a mailbox.
func (c *conn) compileSearch(sel *selection, charset string, key *imap.SearchKey) (p *searchCompiler, root criterion, err error) {
	decode, err := textDecoder(charset)
	if err != nil {
		return nil, root, err
	}
	p = &searchCompiler{c: c, sel: sel, decode: decode, now: c.s.now()}
	if root, err = p.compile(key); err == nil {
		err = p.check()
	}
	return p, root, err
}

// find returns those of the messages that match, in their order. In seen stands the number of the last
// that has been looked at.
func (p *searchCompiler) find(root criterion, rows iter.Seq2[imap.SeqNum, *mailbox.Row], seen *int) (hits []searchHit, err error) {
	cheap, costly := root.split()
	if costly == nil {
		m := openMessage{c: p.c}
		for seq, r := range rows {
			if err := p.try(cheap); err != nil {
				return nil, err
			}
			m.seq, m.row, *seen = seq, *r, int(seq)
			if ok, err := cheap.match(&m); ok && err == nil {
				hits = append(hits, searchHit{seq, r.UID})
			}
		}
		return hits, nil
	}
	rows, stopped := p.rowsThatMatch(cheap, rows)
	err = p.c.eachMessage(p.sel.box, rows, true, func(m *openMessage) error {
		if err := p.try(costly); err != nil {
			return err
		}
		ok, err := costly.match(m)
		*seen = int(m.seq)
		switch {
		case errors.Is(err, errSkip):
			return nil
		case ok && err == nil:
			hits = append(hits, searchHit{m.seq, m.row.UID})
		}
		return err
	})
	return hits, cmp.Or(*stopped, err)
}

// rowsThatMatch yields those of the messages that meet a criterion for which their rows are enough; nil: all. When the command is to end it yields no more of them, and stopped says why.
func (p *searchCompiler) rowsThatMatch(cheap *criterion, rows iter.Seq2[imap.SeqNum, *mailbox.Row]) (matching iter.Seq2[imap.SeqNum, *mailbox.Row], stopped *error) {
	stopped = new(error)
	if cheap == nil {
		return rows, stopped
	}
	return func(yield func(imap.SeqNum, *mailbox.Row) bool) {
		m := openMessage{c: p.c}
		for seq, r := range rows {
			if *stopped = p.try(cheap); *stopped != nil {
				return
			}
			m.seq, m.row = seq, *r
			if ok, err := cheap.match(&m); ok && err == nil && !yield(seq, r) {
				return
			}
		}
	}, stopped
}

// badCharsetArgs are the character sets that BADCHARSET recommends (RFC 9051 §7.1): of those that are
// decoded, and those are all that mail is written in, one for each script.
const badCharsetArgs = "(US-ASCII UTF-8 ISO-8859-1 ISO-8859-2 ISO-8859-5 ISO-8859-6 ISO-8859-7 ISO-8859-8 ISO-8859-9 " +
	"ISO-8859-15 WINDOWS-1250 WINDOWS-1251 WINDOWS-1252 KOI8-R KOI8-U ISO-2022-JP SHIFT_JIS EUC-JP EUC-KR GB18030 BIG5)"

// textDecoder returns what turns the search strings of a charset into UTF-8 (RFC 9051 §6.4.4).
func textDecoder(label string) (func(string) (string, error), error) {
	plain := func(s string) (string, error) { return s, nil }
	if label == "" || strings.EqualFold(label, "US-ASCII") || strings.EqualFold(label, "UTF-8") {
		return plain, nil
	}
	if !charset.Known(label) {
		return nil, &failure{"NO", reply{code: imap.CodeBadCharset, args: badCharsetArgs, text: "Unknown charset"}}
	}
	return func(s string) (string, error) {
		out, ok := charset.Decode(label, []byte(s))
		if !ok {
			return "", bad("A search string is not valid in its charset")
		}
		return out, nil
	}, nil
}
