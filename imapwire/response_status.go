package imapwire

import (
	"strings"

	"restante/imap"
)

// StatusResponse is a status response, tagged or not (RFC 9051 §7.1).
type StatusResponse struct {
	Tag    string    // "*" untagged; "" when the server forgot to send one
	Status string    // "OK", "NO", "BAD", "BYE" or "PREAUTH"
	Code   imap.Code // upper case, "" when there is none
	Args   string    // the code's arguments, unparsed
	Text   string
}

// statusWord returns the canonical spelling of a status, "" for another word.
func statusWord(w string) string {
	switch w {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return w
	}
	for _, s := range [...]string{"OK", "NO", "BAD", "BYE", "PREAUTH"} {
		if strings.EqualFold(w, s) {
			return s
		}
	}
	return ""
}

// statusName reads the letters that come next.
func (p *scanner) statusName() string {
	p.space()
	start := p.i
	for p.i < len(p.s) && p.s[p.i]|0x20-'a' < 26 {
		p.i++
	}
	if c := p.peek(); c != 0 && c != ' ' && c != '[' {
		return ""
	}
	return p.s[start:p.i]
}

// statusText parses
//
//	resp-text = ["[" resp-text-code "]" SP] [text]
func (p *scanner) statusText(tag, status string) *StatusResponse {
	r := &StatusResponse{Tag: tag, Status: status}
	p.space()
	r.Text = p.s[p.i:]
	p.i = len(p.s)
	if !strings.HasPrefix(r.Text, "[") {
		return r
	}
	code, rest, ok := cutCode(r.Text[1:])
	name, args, _ := strings.Cut(code, " ")
	if !ok || !isAtom(name) {
		p.where = status
		p.defect("response code cannot be parsed", r.Text)
		return r
	}
	r.Code = imap.Code(strings.ToUpper(name))
	r.Args = strings.TrimSpace(args)
	r.Text = strings.TrimPrefix(rest, " ")
	return r
}

func (*StatusResponse) response() {}

// AppendStatusResponse appends a status response (RFC 9051 §7.1). tag is "*" for an untagged one;
// code and args may be "". Text that is not allowed in a line, or missing, is replaced: the grammar
// of RFC 3501 wants some.
func AppendStatusResponse(dst []byte, tag, status string, code imap.Code, args, text string) []byte {
	dst = append(append(dst, tag...), ' ')
	dst = append(append(dst, status...), ' ')
	if code != "" {
		dst = append(append(dst, '['), code...)
		if args != "" {
			dst = append(append(dst, ' '), args...)
		}
		dst = append(dst, "] "...)
	} else if text != "" && text[0] == '[' {
		dst = append(dst, "- "...) // it would be read as a code
	}
	return appendCRLF(appendLine(dst, text))
}

// appendLine appends text without line ends and NUL, "." when there is none.
func appendLine(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, '.')
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\r' || c == '\n' || c == 0 {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

func appendCRLF(dst []byte) []byte { return append(dst, '\r', '\n') }
