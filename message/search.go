package message

import (
	"io"
	"iter"
	"strings"

	"restante/imap"
	"restante/internal/charset"
)

// SearchText yields the texts that SEARCH BODY looks at, or with headers those of SEARCH TEXT
// (RFC 9051 §6.4.4), as UTF-8 and in order: the decoded text of every part that is text/*, without
// transfer encoding and charset, and with headers the decoded fields of every header: the
// message's, those of its parts and of the messages inside. BODY "doesn't match any header
// fields". A text does not continue in the next. Each reader is valid until the next step. Reading
// errors are ra's and come from the readers, or as the second value.
func SearchText(ra io.ReaderAt, st *Structure, headers bool) iter.Seq2[io.Reader, error] {
	return func(yield func(io.Reader, error) bool) {
		yieldTexts(ra, st.Root, headers, func(r io.Reader, _ bool, err error) bool { return yield(r, err) })
	}
}

func yieldTexts(ra io.ReaderAt, n *Node, headers bool, yield func(r io.Reader, inHeader bool, err error) bool) bool {
	if headers && n.HeaderStart < n.BodyStart {
		r := n.header()
		block, err := readRange(ra, Range{r.Off, min(r.Len, MaxHeader)})
		if err != nil {
			return yield(nil, true, err)
		}
		if !yield(strings.NewReader(HeaderText(string(block))), true, nil) {
			return false
		}
	}
	if n.Part.Is("text", "") || n.Message() && encoded(n.Part) {
		return yield(n.Text(ra), false, nil)
	}
	for _, c := range n.Children {
		if !yieldTexts(ra, c, headers, yield) {
			return false
		}
	}
	return true
}

// encoded reports whether a part does not stand in the message as it is. RFC 6532 §3.7 allows
// message/global in base64; then it is searched as one text.
func encoded(p *imap.Part) bool {
	switch normalEncoding(p.Encoding) {
	case "base64", "quoted-printable":
		return true
	}
	return false
}

// HeaderText returns the fields of a header block decoded, each on its line with its name.
func HeaderText(block string) string {
	var b strings.Builder
	b.Grow(len(block))
	for f := range Fields(block) {
		if f.Name != "" {
			b.WriteString(f.Name)
			b.WriteString(": ")
		}
		b.WriteString(f.Text())
		b.WriteByte('\n')
	}
	return b.String()
}

// Matches reports whether a text of the message, as SearchText yields them, matches m.
func (m *Matcher) Matches(ra io.ReaderAt, st *Structure, headers bool) (bool, error) {
	if len(m.needle) == 0 {
		return true, nil
	}
	for r, err := range SearchText(ra, st, headers) {
		if err != nil {
			return false, err
		}
		if ok, err := m.Match(r); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Open returns the body of the node's part as it is in the message that ra holds.
func (n *Node) Open(ra io.ReaderAt) *io.SectionReader {
	r := n.body()
	return io.NewSectionReader(ra, r.Off, r.Len)
}

// Text returns the body of the node's part as UTF-8, without transfer encoding and charset. What
// cannot be decoded is returned as it is; the errors of the reader are ra's.
func (n *Node) Text(ra io.ReaderAt) io.Reader {
	body := n.Open(ra)
	r, err := DecodeTransfer(n.Part.Encoding, body)
	if err != nil {
		r = body
	}
	text, _ := charset.Reader(n.Part.Params.Get("charset"), r) // guesses when it is unknown
	return text
}

// HeaderValues yields the decoded values of the fields of a header block that have the given name,
// for SEARCH HEADER and its relatives.
func HeaderValues(block, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for f := range Fields(block) {
			if f.Is(name) && !yield(f.Text()) {
				return
			}
		}
	}
}
