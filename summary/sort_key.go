package summary

import (
	"bytes"
	"strconv"

	"restante/message"
)

// The keys of SORT and THREAD are made of the envelope as it is sent, when they are asked for: that
// takes less than reading the summary, and a summary would be longer with them. BenchmarkSortKeys
// measures it. The date is a number in every summary.

// AddressField is a field of the envelope that has addresses.
type AddressField int

// Their places in an envelope.
const (
	From AddressField = 2
	To   AddressField = 5
	Cc   AddressField = 6

	subjectField = 1
)

// AppendSubject appends the base subject of an envelope, prepared for comparison by i;unicode-casemap
// (RFC 5256 §7), and reports whether the message is a reply or was forwarded. The envelope is what
// Summary.Envelope or AppendEnvelope return; the same goes for the next two.
func AppendSubject(dst, envelope []byte) (key []byte, reply bool) {
	p := envelopeReader{b: envelope}
	p.skipTo(subjectField)
	subject, _ := p.text()
	if len(subject) == 0 {
		return dst, false
	}
	base, reply := BaseSubject(decode(subject))
	return message.Fold(dst, []byte(base)), reply
}

// AppendMailbox appends addr-mailbox of the first address in a field, prepared for comparison: the key
// of SORT FROM, TO and CC (RFC 5256 §3). It is empty when there is none.
func AppendMailbox(dst, envelope []byte, field AddressField) []byte {
	p := envelopeReader{b: envelope}
	_, mailbox, _, _ := p.firstAddress(field)
	return message.Fold(dst, mailbox)
}

// AppendDisplay appends what SORT DISPLAYFROM and DISPLAYTO compare of the first address in a field
// (RFC 5957 §3): the name, or else the address.
func AppendDisplay(dst, envelope []byte, field AddressField) []byte {
	p := envelopeReader{b: envelope}
	name, mailbox, host, hasHost := p.firstAddress(field)
	if display := decode(name); display != "" {
		return message.Fold(dst, []byte(display))
	}
	dst = message.Fold(dst, mailbox)
	if hasHost {
		dst = message.Fold(append(dst, '@'), host)
	}
	return dst
}

// decode returns a subject or a name without its MIME encoding.
func decode(raw []byte) string { return message.Field{Raw: string(raw)}.Text() }

// envelopeReader reads an envelope as AppendEnvelope writes it. It finds nothing in what is damaged.
type envelopeReader struct{ b []byte }

// skipTo goes to a field.
func (p *envelopeReader) skipTo(field int) {
	p.take('(')
	for ; field > 0 && len(p.b) > 0; field-- {
		for depth := 0; ; {
			switch {
			case p.take('('):
				depth++
			case p.take(')'):
				depth--
			case p.take(' '):
				continue
			default:
				p.token()
			}
			if depth <= 0 || len(p.b) == 0 {
				break
			}
		}
		p.take(' ')
	}
}

// firstAddress returns the first address of a field. hasHost says that its host is not NIL.
func (p *envelopeReader) firstAddress(field AddressField) (name, mailbox, host []byte, hasHost bool) {
	p.skipTo(int(field))
	if list := p.take('('); !list || !p.take('(') {
		return nil, nil, nil, false
	}
	name = p.next()
	p.next() // the route
	mailbox = p.next()
	host, hasHost = p.text()
	return name, mailbox, host, hasHost
}

// next returns a string and goes behind the space that follows.
func (p *envelopeReader) next() []byte {
	s, _ := p.text()
	p.take(' ')
	return s
}

// text returns the string that comes next, without quotes and backslashes; false: it is NIL.
func (p *envelopeReader) text() ([]byte, bool) {
	t := p.token()
	if len(t) == 0 || t[0] == 'N' {
		return nil, false
	}
	if t[0] == '{' {
		return t[bytes.IndexByte(t, '\n')+1:], true
	}
	if t = t[1 : len(t)-1]; bytes.IndexByte(t, '\\') < 0 {
		return t, true
	}
	out := make([]byte, 0, len(t))
	for i := 0; i < len(t); i++ {
		if t[i] == '\\' && i+1 < len(t) {
			i++
		}
		out = append(out, t[i])
	}
	return out, true
}

// token returns NIL, a quoted string or a literal, as it stands; nil when there is none, and then the
// rest is given up.
func (p *envelopeReader) token() []byte {
	n := 0
	switch {
	case bytes.HasPrefix(p.b, []byte("NIL")):
		n = 3
	case len(p.b) > 0 && p.b[0] == '"':
		for n = 1; n < len(p.b) && p.b[n] != '"'; n++ {
			if p.b[n] == '\\' {
				n++
			}
		}
		n++
	case len(p.b) > 0 && p.b[0] == '{':
		end := bytes.IndexByte(p.b, '\n')
		size, err := strconv.Atoi(string(bytes.TrimSuffix(p.b[1:max(end, 1)], []byte("}\r"))))
		if err == nil && size >= 0 && size <= len(p.b) {
			n = end + 1 + size
		}
	}
	if n == 0 || n > len(p.b) {
		p.b = nil
		return nil
	}
	t := p.b[:n]
	p.b = p.b[n:]
	return t
}

func (p *envelopeReader) take(c byte) bool {
	if len(p.b) == 0 || p.b[0] != c {
		return false
	}
	p.b = p.b[1:]
	return true
}
