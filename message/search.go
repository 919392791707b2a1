package message

import (
	"io"
	"iter"
	"strings"

	"restante/internal/charset"
)

// SearchText yields the texts that SEARCH BODY looks at, or with header those of SEARCH TEXT
// (RFC 9051 §6.4.4), as UTF-8: the decoded fields of the header, then for every part in order its
// decoded text, without transfer encoding and charset, if it is text/*, and the decoded header of
// a message inside. A text does not continue in the next. Each reader is valid until the next step.
// Reading errors are ra's and come from the readers, or as the second value.
func SearchText(ra io.ReaderAt, st *Structure, header bool) iter.Seq2[io.Reader, error] {
	return func(yield func(io.Reader, error) bool) {
		if header && !yieldHeader(ra, st.Root, yield) {
			return
		}
		yieldBody(ra, st.Root, yield)
	}
}

// Matches reports whether a text of the message, as SearchText yields them, matches m.
func (m *Matcher) Matches(ra io.ReaderAt, st *Structure, header bool) (bool, error) {
	if len(m.needle) == 0 {
		return true, nil
	}
	for r, err := range SearchText(ra, st, header) {
		if err != nil {
			return false, err
		}
		if ok, err := m.Match(r); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func yieldHeader(ra io.ReaderAt, n *Node, yield func(io.Reader, error) bool) bool {
	r := n.header()
	block, err := readRange(ra, Range{r.Off, min(r.Len, MaxHeader)})
	if err != nil {
		return yield(nil, err)
	}
	return yield(strings.NewReader(HeaderText(string(block))), nil)
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

func yieldBody(ra io.ReaderAt, n *Node, yield func(io.Reader, error) bool) bool {
	p := n.Part
	switch {
	case n.Message() && plainMessage(n):
		inside := n.Children[0]
		return yieldHeader(ra, inside, yield) && yieldBody(ra, inside, yield)
	case p.Multipart():
		for _, c := range n.Children {
			if !yieldBody(ra, c, yield) {
				return false
			}
		}
		return true
	case p.Is("text", "") || n.Message():
		return yield(n.Text(ra), nil)
	}
	return true
}

// plainMessage reports whether the message inside a node stands there as it is. RFC 6532 §3.7
// allows message/global in base64; then it is searched as one text.
func plainMessage(n *Node) bool {
	switch normalEncoding(n.Part.Encoding) {
	case "base64", "quoted-printable":
		return false
	}
	return len(n.Children) > 0
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
