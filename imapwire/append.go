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

// Append adds a message to a mailbox (RFC 9051 §6.3.12). The message itself is not part of the
// value: on the server it is the literal that Reader.ReadCommand leaves in the stream, in the
// client the caller sends it behind the encoder's segments.
type Append struct {
	Mailbox string
	Flags   []imap.Flag
	Date    time.Time // the internal date; zero: none given
	Size    int64     // octets of the message
	Binary  bool      // literal8: the message may hold NUL (RFC 3516 §4.4)
	UTF8    bool      // inside UTF8 (...): headers may be UTF-8 (RFC 6855 §4)
	NonSync bool      // the literal was not synchronising; set by the parser
}

// Name returns "APPEND".
func (*Append) Name() string { return "APPEND" }

// AppendArgs appends everything up to the announcement of the message and its line end.
func (c *Append) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
	c.AppendMessage(e)
}

// AppendMessage appends what announces a message: flags, date and size. With it a client sends the
// second and every further message of MULTIAPPEND (RFC 3502 §6.3.11).
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

// Trailer returns what ends the command behind the message: CRLF, with the parenthesis of UTF8 in
// front of it.
func (c *Append) Trailer() string {
	if c.UTF8 {
		return ")\r\n"
	}
	return "\r\n"
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

// ParseAppendNext parses what Reader.ReadRest returned behind the message of prev. It returns the
// next message of MULTIAPPEND (RFC 3502 §6.3.11), or nil at the end of the command.
func ParseAppendNext(frame []byte, prev *Append) (*Append, error) {
	l := &lexer{buf: frame}
	if prev.UTF8 {
		l.expect(')', "append-data")
	}
	if l.err == nil && l.atEnd() {
		return nil, nil
	}
	next := &Append{Mailbox: prev.Mailbox}
	l.appendMessage(next)
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
	l.appendMessage(c)
	return c
}

// appendMessage parses
//
//	append-message = [SP flag-list] [SP date-time] SP append-data
//	append-data    = literal / literal8 / "UTF8" SP "(" literal8 ")"
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
	if l.keyword("UTF8") {
		c.UTF8 = true
		l.sp("append-data")
		l.expect('(', "append-data")
		if l.peek() != '~' {
			l.fail("append-data", "expected a literal8")
		}
	}
	c.Binary = l.take('~')
	l.expect('{', "append-data")
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
