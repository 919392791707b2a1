package mailfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// What a file may be that is no message.
var (
	ErrMbox   = errors.New("this is an mbox file, which holds many messages")
	ErrNoMail = errors.New("this is no message: it does not begin with header fields such as \"From: ann@example.org\"")
	ErrEmpty  = errors.New("the file is empty")
)

// maxBeginning is how much of a file is looked at to see what it is, octets.
const maxBeginning = 4 << 10

// Recognize reports whether r begins as a message does, with header fields (RFC 5322 §2.2), one of which
// is a field of mail: many a file has lines with colons. It is nil when it does, else ErrMbox, ErrNoMail
// or ErrEmpty. It consumes some of r.
func Recognize(r io.Reader) error {
	start, err := bufio.NewReaderSize(r, maxBeginning).Peek(maxBeginning)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case len(start) == 0:
		return ErrEmpty
	case bytes.HasPrefix(start, []byte("From ")):
		return ErrMbox
	case fieldName(start) == "":
		return ErrNoMail
	}
	for line := range bytes.Lines(start) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if isMailField(fieldName(line)) {
			return nil
		}
	}
	return ErrNoMail
}

// fieldName returns the name of a header field, in small letters, "" when a line is none. Obsolete mail has
// blanks before the colon (RFC 5322 §4.5).
func fieldName(line []byte) string {
	name, _, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !ok || bytes.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return ""
	}
	return string(bytes.ToLower(name))
}

// isMailField reports whether a name is that of a field of messages, or begins as those do.
func isMailField(name string) bool {
	switch name {
	case "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references",
		"comments", "keywords", "mime-version", "received", "return-path", "delivered-to", "envelope-to", "status", "newsgroups":
		return true
	}
	for _, begin := range []string{"x-", "content-", "resent-", "list-", "dkim-", "arc-", "authentication-", "received-"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}
