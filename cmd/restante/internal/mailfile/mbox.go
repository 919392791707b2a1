package mailfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"restante/imap"
	"restante/message"
)

// maxMessage is how long a message in an mbox file may be, in octets: its end is only found by
// reading it, so it is held in memory once.
const maxMessage = 512 << 20

// Mbox reads the messages of an mbox file (RFC 4155), in the mboxrd form: a line that starts
// with any number of ">" and "From " has lost one ">".
type Mbox struct {
	r    *bufio.Reader
	line []byte // the From line of the next message
}

// NewMbox reads messages from r.
func NewMbox(r io.Reader) *Mbox { return &Mbox{r: bufio.NewReaderSize(r, 64<<10)} }

// IsMbox reports whether the file starts as an mbox file does.
func (m *Mbox) IsMbox() bool {
	start, _ := m.r.Peek(5)
	return string(start) == "From "
}

// Next returns the next message; io.EOF after the last.
func (m *Mbox) Next() (*Message, error) {
	if m.line == nil {
		line, err := m.r.ReadBytes('\n')
		if err != nil && (err != io.EOF || len(line) == 0) {
			return nil, err
		}
		m.line = line
	}
	msg := &Message{Date: mboxDate(m.line)}
	m.line = nil
	var text []byte
	blank := true // the line before is empty: a From line may follow
	for {
		line, err := m.r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		if blank && bytes.HasPrefix(line, []byte("From ")) {
			m.line = line
			break
		}
		if quoted := bytes.TrimLeft(line, ">"); len(quoted) < len(line) && bytes.HasPrefix(quoted, []byte("From ")) {
			line = line[1:]
		}
		text = append(text, line...)
		if len(text) > maxMessage {
			return nil, fmt.Errorf("a message is longer than %d octets", maxMessage)
		}
		if err == io.EOF {
			break
		}
		blank = len(bytes.TrimRight(line, "\r\n")) == 0
	}
	// The empty line behind every message belongs to the format.
	if t, ok := bytes.CutSuffix(text, []byte("\r\n\r\n")); ok {
		text = text[:len(t)+2]
	} else if t, ok := bytes.CutSuffix(text, []byte("\n\n")); ok {
		text = text[:len(t)+1]
	}
	text = CRLF(text)
	msg.Flags = statusFlags(text)
	msg.Size, msg.Body = int64(len(text)), bytes.NewReader(text)
	return msg, nil
}

// mboxDate returns the date at the end of a From line, which is that of asctime in UTC; zero when
// there is none.
func mboxDate(line []byte) time.Time {
	fields := strings.Fields(string(line))
	for i := 2; i+5 <= len(fields); i++ {
		if t, err := time.Parse("Mon Jan 2 15:04:05 2006", strings.Join(fields[i:i+5], " ")); err == nil {
			return t
		}
	}
	return time.Time{}
}

// statusFlags returns the flags in the Status and X-Status fields of a message.
func statusFlags(text []byte) (flags []imap.Flag) {
	header := text
	if i := bytes.Index(text, []byte("\r\n\r\n")); i >= 0 {
		header = text[:i+2]
	}
	for f := range message.Fields(string(header)) {
		if !f.Is("Status") && !f.Is("X-Status") {
			continue
		}
		for _, c := range f.Value() {
			switch c {
			case 'R':
				flags = append(flags, imap.Seen)
			case 'A':
				flags = append(flags, imap.Answered)
			case 'F':
				flags = append(flags, imap.Flagged)
			case 'T':
				flags = append(flags, imap.Draft)
			case 'D':
				flags = append(flags, imap.Deleted)
			}
		}
	}
	return flags
}
