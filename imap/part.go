package imap

import (
	"iter"
	"path"
	"strings"
	"unicode"

	"restante/internal/charset"
)

// Walk yields p and all parts below it, in the order of the message.
func (p *Part) Walk() iter.Seq[*Part] {
	return func(yield func(*Part) bool) { p.walk(yield) }
}

func (p *Part) walk(yield func(*Part) bool) bool {
	if !yield(p) {
		return false
	}
	for _, c := range p.Parts {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Text returns the text/plain part that is the message's text, nil if there is none: not an
// attachment, not in a message inside, and of several alternatives (RFC 2046 §5.1.4) the one in
// plain text.
func (p *Part) Text() *Part { return p.body("plain") }

// HTML returns the text/html part that is the message's text, nil if there is none.
func (p *Part) HTML() *Part { return p.body("html") }

func (p *Part) body(subtype string) *Part {
	switch {
	case p.Opaque || strings.EqualFold(p.Disposition, "attachment"):
	case p.Is("text", subtype):
		return p
	case p.Is("multipart", "related"):
		if root := p.related(); root != nil {
			return root.body(subtype)
		}
	case p.Multipart():
		for _, c := range p.Parts {
			if found := c.body(subtype); found != nil {
				return found
			}
		}
	}
	return nil
}

// related returns the root of multipart/related: the one that the parameter start names, else the
// first (RFC 2387).
func (p *Part) related() *Part {
	if start := p.Params.Get("start"); start != "" {
		for _, c := range p.Parts {
			if c.ContentID == start {
				return c
			}
		}
	}
	if len(p.Parts) == 0 {
		return nil
	}
	return p.Parts[0]
}

// Attachments returns the parts that people would call attachments, in the order of the message:
// messages inside, and what is neither text of the message, nor an alternative to it, nor an image
// shown within its HTML, nor a signature of it (RFC 1847). What is marked as an attachment
// (RFC 2183 §2.2) or is further text with a file name counts too.
func (p *Part) Attachments() []*Part {
	var (
		out        []*Part
		text, html = p.Text(), p.HTML()
		visit      func(p *Part, embedded bool)
	)
	visit = func(p *Part, embedded bool) {
		switch marked := strings.EqualFold(p.Disposition, "attachment"); {
		case p == text || p == html:
		case marked || !p.Multipart() && !embedded && (!p.Is("text", "plain") && !p.Is("text", "html") || p.Filename() != ""):
			out = append(out, p)
		case p.Multipart():
			root := p.related()
			for i, c := range p.Parts {
				visit(c, p.Is("multipart", "alternative") ||
					p.Is("multipart", "related") && (c == root || c.ContentID != "") ||
					p.Is("multipart", "signed") && i == 1)
			}
		}
	}
	visit(p, false)
	return out
}

// Filename returns the file name that the sender gave the part, safe to be used as one: decoded
// (RFC 2231, and RFC 2047 where it does not belong), without directories, control characters and
// other invisible ones. It is "" when there is none or nothing is left of it.
func (p *Part) Filename() string {
	if name := baseName(charset.DecodeParams(p.DispParams).Get("filename")); name != "" {
		return name
	}
	return baseName(charset.DecodeParams(p.Params).Get("name"))
}

// maxName is the longest file name that common file systems take, in octets.
const maxName = 255

func baseName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '\\' || r == '\u2215' || r == '\u29f8': // and what looks like a slash
			return '/'
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r == unicode.ReplacementChar:
			return '_'
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200d': // emoji are joined with it
			return -1
		}
		return r
	}, name)
	name = strings.Trim(name[strings.LastIndexByte(name, '/')+1:], " .")
	if len(name) > maxName {
		ext := path.Ext(name)
		if len(ext) > 16 {
			ext = ""
		}
		name = strings.TrimRight(strings.ToValidUTF8(name[:maxName-len(ext)], ""), " .") + ext
	}
	return name
}
