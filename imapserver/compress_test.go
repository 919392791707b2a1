package imapserver_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"restante/internal/transcript"
	"restante/store/memstore"
)

// deflated is the client's side of a connection that compresses (RFC 4978 §3).
type deflated struct {
	net.Conn
	r io.Reader
	w *flate.Writer
}

func (d *deflated) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err == io.ErrUnexpectedEOF { // the server does not end the stream before the connection
		err = io.EOF
	}
	return n, err
}

func (d *deflated) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err == nil {
		err = d.w.Flush()
	}
	return n, err
}

// compress makes both sides compress.
func (w *wire) compress() *deflated {
	w.t.Helper()
	w.ok("COMPRESS DEFLATE")
	fw, err := flate.NewWriter(w.nc, flate.BestCompression)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &deflated{Conn: w.nc, r: flate.NewReader(w.r), w: fw}
	w.nc, w.r = d, bufio.NewReader(d)
	return d
}

// startCompressing returns a server, and a connection to it that compresses.
func startCompressing(t *testing.T) (*testServer, transcript.Target, *wire, *deflated) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialUser(t, ts, user)
	return ts, user, w, w.compress()
}

// TestCompressBomb sends many octets in few: they cost what as many octets cost that are not compressed,
// and lines beyond all measure end the connection.
func TestCompressBomb(t *testing.T) {
	const size = 10 << 20
	_, _, w, d := startCompressing(t)
	var bomb bytes.Buffer
	fw, _ := flate.NewWriter(&bomb, flate.BestCompression)
	fw.Write(make([]byte, size))
	fw.Flush()
	if bomb.Len() > size/900 {
		t.Fatalf("%d octets are no bomb", bomb.Len())
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := d.Conn.Write(bomb.Bytes()); err != nil {
		t.Fatal(err)
	}
	w.expect("* BYE ")
	if _, err := w.r.ReadByte(); err == nil { // what it has not read may reset the connection
		t.Error("the connection is not closed")
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size/4 {
		t.Errorf("%d octets were allocated", allocated)
	}
}

// TestCompressLiteralBomb announces literals and sends their octets in few.
func TestCompressLiteralBomb(t *testing.T) {
	_, _, w, _ := startCompressing(t)
	w.send("a SELECT {%d+}\r\n%s\r\n", 1<<20, strings.Repeat("x", 1<<20))
	w.expect("a NO ")
	w.send("b SELECT {%d+}\r\n%s\r\n", 2<<20, strings.Repeat("x", 2<<20))
	w.expect("b BAD [TOOBIG] ")
	w.ok("NOOP")
}

// TestCompressPieces sends the octets of commands one by one, and several commands at once.
func TestCompressPieces(t *testing.T) {
	_, _, w, d := startCompressing(t)
	var stream bytes.Buffer
	fw, _ := flate.NewWriter(&stream, 9)
	for range 3 {
		for range 5 {
			fw.Write([]byte("a NOOP\r\nb NOOP\r\n"))
			fw.Flush()
		}
		fw.Write([]byte("a NOOP\r\nb NO"))
		fw.Write([]byte("OP\r\n"))
		fw.Flush()
	}
	for _, b := range stream.Bytes() {
		if _, err := d.Conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	for range 18 {
		w.expect("a OK ")
		w.expect("b OK ")
	}
}

// TestCompressEnds are the ways in which a connection that compresses may end.
func TestCompressEnds(t *testing.T) {
	ts, user, w, d := startCompressing(t)
	d.Conn.Write([]byte("x NOOP\r\n"))
	w.expect("* BYE What was received is not compressed")
	w.closed()

	w = dialUser(t, ts, user)
	d = w.compress()
	d.Conn.Write([]byte("\x07")) // a block of the type that does not exist
	w.expect("* BYE What was received is not compressed")
	w.closed()

	w = dialUser(t, ts, user)
	d = w.compress()
	w.send("a NOOP\r\n")
	d.Conn.(*net.TCPConn).CloseWrite()
	w.expect("a OK ")
	w.closed()

	w = dialUser(t, ts, user)
	d = w.compress()
	io.WriteString(d.w, "a NOOP\r\nb NOOP")
	d.w.Close() // the stream ends
	w.expect("a OK ")
	w.closed()

	w = dialUser(t, ts, user)
	d = w.compress()
	io.WriteString(d.w, strings.Repeat("NOOP", 100))
	d.w.Flush()
	d.Conn.(*net.TCPConn).CloseWrite()
	w.closed()

	// What is sent behind the command and before its answer is neither.
	w = dialUser(t, ts, user)
	w.send("a COMPRESS DEFLATE\r\nb NOOP\r\n")
	w.expect("* BYE ")
	w.closed()
}

// TestCompressLong receives a message that is written past the output buffer, while it cannot be
// compressed and while it can.
func TestCompressLong(t *testing.T) {
	_, user, w, _ := startCompressing(t)
	random := make([]byte, 300_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = "0123456789abcdefghijklmnopqrstuvwxyz+-"[r.IntN(38)]
	}
	for _, body := range []string{string(random), strings.Repeat("a line of text\r\n", 20_000)} {
		if err := user.Seed("INBOX", []byte("\r\n"+body), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	w.ok("SELECT INBOX")
	for i, want := range []string{string(random), strings.Repeat("a line of text\r\n", 20_000)} {
		w.send("f FETCH %d BODY.PEEK[TEXT]\r\n", i+1)
		w.expect("* ")
		got := make([]byte, len(want))
		if _, err := io.ReadFull(w.r, got); err != nil || string(got) != want {
			t.Fatal("another message was received", err)
		}
		w.expect(")")
		w.expect("f OK ")
	}
}
