package imapwire

func init() {
	searchReturns.add("PARTIAL", parsePartial)
	fetchModifiers.add("PARTIAL", parsePartial)
}

// Partial asks for some of the messages that a SEARCH finds or that a FETCH means, by where they
// stand in the result (RFC 9394 §3.1, §3.3). The first is 1; with FromEnd the last is 1.
type Partial struct {
	First, Last uint32 // as written: the greater may come first
	FromEnd     bool   // written with a minus sign: "-1:-100"
}

// Name returns "PARTIAL".
func (*Partial) Name() string { return "PARTIAL" }

// AppendValue appends the range.
func (o *Partial) AppendValue(e *Encoder) {
	if o.First == 0 || o.Last == 0 {
		e.fail("PARTIAL: results begin with 1", "0")
	}
	e.SP()
	e.buf = o.AppendRange(e.buf)
}

// AppendRange appends the range as it was written, which is how a response repeats it.
func (o *Partial) AppendRange(dst []byte) []byte {
	sign := ""
	if o.FromEnd {
		sign = "-"
	}
	dst = AppendNumber(append(dst, sign...), o.First)
	return AppendNumber(append(append(dst, ':'), sign...), o.Last)
}

// Of returns which of n results are meant: those from index from up to, and without, index to.
func (o *Partial) Of(n int) (from, to int) {
	first, last := int64(min(o.First, o.Last)), int64(max(o.First, o.Last))
	from, to = int(min(first-1, int64(n))), int(min(last, int64(n)))
	if o.FromEnd {
		from, to = n-to, n-from
	}
	return from, to
}

// parsePartial parses
//
//	modifier-partial    = "PARTIAL" SP partial-range
//	partial-range       = partial-range-first / partial-range-last
//	partial-range-first = nz-number ":" nz-number
//	partial-range-last  = MINUS nz-number ":" MINUS nz-number
func parsePartial(l *lexer) Option {
	o := &Partial{}
	l.sp("modifier-partial")
	o.FromEnd = l.take('-')
	o.First = l.nzNumber("partial-range")
	l.expect(':', "partial-range")
	if o.FromEnd {
		l.expect('-', "partial-range")
	}
	o.Last = l.nzNumber("partial-range")
	return o
}
