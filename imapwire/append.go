package imapwire

import (
	"strconv"
	"strings"
	"time"

	"restante/imap"
)

func init() {
	commands.add("APPEND", command{parse: parseAppend, message: 1})
	codes.add(string(imap.CodeTooBig), imap.ErrTooBig)
}

// Append adds messages to a mailbox (RFC 9051 §6.3.12, RFC 3502 §6.3.11). The messages themselves are
// not part of the value: on the server each is a literal that Reader.ReadCommand leaves in the stream,
// in the client the caller sends it behind the encoder's segments.
type Append struct {
	Mailbox string
	Flags   []imap.Flag
	Date    time.Time // the internal date; zero: none given

	// The literal that is announced in the end: the message, or with Catenate a part of it.
	Size    int64 // octets
	Binary  bool  // literal8: it may hold NUL (RFC 3516 §4.4)
	UTF8    bool  // inside UTF8 (...): headers may be UTF-8 (RFC 6855 §4)
	NonSync bool  // the literal was not synchronising; set by the parser

	// Catenate is set when the server is to put the message together (RFC 4469 §5).
	Catenate *Catenate
	// Next is the message behind one for which nothing is announced.
	Next *Append
}

// Name returns "APPEND".
func (*Append) Name() string { return "APPEND" }

// AppendArgs appends everything up to the announcement of the message and its line end.
func (c *Append) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
	for ; c != nil; c = c.Next {
		c.AppendMessage(e)
	}
}

// AppendMessage appends what announces a message: flags, date and size, or what it is put together of
// up to the first literal. With it a client sends the second and every further message of MULTIAPPEND
// (RFC 3502 §6.3.11).
func (c *Append) AppendMessage(e *Encoder) {
	if len(c.Flags) > 0 {
		e.SP()
		e.Flags(c.Flags)
	}
	if !c.Date.IsZero() {
		if y := c.Date.Year(); y < 0 || y > 9999 {
			e.fail("date", c.Date.String())
		}
		e.buf = AppendDateTime(append(e.buf, ' '), c.Date)
	}
	e.SP()
	if c.Catenate != nil {
		c.appendCatenate(e)
		return
	}
	c.announceLiteral(e)
}

// announceLiteral appends the announcement of the literal.
func (c *Append) announceLiteral(e *Encoder) {
	if c.UTF8 {
		e.raw("UTF8 (")
	}
	if c.UTF8 || c.Binary {
		e.raw("~")
	}
	if c.Size < 0 {
		e.fail("message size of", c.Mailbox)
	}
	e.announce(c.Size)
}

// Trailer returns what ends the command behind what is announced last: CRLF, with the parentheses of
// UTF8 and CATENATE in front of it.
func (c *Append) Trailer() string {
	for c.Next != nil {
		c = c.Next
	}
	end := "\r\n"
	if c.Catenate != nil && c.Catenate.Announced != CatNone {
		end = ")" + end
	}
	if c.UTF8 {
		end = ")" + end
	}
	return end
}

// ParseAppend parses the frame of an APPEND command, which ends with the announcement of the
// message, "{310}", as Reader.ReadCommand returned it.
func ParseAppend(frame []byte, o ParseOptions) (tag string, a *Append, err error) {
	tag, cmd, err := ParseCommand(frame, o)
	if err != nil {
		return tag, nil, err
	}
	a, ok := cmd.(*Append)
	if !ok {
		return tag, nil, errNotAppend
	}
	return tag, a, nil
}

// ParseAppendNext parses what Reader.ReadRest returned behind the literal that prev, the last message
// so far, has announced. It returns what the command goes on with, or nil at its end: the next message
// (RFC 3502 §6.3.11), or where a part of a message was announced what the same message goes on with,
// which has a Catenate then and neither flags nor date.
func ParseAppendNext(frame []byte, prev *Append) (*Append, error) {
	l := &lexer{buf: frame}
	if prev.UTF8 {
		l.expect(')', "append-data")
	}
	next := &Append{Mailbox: prev.Mailbox}
	switch {
	case prev.Catenate != nil:
		next.Catenate = new(Catenate)
		if !l.take(')') {
			l.sp("cat-part")
			l.catParts(next)
		}
		l.appendNext(next)
	case l.err == nil && l.atEnd():
		return nil, nil
	default:
		l.appendMessages(next)
	}
	l.end("append")
	if l.err != nil {
		return nil, l.err
	}
	return next, nil
}

// parseAppend parses
//
//	append         = "APPEND" SP mailbox 1*append-message
func parseAppend(l *lexer, _ bool) Command {
	c := new(Append)
	l.sp("append")
	c.Mailbox = l.mailbox("mailbox")
	l.appendMessages(c)
	return c
}

// appendMessages parses messages up to the first that announces octets.
func (l *lexer) appendMessages(c *Append) {
	l.appendMessage(c)
	l.appendNext(c)
}

// appendNext parses the messages behind one for which nothing was announced, if there are any.
func (l *lexer) appendNext(c *Append) {
	for c.isWhole() && l.err == nil && !l.atEnd() {
		c.Next = &Append{Mailbox: c.Mailbox}
		c = c.Next
		l.appendMessage(c)
	}
}

// appendMessage parses
//
//	append-message = [SP flag-list] [SP date-time] SP append-data
//	append-data    = literal / literal8 / "UTF8" SP "(" literal8 ")" /
//	                 "CATENATE" SP "(" cat-part *(SP cat-part) ")"
//
// up to where the data begins. A line end behind the announcement is part of it.
func (l *lexer) appendMessage(c *Append) {
	l.sp("append-message")
	if l.peek() == '(' {
		c.Flags = l.flagList()
		l.sp("append-message")
	}
	if l.peek() == '"' {
		c.Date = l.dateTime("date-time")
		l.sp("append-message")
	}
	if l.keyword("CATENATE") {
		c.Catenate = new(Catenate)
		l.sp("append-data")
		l.expect('(', "append-data")
		l.catParts(c)
		return
	}
	if l.utf8Data(c, "append-data") {
		return
	}
	l.announced(c, "append-data")
}

// utf8Data parses "UTF8 (" and the announcement of a literal8, if they come next.
func (l *lexer) utf8Data(c *Append, production string) bool {
	if !l.keyword("UTF8") {
		return false
	}
	c.UTF8 = true
	l.sp(production)
	l.expect('(', production)
	if l.peek() != '~' {
		l.fail(production, "expected a literal8")
	}
	l.announced(c, production)
	return true
}

// announced parses the announcement of a literal.
func (l *lexer) announced(c *Append, production string) {
	c.Binary = l.take('~')
	l.expect('{', production)
	c.Size = l.number64("literal")
	c.NonSync = l.take('+')
	l.expect('}', "literal")
	if l.take('\r') && !l.take('\n') {
		l.fail("literal", "expected a line end")
	}
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

// AppendUIDArgs returns the arguments of APPENDUID (RFC 4315 §3).
func AppendUIDArgs(r imap.AppendResult) string {
	return string(r.UIDs.AppendTo(append(AppendNumber(nil, r.UIDValidity), ' ')))
}
