package transcript

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	maxLine    = 1 << 20 // octets of a response outside of its literals
	maxLiteral = 1 << 26
)

// session is one connection and what its client knows.
type session struct {
	name string
	nc   net.Conn
	r    *bufio.Reader
	rev2 bool
	raw  bool // logs in by itself
	sent []command
	tags int
	view view
	log  []string // the conversation, for reports
	gone bool
}

// command is a command whose tagged response has not come.
type command struct {
	tag  string
	line int
	text string
}

func newSession(name string, nc net.Conn) *session {
	return &session{name: name, nc: nc, r: bufio.NewReader(nc)}
}

// send writes a line or octets and notes them.
func (s *session) send(limit time.Duration, data string) error {
	s.note("C: ", data)
	if err := s.nc.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := io.WriteString(s.nc, data)
	return err
}

// command sends a command with a tag of its own, and returns the tag.
func (s *session) command(limit time.Duration, line int, text string) (string, error) {
	s.tags++
	tag := s.name + strconv.Itoa(s.tags)
	s.sent = append(s.sent, command{tag, line, text})
	return tag, s.send(limit, tag+" "+text+"\r\n")
}

// next reads one response and checks what must hold for every one.
func (s *session) next(limit time.Duration) (response, error) {
	if err := s.nc.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return response{}, err
	}
	raw, outside, err := readResponse(s.r)
	if err != nil {
		if raw != "" {
			s.note("S: ", raw)
		}
		return response{}, err
	}
	s.note("S: ", raw)
	r, err := parseResponse(raw)
	if err != nil {
		return r, &violation{show(raw), "malformed: " + err.Error()}
	}
	rule := s.view.check(s, &r)
	if !s.rev2 && strings.IndexFunc(outside, func(c rune) bool { return c >= 0x80 }) >= 0 {
		rule = "octets above 127 outside of a literal (RFC 3501 §9)"
	}
	if rule != "" {
		return r, &violation{show(raw), rule}
	}
	if len(s.sent) > 0 && r.tag == s.sent[0].tag {
		s.sent = s.sent[1:]
	}
	return r, nil
}

// violation is a response that no server may ever send there.
type violation struct{ response, rule string }

func (v *violation) Error() string { return v.response + "\n      " + v.rule }

// readResponse reads one response with its literals; outside is what is not in them. Neither has
// the last CRLF.
func readResponse(r *bufio.Reader) (raw, outside string, err error) {
	var all, out strings.Builder
	for {
		line, err := readLine(r)
		all.WriteString(line)
		out.WriteString(line)
		if err != nil {
			return all.String(), out.String(), err
		}
		size, ok := literalSize(line)
		if !ok || isStatusLine(out.String()) {
			return all.String(), out.String(), nil
		}
		if size > maxLiteral {
			return all.String(), out.String(), fmt.Errorf("literal of %d octets", size)
		}
		all.WriteString("\r\n")
		if _, err := io.CopyN(&all, r, size); err != nil {
			return all.String(), out.String(), fmt.Errorf("in a literal of %d octets: %w", size, err)
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return string(line[:100]), errors.New("line too long")
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(line), err
		}
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || strings.Contains(text, "\r") {
		return text, fmt.Errorf("line does not end in CRLF: %q", line)
	}
	return text, nil
}

// literalSize returns the size of the literal that the line announces.
func literalSize(line string) (int64, bool) {
	if !strings.HasSuffix(line, "}") {
		return 0, false
	}
	n, err := strconv.ParseInt(line[strings.LastIndexByte(line, '{')+1:len(line)-1], 10, 64)
	return n, err == nil && n >= 0
}

// isStatusLine reports whether a line is OK, NO, BAD, BYE or PREAUTH, whose text may end like the
// announcement of a literal.
func isStatusLine(line string) bool {
	words := strings.SplitN(line, " ", 3)
	return words[0] == "+" || len(words) > 1 && statusWords[strings.ToUpper(words[1])]
}

// startTLS makes the connection a TLS one.
func (s *session) startTLS(limit time.Duration, config *tls.Config) error {
	if s.r.Buffered() > 0 {
		return errors.New("the server said something between its OK and the TLS handshake")
	}
	nc := tls.Client(s.nc, config)
	if err := nc.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if err := nc.Handshake(); err != nil {
		return err
	}
	s.note("C: ", "(TLS handshake)")
	s.nc, s.r = nc, bufio.NewReader(nc)
	return nil
}

func (s *session) note(who, text string) {
	if strings.HasPrefix(text, s.name+"1 LOGIN ") && !s.raw {
		text = s.name + "1 LOGIN ..." // the automatic one: no credentials in reports
	}
	s.log = append(s.log, who+show(strings.TrimSuffix(text, "\r\n")))
}

// show makes wire text readable on one line.
func show(raw string) string {
	q := strings.NewReplacer("\r\n", `\r\n`, "\r", `\r`, "\n", `\n`, "\x00", `\x00`).Replace(raw)
	if len(q) > 600 {
		q = q[:500] + fmt.Sprintf("... (%d octets)", len(raw))
	}
	return q
}
