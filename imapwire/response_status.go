package imapwire

import (
	"strconv"
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

// cutCode splits a response code from the text behind it at the bracket that closes it, which is
// not one in a string or a list. Brackets that come in pairs belong to the code.
func cutCode(s string) (code, rest string, ok bool) {
	depth, list, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '(':
			list++
		case c == ')':
			list--
		case c == '[' && list <= 0:
			depth++
		case c == ']' && list <= 0:
			if depth == 0 {
				return s[:i], s[i+1:], true
			}
			depth--
		}
	}
	// Something in it is not closed: any bracket will do.
	return strings.Cut(s, "]")
}

// num returns the first number of the arguments. Zero is what some servers send when they do not
// know, and no code that has a number can mean it.
func (r *StatusResponse) num(code imap.Code, bits int) (uint64, bool) {
	if r.Code != code {
		return 0, false
	}
	w, _, _ := strings.Cut(r.Args, " ")
	n, err := strconv.ParseUint(w, 10, bits)
	return n, err == nil && n > 0
}

// UIDNext returns the argument of UIDNEXT (RFC 9051 §7.1).
func (r *StatusResponse) UIDNext() (imap.UID, bool) {
	n, ok := r.num(imap.CodeUIDNext, 32)
	return imap.UID(n), ok
}

// UIDValidity returns the argument of UIDVALIDITY (RFC 9051 §7.1).
func (r *StatusResponse) UIDValidity() (uint32, bool) {
	n, ok := r.num(imap.CodeUIDValidity, 32)
	return uint32(n), ok
}

// Unseen returns the argument of UNSEEN (RFC 3501 §7.1): the first message without \Seen.
func (r *StatusResponse) Unseen() (imap.SeqNum, bool) {
	n, ok := r.num(imap.CodeUnseen, 32)
	return imap.SeqNum(n), ok
}

// HighestModSeq returns the argument of HIGHESTMODSEQ (RFC 7162 §3.1.2.1).
func (r *StatusResponse) HighestModSeq() (imap.ModSeq, bool) {
	n, ok := r.num("HIGHESTMODSEQ", 64)
	return imap.ModSeq(n), ok
}

// PermanentFlags returns the argument of PERMANENTFLAGS (RFC 9051 §7.1). An empty list says that
// no flag can be changed for good.
func (r *StatusResponse) PermanentFlags() ([]imap.Flag, bool) {
	if r.Code != imap.CodePermanentFlags {
		return nil, false
	}
	p := scanner{s: r.Args}
	p.take('(')
	return p.flagList(), true
}

// Capabilities returns the argument of CAPABILITY (RFC 9051 §7.1).
func (r *StatusResponse) Capabilities() ([]imap.Cap, bool) {
	if r.Code != imap.CodeCapability {
		return nil, false
	}
	return parseCaps(r.Args), true
}

// BadCharset returns the character sets that BADCHARSET recommends (RFC 9051 §7.1).
func (r *StatusResponse) BadCharset() ([]string, bool) {
	if r.Code != imap.CodeBadCharset {
		return nil, false
	}
	var out []string
	p := scanner{s: r.Args}
	p.take('(')
	for !p.take(')') {
		v, ok := p.astring()
		if !ok {
			break
		}
		out = append(out, v)
	}
	return out, true
}

// AppendUID returns the argument of APPENDUID (RFC 4315 §3). It reports false when the server
// did not say enough.
func (r *StatusResponse) AppendUID() (imap.AppendResult, bool) {
	var res imap.AppendResult
	f := strings.Fields(r.Args)
	if r.Code != imap.CodeAppendUID || len(f) < 2 {
		return res, false
	}
	valid, err := strconv.ParseUint(f[0], 10, 32)
	uids, err2 := imap.ParseUIDSet(f[1])
	if err != nil || err2 != nil || valid == 0 || uids.Dynamic() {
		return res, false
	}
	return imap.AppendResult{UIDValidity: uint32(valid), UIDs: uids}, true
}

// CopyUID returns the argument of COPYUID (RFC 4315 §3). It reports false when the server did not
// say enough, or names more UIDs on one side than on the other: the command has succeeded even so.
func (r *StatusResponse) CopyUID() (imap.CopyResult, bool) {
	var res imap.CopyResult
	f := strings.Fields(r.Args)
	if r.Code != imap.CodeCopyUID || len(f) < 3 {
		return res, false
	}
	valid, err := strconv.ParseUint(f[0], 10, 32)
	src, srcLen := uidRanges(f[1])
	dst, dstLen := uidRanges(f[2])
	if err != nil || valid == 0 || srcLen == 0 || srcLen != dstLen {
		return res, false
	}
	return imap.CopyResult{UIDValidity: uint32(valid), Source: src, Dest: dst}, true
}

// uidRanges parses a set in the order in which it is written, and counts its UIDs; 0 is an error.
func uidRanges(s string) (ranges []imap.Range[imap.UID], n uint64) {
	ranges, err := imap.ParseRanges[imap.UID](s)
	if err != nil {
		return nil, 0
	}
	for _, r := range ranges {
		if r.First == 0 || r.Last == 0 {
			return nil, 0
		}
		n += uint64(max(r.First, r.Last)-min(r.First, r.Last)) + 1
	}
	return ranges, n
}
