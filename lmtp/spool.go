package lmtp

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// spool holds a message until it is delivered: the first octets in memory, a longer message in
// a file without a name. Readers may be used concurrently once all is written.
type spool struct {
	dir    string
	limit  int64 // of memory
	memory []byte
	file   *os.File
	size   int64
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.size+int64(len(p)) <= s.limit {
		s.memory = append(s.memory, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("lmtp: spooling: %w", err)
	}
	return n, nil
}

func (s *spool) spill() error {
	file, err := os.CreateTemp(s.dir, "lmtp-")
	if err != nil {
		return fmt.Errorf("lmtp: spooling: %w", err)
	}
	// Nobody but us needs the name, and no crash can leave the file behind.
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return fmt.Errorf("lmtp: spooling: %w", err)
	}
	s.file = file
	if _, err := file.Write(s.memory); err != nil {
		return fmt.Errorf("lmtp: spooling: %w", err)
	}
	s.memory = nil
	return nil
}

// reader returns a reader of the whole message.
func (s *spool) reader() io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.memory)
}

// close gives everything back. Readers are void.
func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
	s.file, s.memory, s.size = nil, nil, 0
}
