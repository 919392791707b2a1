package imapwire

import "restante/imap"

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
	Sorted []uint32    // ALL in the place of All, for AppendESearch: in an order of its own (RFC 5267 §3.2)
	ModSeq imap.ModSeq
	// Mailbox and UIDValidity tell which mailbox was searched (RFC 7377 §2.1); "" when the server did not say.
	Mailbox     string
	UIDValidity uint32
	UTF8        bool // for AppendESearch: Mailbox is sent in UTF-8, not in modified UTF-7

	Values imap.Values    // return data of extensions
	Extra  []imap.RawItem // return data that no file registers
}

func (*ESearchData) response() {}

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

// esearchItems are the return data of ESEARCH: functions that parse the value of one. The file of
// an extension adds its own, with a value in ESearchData.Values; what is not registered is kept in
// ESearchData.Extra.
var esearchItems table[func(p *scanner, d *ESearchData) bool]

func init() {
	responses.add("ESEARCH", (*scanner).esearch)
	esearchItems.add("MIN", func(p *scanner, d *ESearchData) bool { return p.esearchNumber(d, ESearchMin, &d.Min) })
	esearchItems.add("MAX", func(p *scanner, d *ESearchData) bool { return p.esearchNumber(d, ESearchMax, &d.Max) })
	esearchItems.add("COUNT", func(p *scanner, d *ESearchData) bool { return p.esearchNumber(d, ESearchCount, &d.Count) })
	esearchItems.add("ALL", (*scanner).esearchAll)
	esearchItems.add("MODSEQ", (*scanner).esearchModSeq)
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
		name := upperString(p.word())
		ok := true
		switch parse := esearchItems.find(name); {
		case name == "":
			return nil
		case name == "TAG":
			d.Tag, ok = p.astring()
		case name == "UID":
			d.UID = true
		case parse != nil:
			ok = (*parse)(p, d)
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

func (p *scanner) esearchAll(d *ESearchData) bool {
	d.Items |= ESearchAll
	if p.null() {
		p.defect("NIL for an empty set", "NIL")
		return true
	}
	if d.UID {
		if s := parseSet[imap.UID](p); !s.Empty() {
			d.All = s
		}
	} else if s := parseSet[imap.SeqNum](p); !s.Empty() {
		d.All = s
	}
	return true
}

func (p *scanner) esearchModSeq(d *ESearchData) bool {
	paren := p.take('(')
	n, ok := p.number()
	if n > 0 {
		d.ModSeq, d.Items = imap.ModSeq(n), d.Items|ESearchModSeq
	}
	if paren {
		p.take(')')
	}
	return ok
}

// AppendESearch appends ESEARCH (RFC 9051 §7.3.4) with the return data in d.Items. ALL is left out
// when nothing matches, as the RFC wants.
func AppendESearch(dst []byte, d *ESearchData) []byte {
	dst = append(dst, "* ESEARCH"...)
	if d.Tag != "" {
		dst = AppendString(append(dst, " (TAG "...), d.Tag)
		if d.Mailbox != "" {
			dst = AppendMailbox(append(dst, " MAILBOX "...), d.Mailbox, d.UTF8)
			dst = AppendNumber(append(dst, " UIDVALIDITY "...), d.UIDValidity)
		}
		dst = append(dst, ')')
	}
	if d.UID {
		dst = append(dst, " UID"...)
	}
	if d.Items&ESearchMin != 0 {
		dst = AppendNumber(append(dst, " MIN "...), d.Min)
	}
	if d.Items&ESearchMax != 0 {
		dst = AppendNumber(append(dst, " MAX "...), d.Max)
	}
	if d.Items&ESearchCount != 0 {
		dst = AppendNumber(append(dst, " COUNT "...), d.Count)
	}
	if d.Items&ESearchAll != 0 && d.All != nil {
		n := len(dst)
		dst = append(dst, " ALL "...)
		from := len(dst)
		if dst = d.All.AppendTo(dst); len(dst) == from {
			dst = dst[:n]
		}
	}
	if d.Items&ESearchAll != 0 && len(d.Sorted) > 0 {
		dst = AppendSorted(append(dst, " ALL "...), d.Sorted)
	}
	if d.Items&ESearchModSeq != 0 {
		dst = AppendNumber(append(dst, " MODSEQ "...), d.ModSeq)
	}
	for _, x := range d.Extra {
		dst = append(append(append(dst, ' '), x.Name...), ' ')
		dst = append(dst, x.Value...)
	}
	return appendCRLF(dst)
}

// AppendSorted appends numbers as a sequence-set that keeps their order: ranges are ascending
// (RFC 5267 §3.2).
func AppendSorted(dst []byte, nums []uint32) []byte {
	for i := 0; i < len(nums); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendNumber(dst, nums[i])
		first := i
		for i+1 < len(nums) && nums[i+1] == nums[i]+1 {
			i++
		}
		if i > first {
			dst = AppendNumber(append(dst, ':'), nums[i])
		}
	}
	return dst
}
