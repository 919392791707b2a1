// Package spool keeps a message until it can be handled as a whole: the first octets in memory, a
// longer one in a file.
package spool

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// Spool holds what is written to it. Once all is written it may be read by several goroutines. The
// zero value keeps everything in a file.
type Spool struct {
	Dir   string // for the file; "" is os.TempDir
	Limit int64  // octets that are held in memory

	memory []byte
	file   *os.File
	size   int64
}

// Write appends p. Its errors are those of the file.
func (s *Spool) Write(p []byte) (int, error) {
	if s.file == nil && s.size+int64(len(p)) <= s.Limit {
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
		return n, fmt.Errorf("spool: %w", err)
	}
	return n, nil
}

func (s *Spool) spill() error {
	file, err := os.CreateTemp(s.Dir, "restante-")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	// Nobody but us needs the name, and no crash can leave the file behind.
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return fmt.Errorf("spool: %w", err)
	}
	s.file = file
	if _, err := file.Write(s.memory); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.memory = nil
	return nil
}

// Size returns how many octets were written.
func (s *Spool) Size() int64 { return s.size }

// ReadAt implements io.ReaderAt.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	return bytes.NewReader(s.memory).ReadAt(p, off)
}

// Reader returns a reader of all that was written.
func (s *Spool) Reader() io.Reader { return io.NewSectionReader(s, 0, s.size) }

// Close gives everything back. Readers are void, and nothing is held any more.
func (s *Spool) Close() {
	if s.file != nil {
		s.file.Close()
	}
	s.file, s.memory, s.size = nil, nil, 0
}
