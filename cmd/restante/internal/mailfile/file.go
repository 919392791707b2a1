package mailfile

import (
	"errors"
	"io"
	"os"
)

// OpenFile opens an mbox file or a file of one message. What is neither is ErrNoMail or ErrEmpty.
func OpenFile(path string) (Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := newReader(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func newReader(f *os.File) (Reader, error) {
	kind := Recognize(f)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	switch {
	case errors.Is(kind, ErrMbox):
		return mboxFile{NewMbox(f), f}, nil
	case kind != nil:
		return nil, kind
	}
	return &messageFile{File: f}, nil
}

// mboxFile is an mbox file that is closed at the end.
type mboxFile struct {
	*Mbox
	io.Closer
}

// messageFile is a file of one message.
type messageFile struct {
	*os.File
	read bool
}

// Next returns the message, once.
func (m *messageFile) Next() (*Message, error) {
	if m.read {
		return nil, io.EOF
	}
	m.read = true
	return Read(m.File, nil)
}
