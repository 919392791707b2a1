package message

import (
	"path"
	"strings"
	"unicode"

	"restante/imap"
	"restante/internal/charset"
)

// Attachments returns the parts of a message that people would call attachments, in the order of the message:
// messages inside, and what is neither text of the message, nor an alternative to it, nor an image
// shown within its HTML, nor a signature of it (RFC 1847). What is marked as an attachment
// (RFC 2183 §2.2) or is further text with a file name counts too.
func Attachments(p *imap.Part) []*imap.Part {
	var (
		out        []*imap.Part
		text, html = p.Text(), p.HTML()
		visit      func(p *imap.Part, embedded bool)
	)
	visit = func(p *imap.Part, embedded bool) {
		switch marked := strings.EqualFold(p.Disposition, "attachment"); {
		case p == text || p == html:
		case marked || !p.Multipart() && !embedded && (!p.Is("text", "plain") && !p.Is("text", "html") || Filename(p) != ""):
			out = append(out, p)
		case p.Multipart():
			root := p.Root()
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
func Filename(p *imap.Part) string {
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
