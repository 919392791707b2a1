package imapwire

import (
	"bytes"
	"math"
	"strings"

	"restante/imap"
)

// SearchData is SEARCH (RFC 3501 §7.2.5) or SORT (RFC 5256 §4), which Name
// tells. Whether the numbers are UIDs is up to the command. They are in the order in which they
// came; zeros and numbers that do not fit are left out.
type SearchData struct {
	Name   string
	Nums   []uint32
	ModSeq imap.ModSeq // 0 when the server did not say (RFC 7162 §3.1.6)
}

// ESearchData is ESEARCH (RFC 9051 §7.3.4). UID says how the server
// marked the numbers; some forget to, so the command decides what they are.
type ESearchData struct {
	Tag    string // of the command, "" when the server did not say
	UID    bool
	Items  ESearchItems
	Min    uint32
	Max    uint32
	Count  uint32
	All    imap.NumSet // a UIDSet when UID, else a SeqSet; nil when nothing matches
	ModSeq imap.ModSeq
	Extra  []imap.RawItem // other return data
}

// ESearchItems is a set of ESEARCH return data.
type ESearchItems uint8

const (
	ESearchMin ESearchItems = 1 << iota
	ESearchMax
	ESearchAll
	ESearchCount
	ESearchModSeq
)

// UIDs returns All as UIDs, whatever the server called them.
func (d *ESearchData) UIDs() imap.UIDSet {
	switch s := d.All.(type) {
	case imap.UIDSet:
		return s
	case imap.SeqSet:
		return convert[imap.UID](s)
	}
	return imap.UIDSet{}
}

// Seqs returns All as sequence numbers, whatever the server called them.
func (d *ESearchData) Seqs() imap.SeqSet {
	switch s := d.All.(type) {
	case imap.SeqSet:
		return s
	case imap.UIDSet:
		return convert[imap.SeqNum](s)
	}
	return imap.SeqSet{}
}

func convert[T, F imap.Num](s imap.Set[F]) (out imap.Set[T]) {
	for _, r := range s.Ranges() {
		out.AddRange(T(r.First), T(r.Last))
	}
	return out
}

// parseNumbers is the fast path for the longest of all responses: SEARCH with nothing but numbers
// and single spaces. It returns nil for everything else.
func parseNumbers(frame []byte) Response {
	const prefix = "* SEARCH"
	if len(frame) < len(prefix) || string(frame[:len(prefix)]) != prefix {
		return nil
	}
	rest := bytes.TrimRight(frame[len(prefix):], "\r\n ")
	d := &SearchData{Name: "SEARCH"}
	if len(rest) == 0 {
		return d
	}
	if rest[0] != ' ' {
		return nil
	}
	nums := make([]uint32, 0, bytes.Count(rest, []byte(" ")))
	for i := 0; i < len(rest); {
		if i++; i == len(rest) { // the space
			return nil
		}
		n := uint64(rest[i] - '0')
		if n > 9 || n == 0 {
			return nil
		}
		start := i
		for i++; i < len(rest); i++ {
			c := rest[i] - '0'
			if c > 9 {
				break
			}
			n = n*10 + uint64(c)
		}
		if n > math.MaxUint32 || i-start > 10 || i < len(rest) && rest[i] != ' ' {
			return nil
		}
		nums = append(nums, uint32(n))
	}
	d.Nums = nums
	return d
}

// search parses
//
//	"SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]
func (p *scanner) search(name string) Response {
	d := &SearchData{Name: name}
	for {
		p.space()
		switch {
		case p.atEnd():
			return d
		case p.take('('):
			if !strings.EqualFold(p.word(), "MODSEQ") {
				return nil
			}
			n, ok := p.number()
			if !ok || !p.take(')') {
				return nil
			}
			d.ModSeq = imap.ModSeq(max(n, 0))
			continue
		case p.null():
			p.defect("NIL for an empty list", "NIL")
			continue
		}
		start := p.i
		n, ok := p.number32()
		switch {
		case p.i == start:
			return nil
		case ok && n > 0:
			d.Nums = append(d.Nums, n)
		default:
			p.defect("not a message number", p.near(start))
		}
	}
}

// esearch parses
//
//	esearch-response   = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
//	search-correlator  = SP "(" "TAG" SP tag-string ")"
//	search-return-data = "MIN" SP nz-number / "MAX" SP nz-number / "ALL" SP sequence-set /
//	                     "COUNT" SP number / search-ret-data-ext
func (p *scanner) esearch(string) Response {
	d := &ESearchData{}
	// Some servers put the return data in parentheses; the words tell what is what.
	for {
		p.space()
		switch {
		case p.atEnd():
			return d
		case p.peek() == '(' || p.peek() == ')':
			p.i++
			continue
		}
		name := strings.ToUpper(p.word())
		ok := true
		switch name {
		case "":
			return nil
		case "TAG":
			d.Tag, ok = p.astring()
		case "UID":
			d.UID = true
		case "MIN":
			ok = p.esearchNumber(d, ESearchMin, &d.Min)
		case "MAX":
			ok = p.esearchNumber(d, ESearchMax, &d.Max)
		case "COUNT":
			ok = p.esearchNumber(d, ESearchCount, &d.Count)
		case "MODSEQ":
			var n int64
			paren := p.take('(')
			if n, ok = p.number(); n > 0 {
				d.ModSeq, d.Items = imap.ModSeq(n), d.Items|ESearchModSeq
			}
			if paren {
				p.take(')')
			}
		case "ALL":
			p.esearchAll(d)
		default:
			p.space()
			start := p.i
			ok = p.skip()
			d.Extra = append(d.Extra, imap.RawItem{Name: name, Value: p.s[start:p.i]})
		}
		if !ok {
			return nil
		}
	}
}

func (p *scanner) esearchNumber(d *ESearchData, item ESearchItems, v *uint32) bool {
	start := p.mark()
	n, ok := p.number32()
	if ok {
		*v, d.Items = n, d.Items|item
	}
	return ok || p.i > start.i // too big or NIL: not known
}

func (p *scanner) esearchAll(d *ESearchData) {
	d.Items |= ESearchAll
	if p.null() {
		p.defect("NIL for an empty set", "NIL")
		return
	}
	if d.UID {
		if s := parseSet[imap.UID](p); !s.Empty() {
			d.All = s
		}
	} else if s := parseSet[imap.SeqNum](p); !s.Empty() {
		d.All = s
	}
}

// parseSet reads a sequence-set. What is wrong in it is left out: "*", zeros, numbers that do not
// fit, empty places.
func parseSet[T imap.Num](p *scanner) (out imap.Set[T]) {
	p.space()
	start, wrong := p.i, false
	next := func() (T, bool) {
		n, from := uint64(0), p.i
		for p.i < len(p.s) && p.s[p.i]-'0' < 10 {
			n = min(n*10+uint64(p.s[p.i]-'0'), 1<<40)
			p.i++
		}
		return T(n), p.i > from && n > 0 && n <= math.MaxUint32
	}
	for p.i < len(p.s) && !stop(p.s[p.i]) {
		a, ok := next()
		b := a
		if p.peek() == ':' {
			p.i++
			var ok2 bool
			b, ok2 = next()
			ok = ok && ok2
		}
		switch c := p.peek(); {
		case !ok || c != ',' && !(c == 0 || stop(c)):
			wrong = true
			for p.i < len(p.s) && p.s[p.i] != ',' && !stop(p.s[p.i]) {
				p.i++
			}
		default:
			out.AddRange(a, b)
		}
		if p.peek() == ',' {
			p.i++
		}
	}
	if wrong {
		p.defect("bad sequence set", p.near(start))
	}
	return out
}
