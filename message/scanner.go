package message

import (
	"bytes"
	"strconv"

	"restante/imap"
)

// Scanner reads a message that is written to it, in pieces of any size, and finds its structure.
// Write never fails. The zero value is not ready; use NewScanner.
type Scanner struct {
	pos   int64 // octets consumed
	lines int64 // line feeds consumed
	parts int

	stack      []frame  // the open nodes, the message first
	boundaries []marker // of the open multiparts, outermost first
	longest    int      // the longest of them, in octets

	state state
	// line holds the start of a line that is not complete: as much as it takes to tell whether it
	// is a boundary.
	line []byte
	// The current line: its offset, the length of the line break before it, and the line feeds
	// before it.
	lineStart, lineBreak, lineFeeds int64
	last                            byte // the last octet consumed

	header      []byte // of the open node, as far as it is parsed
	headerLimit int
	allHeaders  int
	addressRoom int

	top      string // the message's header block
	envelope *imap.Envelope
	root     *Node
	done     *Structure
}

type state uint8

const (
	inHeader   state = iota // at the start of a line of a header
	inLongLine              // in a header line whose start was judged
	inBody                  // in a body, at the start of a line or somewhere in it
	inBodyLine              // in a body line whose start was judged
	inOpening               // in the rest of a boundary line; a header follows
	inClosing               // in the rest of a boundary line; the epilogue follows
)

// frame is an open node.
type frame struct {
	node      *Node
	prefix    string // of the part numbers of its children
	bodyLines int64  // Scanner.lines at the start of the body
	message   bool   // the header is that of a message and makes an envelope
	digest    bool   // multipart/digest: parts are message/rfc822 unless they say otherwise
}

// marker is the boundary of an open multipart.
type marker struct {
	text  string
	level int // of the multipart in Scanner.stack
}

// NewScanner returns a Scanner at the start of a message.
func NewScanner() *Scanner {
	s := &Scanner{}
	s.Reset()
	return s
}

// Reset makes s ready for another message. Structures that it returned stay valid.
func (s *Scanner) Reset() {
	*s = Scanner{
		stack: s.stack[:0], boundaries: s.boundaries[:0], line: s.line[:0], header: s.header[:0],
		addressRoom: maxAddresses,
	}
	s.open(0, true)
}

// Write scans the next piece of the message.
func (s *Scanner) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		switch s.state {
		case inHeader:
			p = s.headerLine(p)
		case inBody:
			p = s.bodyLine(p)
		case inBodyLine:
			p = s.body(p)
		default:
			p = s.restOfLine(p)
		}
	}
	return n, nil
}

// Result ends the message and returns its structure. Every call returns the same.
func (s *Scanner) Result() *Structure {
	if s.done != nil {
		return s.done
	}
	if len(s.line) > 0 && !s.delimiter(s.line) && s.state == inHeader {
		s.keep(s.line)
	}
	switch s.state {
	case inOpening:
		s.stack[len(s.stack)-1].node.HeaderStart = s.pos
		s.state = inHeader
	case inLongLine:
		s.state = inHeader
	}
	s.lineStart, s.lineBreak, s.lineFeeds = s.pos, 0, s.lines
	s.endHeaders()
	s.closeTo(0)
	s.done = &Structure{Envelope: s.envelope, Root: s.root, Size: s.pos, Header: s.top}
	return s.done
}

// consume counts the octets of p, which hold n line feeds.
func (s *Scanner) consume(p []byte, n int64) {
	s.pos += int64(len(p))
	s.lines += n
	s.last = p[len(p)-1]
}

// startLine says that the line feed that was just consumed, the last octet of p, ends a line.
func (s *Scanner) startLine(p []byte, before byte) {
	if len(p) > 1 {
		before = p[len(p)-2]
	}
	s.lineStart, s.lineBreak, s.lineFeeds = s.pos, 1, s.lines
	if before == '\r' {
		s.lineBreak = 2
	}
	s.line = s.line[:0]
}

// headerLine takes a line of a header, or the start of one.
func (s *Scanner) headerLine(p []byte) []byte {
	before, room := s.last, maxBoundary+4-len(s.line)
	i := bytes.IndexByte(p, '\n')
	if i < 0 && len(p) < room {
		s.consume(p, 0)
		s.line = append(s.line, p...)
		return nil
	}
	part := p[:i+1]
	if i < 0 {
		part = p
		s.consume(part, 0)
	} else {
		s.consume(part, 1)
	}
	start := part // as much of the line as a boundary can be long
	if n := len(s.line); n > 0 {
		start = append(s.line, part[:min(len(part), room)]...)
		s.line = start[:n]
	}
	if s.delimiter(start) {
		if i >= 0 {
			s.delimited(part, before)
		}
		s.line = s.line[:0]
		return p[len(part):]
	}
	s.keep(s.line)
	s.keep(part)
	length := len(s.line) + len(part)
	s.line = s.line[:0]
	if i < 0 {
		s.state = inLongLine
		return nil
	}
	s.startLine(part, before)
	if length == 1 || (length == 2 && s.lineBreak == 2) {
		s.endHeader()
	}
	return p[len(part):]
}

// delimited ends the boundary line whose line feed was just consumed.
func (s *Scanner) delimited(part []byte, before byte) {
	s.startLine(part, before)
	if s.state == inClosing {
		s.state = inBody
		return
	}
	s.state = inHeader
	s.stack[len(s.stack)-1].node.HeaderStart = s.pos
}

// restOfLine takes what follows the judged start of a header line or a boundary line.
func (s *Scanner) restOfLine(p []byte) []byte {
	before := s.last
	i := bytes.IndexByte(p, '\n')
	part := p[:i+1]
	if i < 0 {
		part = p
	}
	if s.state == inLongLine {
		s.keep(part)
	}
	if i < 0 {
		s.consume(part, 0)
		return nil
	}
	s.consume(part, 1)
	if s.state == inLongLine {
		s.startLine(part, before)
		s.state = inHeader
	} else {
		s.delimited(part, before)
	}
	return p[i+1:]
}

// keep adds octets to the header block that will be parsed.
func (s *Scanner) keep(p []byte) {
	if room := s.headerLimit - len(s.header); len(p) > room {
		p = p[:room]
	}
	s.header = append(s.header, p...)
}

// bodyLine judges the start of a line of a body: is it a boundary?
func (s *Scanner) bodyLine(p []byte) []byte {
	if len(s.boundaries) == 0 || (len(s.line) == 0 && p[0] != '-') {
		s.state = inBodyLine
		return p
	}
	before := s.last
	room := s.longest + 4 - len(s.line) // two hyphens in front, two behind
	part := p[:min(len(p), room)]
	i := bytes.IndexByte(part, '\n')
	if i >= 0 {
		part = part[:i+1]
	}
	line := part
	if len(s.line) > 0 || (i < 0 && len(part) < room) {
		s.line = append(s.line, part...)
		line = s.line
	}
	switch {
	case i >= 0:
		s.consume(part, 1)
		if s.delimiter(line) {
			s.delimited(part, before)
		} else {
			s.startLine(part, before)
		}
	case len(part) == room: // long enough to be judged
		s.consume(part, 0)
		if !s.delimiter(line) {
			s.state = inBodyLine
		}
		s.line = s.line[:0]
	default:
		s.consume(part, 0)
		if len(s.line) > 1 && s.line[1] != '-' {
			s.line = s.line[:0]
			s.state = inBodyLine
		}
	}
	return p[len(part):]
}

var (
	lineFeed = []byte{'\n'}
	dashes   = []byte("\n--")
)

// body takes what cannot be a boundary, up to the next line that can.
func (s *Scanner) body(p []byte) []byte {
	if len(s.boundaries) == 0 {
		s.consume(p, int64(bytes.Count(p, lineFeed)))
		return nil
	}
	before := s.last
	i := bytes.Index(p, dashes)
	if i < 0 {
		// The two hyphens may be in the next piece.
		switch n := len(p); {
		case p[n-1] == '\n':
			i = n - 1
		case n > 1 && p[n-2] == '\n' && p[n-1] == '-':
			i = n - 2
		default:
			s.consume(p, int64(bytes.Count(p, lineFeed)))
			return nil
		}
	}
	part := p[:i+1]
	s.consume(part, int64(bytes.Count(part, lineFeed)))
	s.startLine(part, before)
	s.state = inBody
	return p[i+1:]
}

// delimiter reports whether a line is a boundary of one of the open multiparts, and if so ends
// what it ends and opens the next part. RFC 2046 §5.1.1 asks to compare the beginning of the line
// only. Of several boundaries that fit the longest is meant, of equal ones the innermost.
func (s *Scanner) delimiter(line []byte) bool {
	if len(s.boundaries) == 0 || len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return false
	}
	line = line[2:]
	found := -1
	for i := len(s.boundaries) - 1; i >= 0; i-- {
		b := s.boundaries[i].text
		if len(b) <= len(line) && (found < 0 || len(b) > len(s.boundaries[found].text)) && string(line[:len(b)]) == b {
			found = i
		}
	}
	if found < 0 {
		return false
	}
	closing := bytes.HasPrefix(line[len(s.boundaries[found].text):], dashes[1:])
	level := s.boundaries[found].level

	s.endHeaders() // of a part that ends in its header
	s.closeTo(level + 1)
	s.boundaries = s.boundaries[:found+1]
	if f := &s.stack[level]; len(f.node.Children) == 0 && (closing || s.parts >= MaxParts) {
		end, lines := s.bodyEnd(f.node.BodyStart, f.bodyLines)
		complete(f, end, lines)
	}
	switch {
	case closing:
		s.boundaries = s.boundaries[:found] // RFC 2046 §5.1.2: what follows is to be ignored
		s.state = inClosing
	case s.parts >= MaxParts:
		s.state = inClosing
	default:
		s.open(s.pos, false)
		s.state = inOpening
	}
	return true
}

// open adds a node below the innermost open one and expects its header at off.
func (s *Scanner) open(off int64, message bool) {
	x := new(struct {
		node Node
		part imap.Part
	})
	n := &x.node
	n.Part, n.HeaderStart = &x.part, off
	f := frame{node: n, message: message}
	if len(s.stack) == 0 {
		s.root = n
	} else {
		parent := &s.stack[len(s.stack)-1]
		f.prefix = parent.prefix
		if !message {
			f.prefix = number(parent.prefix, len(parent.node.Children)+1)
			n.Part.ID = f.prefix
			if parent.digest { // RFC 2046 §5.1.5
				n.Part.Type, n.Part.Subtype = "message", "rfc822"
			}
		}
		parent.node.Children = append(parent.node.Children, n)
		parent.node.Part.Parts = append(parent.node.Part.Parts, n.Part)
	}
	s.stack = append(s.stack, f)
	s.parts++
	s.state = inHeader
	s.header = s.header[:0]
	s.headerLimit = min(MaxHeader, max(restHeader, maxAllHeaders-s.allHeaders))
}

// number returns the number of the part n below the one numbered prefix (RFC 9051 §6.4.5.1).
func number(prefix string, n int) string {
	if prefix == "" {
		return strconv.Itoa(n)
	}
	return prefix + "." + strconv.Itoa(n)
}

// endHeaders ends the header that is open, if one is, at the start of the current line, and with
// it those of the messages inside, which are empty.
func (s *Scanner) endHeaders() {
	for s.state == inHeader {
		s.endHeader()
	}
}

// endHeader parses the header of the innermost node. Its body starts with the current line.
func (s *Scanner) endHeader() {
	f := &s.stack[len(s.stack)-1]
	part := f.node.Part
	block := string(s.header)
	s.allHeaders += len(block)
	var env *imap.Envelope
	if f.message {
		env = new(imap.Envelope)
	}
	parseHeader(block, part, env, &s.addressRoom)
	if len(s.stack) == 1 {
		s.top, s.envelope = block, env
	} else if f.message {
		s.stack[len(s.stack)-2].node.Part.Envelope = env
	}
	f.node.BodyStart, f.bodyLines = s.lineStart, s.lineFeeds
	if f.message && !part.Multipart() {
		f.prefix = number(f.prefix, 1)
		part.ID = f.prefix
	}
	s.state = inBody
	if len(s.stack) >= MaxDepth {
		return
	}
	switch {
	case part.Multipart():
		f.digest = equalFold(part.Subtype, "digest")
		if b := part.Params.Get("boundary"); b != "" && len(b) <= maxBoundary {
			s.boundaries = append(s.boundaries, marker{b, len(s.stack) - 1})
			s.longest = max(s.longest, len(b))
		}
	case isMessage(part) && s.parts < MaxParts:
		s.open(s.lineStart, true)
	}
}

// closeTo ends the nodes from a level of the stack on before the current line, a boundary or the
// end of the message.
func (s *Scanner) closeTo(level int) {
	for i := len(s.stack) - 1; i >= level; i-- {
		f := &s.stack[i]
		n := f.node
		floor := n.BodyStart
		if len(n.Children) > 0 {
			floor = max(floor, n.Children[len(n.Children)-1].End)
		}
		end, lines := s.bodyEnd(floor, f.bodyLines)
		n.End, n.Part.Size = end, end-n.BodyStart
		if len(n.Children) == 0 && (n.Part.Multipart() || n.Message()) {
			complete(f, end, lines)
		}
		// Lines are counted as line feeds: in the example of RFC 9051 §7.5.2, 4554 octets in 73 lines
		// of base64, the last line has no line break of its own and is not counted either.
		if n.Part.Is("text", "") || n.Message() {
			n.Part.Lines = lines
		}
	}
	s.stack = s.stack[:level]
	for len(s.boundaries) > 0 && s.boundaries[len(s.boundaries)-1].level >= level {
		s.boundaries = s.boundaries[:len(s.boundaries)-1]
	}
}

// bodyEnd returns where a body ends that the current line, a boundary or the end of the message,
// puts an end to, and how many lines it has, given the line feeds before it. The line break before
// a boundary is part of it (RFC 2046 §5.1.1), unless it is before floor: that one ends a header.
func (s *Scanner) bodyEnd(floor, feeds int64) (end, lines int64) {
	end, lines = s.lineStart, s.lineFeeds-feeds
	if s.lineBreak > 0 && end-s.lineBreak >= floor {
		return end - s.lineBreak, lines - 1
	}
	return end, lines
}

// complete gives a multipart in which no part was found, and a message that was not taken apart,
// the one part that BODYSTRUCTURE cannot do without. It is plain text and holds what there is up to
// end, so that nothing is hidden from whoever only reads parts.
func complete(f *frame, end, lines int64) {
	n := f.node
	x := &Node{Part: &imap.Part{ID: number(f.prefix, 1), Size: end - n.BodyStart, Lines: lines},
		HeaderStart: n.BodyStart, BodyStart: n.BodyStart, End: end}
	parseHeader("", x.Part, nil, nil)
	n.Children = []*Node{x}
	n.Part.Parts = []*imap.Part{x.Part}
	if n.Message() && n.Part.Envelope == nil {
		n.Part.Envelope = new(imap.Envelope)
	}
}
