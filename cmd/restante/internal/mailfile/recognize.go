package mailfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// What a file may be that is no message.
var (
	ErrMbox   = errors.New("this is an mbox file, which holds many messages")
	ErrNoMail = errors.New("this is no message: it does not begin with header fields such as \"From: ann@example.org\"")
	ErrEmpty  = errors.New("the file is empty")
)

// maxFirstLine is how much of a file is looked at to see what it is, octets.
const maxFirstLine = 4 << 10

// Recognize reports whether r begins as a message does, with a header field (RFC 5322 §2.2): nil when
// it does, else ErrMbox, ErrNoMail or ErrEmpty. It consumes some of r.
func Recognize(r io.Reader) error {
	start, err := bufio.NewReaderSize(r, maxFirstLine).Peek(maxFirstLine)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case len(start) == 0:
		return ErrEmpty
	case bytes.HasPrefix(start, []byte("From ")):
		return ErrMbox
	}
	// Obsolete mail has blanks before the colon (RFC 5322 §4.5).
	name, _, ok := bytes.Cut(start, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !ok || len(name) == 0 || bytes.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return ErrNoMail
	}
	return nil
}
