package transcript

import (
	"bufio"
	"compress/flate"
	"errors"
	"io"
	"net"
)

// compressedConn is a connection on which both sides compress (RFC 4978 §3).
type compressedConn struct {
	net.Conn
	below *bufio.Reader // what is received, compressed
	r     io.Reader
	w     *flate.Writer
}

func (c *compressedConn) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err == io.ErrUnexpectedEOF { // nobody ends the stream before the connection
		err = io.EOF
	}
	return n, err
}

func (c *compressedConn) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err == nil {
		err = c.w.Flush()
	}
	return n, err
}

var errBehindOK = errors.New("the server said something behind its OK that is not compressed as what follows")

// compress begins to compress, after COMPRESS.
func (s *session) compress() error {
	if s.r.Buffered() > 0 {
		return errBehindOK
	}
	w, err := flate.NewWriter(s.nc, flate.DefaultCompression)
	if err != nil {
		return err
	}
	below := bufio.NewReader(s.nc)
	c := &compressedConn{Conn: s.nc, below: below, r: flate.NewReader(below), w: w}
	s.note("C: ", "(compression)")
	s.nc, s.r = c, bufio.NewReader(c)
	return nil
}

// uncompress ends it, after UNAUTHENTICATE (RFC 8437 §4.1).
func (s *session) uncompress() error {
	c, ok := s.nc.(*compressedConn)
	if !ok {
		return errors.New("nothing is compressed")
	}
	if s.r.Buffered() > 0 {
		return errBehindOK
	}
	s.note("C: ", "(no compression)")
	s.nc, s.r = c.Conn, c.below
	return nil
}
