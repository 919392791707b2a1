// Package mailfile reads messages from files as other programs keep them: mbox files, Maildirs, and
// files of one message. All messages come with the line ends of the Internet.
package mailfile

import (
	"bytes"
	"io"
	"os"
	"time"

	"restante/imap"
	"restante/imapclient"
)

// Message is a message in a file. Body must be read before the next message is asked for.
type Message struct {
	Flags []imap.Flag
	Date  time.Time // of its arrival; zero when it is not known
	Size  int64     // octets of Body
	Body  io.Reader
}

// Read returns the message that a file holds. It was received when the file was last changed. The
// file must stay open until the message has been read.
func Read(f *os.File, flags []imap.Flag) (*Message, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	size, err := imapclient.CRLFSize(f)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, ErrEmpty
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return &Message{Flags: flags, Date: info.ModTime(), Size: size, Body: imapclient.NewCRLF(f)}, nil
}

// CRLF returns text with every bare LF as CRLF.
func CRLF(text []byte) []byte {
	lf := bytes.Count(text, []byte("\n"))
	if lf == bytes.Count(text, []byte("\r\n")) {
		return text
	}
	out := make([]byte, 0, len(text)+lf)
	for line := range bytes.Lines(text) {
		body, ok := bytes.CutSuffix(line, []byte("\n"))
		out = append(out, bytes.TrimSuffix(body, []byte("\r"))...)
		if ok {
			out = append(out, "\r\n"...)
		}
	}
	return out
}
