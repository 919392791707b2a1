package summary

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"restante/message"
)

const (
	// maxPreview is how many characters a preview has (RFC 8970 §3.3).
	maxPreview = 200
	// maxPreviewed is how many octets of a part are read for a preview.
	maxPreviewed = 64 << 10
	// maxHead is how many octets of a message are kept while it arrives, to make the preview of. Other
	// previews are made from the message when they are asked for.
	maxHead = 32 << 10
)

// Preview returns the beginning of a message's text on one line, 200 characters at most (RFC 8970 §3.3):
// of the first part that is plain text or HTML, in the simplest of alternative forms, without what is
// quoted from other messages if there is something else. It is "" when there is no such part. st is what
// Summary.Structure or a scan says of the message that ra holds. The error is ra's.
func Preview(ra io.ReaderAt, st *message.Structure) (string, error) {
	part := textPart(st.Root)
	if part == nil {
		return "", nil
	}
	begin := *part
	begin.End = min(part.End, part.BodyStart+maxPreviewed)
	if part.Part.Is("text", "html") {
		return previewHTML(begin.Text(ra))
	}
	text, err := previewPlain(begin.Text(ra), false)
	if text == "" && err == nil {
		text, err = previewPlain(begin.Text(ra), true)
	}
	return text, err
}

// headPreview returns the preview of a message whose beginning is head. It reports false when that is not
// enough of it.
func headPreview(head []byte, st *message.Structure) (string, bool) {
	part := textPart(st.Root)
	if part != nil && part.BodyStart >= int64(len(head)) && part.End > part.BodyStart {
		return "", false
	}
	text, err := Preview(bytes.NewReader(head), st)
	whole := part == nil || min(part.End, part.BodyStart+maxPreviewed) <= int64(len(head))
	if err != nil || !whole && utf8.RuneCountInString(text) < maxPreview-1 {
		return "", false
	}
	return text, true
}

// textPart returns the part to make a preview of, or nil. What is in a message inside is not the text of
// this one, and what is encrypted has none.
func textPart(n *message.Node) *message.Node {
	switch p := n.Part; {
	case p.Is("text", "plain"), p.Is("text", "html"):
		return n
	case p.Multipart() && !p.Is("multipart", "encrypted"):
		var rich *message.Node
		for _, c := range n.Children {
			found := textPart(c)
			switch {
			case found == nil:
			case !p.Is("multipart", "alternative") || found.Part.Is("text", "plain"):
				return found
			case rich == nil:
				rich = found
			}
		}
		return rich
	}
	return nil
}

// previewPlain makes a preview of plain text, with the lines that are quoted or without.
func previewPlain(r io.Reader, quoted bool) (string, error) {
	var p preview
	in := bufio.NewReader(r)
	skip, start := false, true // the line; it has just begun
	for !p.full() {
		c, _, err := in.ReadRune()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		if start {
			skip = !quoted && c == '>'
		}
		if start = c == '\n'; !skip || start {
			p.add(c)
		}
	}
	return p.String(), nil
}

// previewHTML makes a preview of the text in HTML.
func previewHTML(r io.Reader) (string, error) {
	var p preview
	z := html.NewTokenizer(r)
	z.SetMaxBuf(maxPreviewed)
	hidden := "" // the element whose content is not shown
	for !p.full() {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); err != io.EOF && err != html.ErrBufferExceeded {
				return "", err
			}
			return p.String(), nil
		case html.TextToken:
			if hidden == "" {
				p.addAll(string(z.Text()))
			}
		case html.StartTagToken:
			name, _ := z.TagName()
			if hidden == "" && hides[string(name)] {
				hidden = string(name)
			}
			p.separate(name)
		case html.EndTagToken:
			name, _ := z.TagName()
			if hidden == string(name) {
				hidden = ""
			}
			p.separate(name)
		case html.SelfClosingTagToken:
			name, _ := z.TagName()
			p.separate(name)
		}
	}
	return p.String(), nil
}

// hides are the elements whose content is not shown.
var hides = map[string]bool{"head": true, "title": true, "script": true, "style": true, "template": true}

// inline are the elements that separate no words.
var inline = map[string]bool{"a": true, "b": true, "i": true, "u": true, "s": true, "em": true, "strong": true, "span": true,
	"font": true, "small": true, "big": true, "sub": true, "sup": true, "code": true, "tt": true}

// preview gathers text, white space as one space.
type preview struct {
	strings.Builder
	characters int
	space      bool // comes before the next character
}

func (p *preview) full() bool { return p.characters >= maxPreview }

func (p *preview) add(c rune) {
	switch {
	case unicode.IsSpace(c):
		p.space = p.characters > 0
		return
	case !unicode.IsPrint(c) && !unicode.Is(unicode.Cf, c) || c == '\uFEFF', p.full():
		return
	case p.space && p.characters+1 == maxPreview:
		p.characters++ // no room for the space and something behind it
		return
	case p.space:
		p.WriteByte(' ')
		p.characters++
		p.space = false
	}
	p.WriteRune(c)
	p.characters++
}

func (p *preview) addAll(s string) {
	for _, c := range s {
		p.add(c)
	}
}

// separate puts a space between what is before a tag and what is behind it, unless it is inline.
func (p *preview) separate(tag []byte) {
	if !inline[string(tag)] {
		p.add(' ')
	}
}
