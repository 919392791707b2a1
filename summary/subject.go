package summary

import "strings"

// BaseSubject returns what is left of a subject, which has been decoded, when what replies and mailing
// lists put around it is taken off, and whether something of that says that it is a reply or was
// forwarded (RFC 5256 §2.1). It takes time in proportion to the subject's length.
func BaseSubject(subject string) (base string, reply bool) {
	p := subjectParser{s: oneSpace(subject)}
	for { // (2) to (6)
		p.trailers()
		p.leaders()
		if !hasPrefixFold(p.s, "[fwd:") || !strings.HasSuffix(p.s, "]") {
			return p.s, p.reply
		}
		p.s, p.reply = p.s[len("[fwd:"):len(p.s)-1], true
	}
}

// oneSpace returns s with tabs as spaces, and one space in the place of several.
func oneSpace(s string) string {
	if !strings.Contains(s, "\t") && !strings.Contains(s, "  ") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c != ' ' && c != '\t':
			out = append(out, c)
		case len(out) == 0 || out[len(out)-1] != ' ':
			out = append(out, ' ')
		}
	}
	return string(out)
}

// subjectParser takes off a subject what does not belong to its base. White space in it is a single
// space.
type subjectParser struct {
	s     string
	reply bool
}

// trailers takes off *subj-trailer:
//
//	subj-trailer = "(fwd)" / WSP
func (p *subjectParser) trailers() {
	for {
		n := len(p.s)
		switch {
		case strings.HasSuffix(p.s, " "):
			p.s = p.s[:n-1]
		case n >= len("(fwd)") && strings.EqualFold(p.s[n-len("(fwd)"):], "(fwd)"):
			p.s, p.reply = p.s[:n-len("(fwd)")], true
		default:
			return
		}
	}
}

// leaders takes off *subj-leader, and every subj-blob that something is left behind:
//
//	subj-leader = (*subj-blob subj-refwd) / WSP
//	subj-blob   = "[" *BLOBCHAR "]" *WSP
//
// Behind a row of blobs without a subj-refwd none of them begins a subj-leader, so they are looked at
// once.
func (p *subjectParser) leaders() {
	for {
		p.s = strings.TrimPrefix(p.s, " ")
		rest, last := p.s, p.s // last begins with the last of the blobs
		for n := blobLen(rest); n > 0; n = blobLen(rest) {
			last, rest = rest, rest[n:]
		}
		if n := refwdLen(rest); n > 0 {
			p.s, p.reply = rest[n:], true
			continue
		}
		if p.s = rest; rest == "" {
			p.s = last
		}
		return
	}
}

// blobLen returns the length of the subj-blob that s begins with, 0 when it does not.
func blobLen(s string) int {
	if !strings.HasPrefix(s, "[") {
		return 0
	}
	n := 1 + strings.IndexAny(s[1:], "[]")
	if n == 0 || s[n] != ']' {
		return 0
	}
	if n++; strings.HasPrefix(s[n:], " ") {
		n++
	}
	return n
}

// refwdLen returns the length of the subj-refwd that s begins with, 0 when it does not:
//
//	subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
func refwdLen(s string) int {
	n := 0
	switch {
	case hasPrefixFold(s, "re"), hasPrefixFold(s, "fw"):
		if n = 2; hasPrefixFold(s, "fwd") {
			n = 3
		}
	default:
		return 0
	}
	if strings.HasPrefix(s[n:], " ") {
		n++
	}
	n += blobLen(s[n:])
	if !strings.HasPrefix(s[n:], ":") {
		return 0
	}
	return n + 1
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
