package lmtp

import (
	"bufio"
	"bytes"
	"io"
)

// dotReader reads the message after DATA (RFC 5321 §4.5.2). The end is a dot alone between CRLFs
// and nothing else: were a bare LF to do, a message could smuggle in commands.
type dotReader struct {
	r         *bufio.Reader
	rest      []byte // of the line that is being read; r's buffer
	lineStart bool   // what comes follows a CRLF
	cr        bool   // the last octet was a CR
	end       bool
}

func newDotReader(r *bufio.Reader) *dotReader { return &dotReader{r: r, lineStart: true} }

func (d *dotReader) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// fill takes the next line, or a buffer's length of it, into rest.
func (d *dotReader) fill() error {
	for len(d.rest) == 0 {
		if d.end {
			return io.EOF
		}
		line, err := d.r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if d.lineStart && line[0] == '.' {
			if string(line) == ".\r\n" {
				d.end = true
				return io.EOF
			}
			line = line[1:]
		}
		if len(line) > 0 { // else the buffer held but the dot, which cannot be
			d.lineStart = bytes.HasSuffix(line, []byte("\r\n")) || d.cr && string(line) == "\n"
			d.cr = line[len(line)-1] == '\r'
		}
		d.rest = line
	}
	return nil
}

// lineFixer writes a message so that IMAP can serve it: lines end with CRLF, whatever number of
// CRs stood before the LF. A CR in a line stays.
type lineFixer struct {
	w    io.Writer
	crs  int  // CRs that are held back
	open bool // the last octet written was not that of a line end
	out  []byte
}

func (f *lineFixer) Write(p []byte) (int, error) {
	n := len(p)
	f.out = f.out[:0]
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i != 0 {
			if i < 0 {
				i = len(p)
			}
			f.release()
			f.out = append(f.out, p[:i]...)
			p = p[i:]
			continue
		}
		if p[0] == '\r' {
			f.crs++
		} else {
			f.crs = 0
			f.out = append(f.out, '\r', '\n')
		}
		p = p[1:]
		if f.crs > 4096 {
			f.release()
		}
	}
	if len(f.out) == 0 {
		return n, nil
	}
	f.open = f.out[len(f.out)-1] != '\n'
	_, err := f.w.Write(f.out)
	return n, err
}

func (f *lineFixer) release() {
	for ; f.crs > 0; f.crs-- {
		f.out = append(f.out, '\r')
	}
}

// finish ends the last line, which BDAT may leave open.
func (f *lineFixer) finish() error {
	if f.crs == 0 && !f.open {
		return nil
	}
	_, err := f.w.Write([]byte("\r\n"))
	return err
}

// headerFilter leaves the Return-Path fields out of a message's header: only the one that final
// delivery adds is true (RFC 5321 §4.4). It takes lines that lineFixer has made.
type headerFilter struct {
	w       io.Writer
	state   filterState
	matched int    // octets of returnPath at the start of this line
	held    []byte // them, as they were written
	out     []byte
}

type filterState uint8

const (
	atLineStart  filterState = iota
	inName                   // all octets of the line so far are of returnPath
	inLine                   // in a line that stays
	inSkipped                // in a line of a Return-Path
	afterSkipped             // at the start of the line after one
	inBody
)

const returnPath = "return-path"

func (f *headerFilter) Write(p []byte) (int, error) {
	if f.state == inBody {
		return f.w.Write(p)
	}
	n := len(p)
	f.out = f.out[:0]
	for len(p) > 0 {
		if f.state == inBody {
			f.out = append(f.out, p...)
			break
		}
		f.octet(p[0])
		p = p[1:]
	}
	if len(f.out) == 0 {
		return n, nil
	}
	_, err := f.w.Write(f.out)
	return n, err
}

func (f *headerFilter) octet(c byte) {
	if f.state == afterSkipped {
		if c == ' ' || c == '\t' {
			f.state = inSkipped
			return
		}
		f.state = atLineStart
	}
	switch f.state {
	case atLineStart:
		f.matched, f.held = 0, f.held[:0]
		switch {
		case c == '\r' || c == '\n':
			f.state = inBody
			f.out = append(f.out, c)
			return
		case c == ' ' || c == '\t':
			f.state = inLine
			f.out = append(f.out, c)
			return
		}
		f.state = inName
		f.name(c)
	case inName:
		f.name(c)
	case inLine:
		f.out = append(f.out, c)
		if c == '\n' {
			f.state = atLineStart
		}
	case inSkipped:
		if c == '\n' {
			f.state = afterSkipped
		}
	}
}

// name compares another octet of a field's name.
func (f *headerFilter) name(c byte) {
	switch {
	case f.matched < len(returnPath) && lower(c) == returnPath[f.matched]:
		f.matched++
		f.held = append(f.held, c)
	case f.matched == len(returnPath) && c == ':':
		f.state = inSkipped
	case f.matched == len(returnPath) && (c == ' ' || c == '\t') && len(f.held) < 128:
		f.held = append(f.held, c) // the obsolete syntax has blanks there (RFC 5322 §4.5)
	default:
		f.out = append(append(f.out, f.held...), c)
		f.held = f.held[:0]
		f.state = inLine
		if c == '\n' {
			f.state = atLineStart
		}
	}
}

// finish writes what is held back.
func (f *headerFilter) finish() error {
	if f.state != inName || len(f.held) == 0 {
		return nil
	}
	_, err := f.w.Write(f.held)
	return err
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
