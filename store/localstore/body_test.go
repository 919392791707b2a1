package localstore

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/store"
)

// TestWriteDeadline checks that a client that stops reading does not outlast its deadline,
// whichever way the octets go.
func TestWriteDeadline(t *testing.T) {
	s := openTest(t, t.TempDir(), &Options{NoSync: true})
	u := newUser(t, s, "ann")
	_, err := u.add(strings.Repeat("0123456789abcdef", 1<<20))
	must(t, err)
	row := u.inbox.Version().At(1)
	body, err := u.inbox.Body(ctx, &row)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	must(t, c.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	n, err := body.WriteRange(c, 0, body.Size())
	if !errors.Is(err, os.ErrDeadlineExceeded) || n <= 0 || n >= body.Size() {
		t.Errorf("wrote %d of %d octets: %v", n, body.Size(), err)
	}
	must(t, c.Close())
	if _, err := body.WriteRange(c, 0, body.Size()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("to a closed connection: %v", err)
	}
	must(t, l.Close())
	must(t, body.Close())
	if n, err := body.ReadAt(make([]byte, 1), 0); err == nil {
		t.Errorf("read %d octets of a closed body", n)
	}
	u.close(t)
}

// TestDamagedLater damages large bodies after they were read once: no octet that is not theirs is ever
// handed out, by whichever way of reading, and the next one to open the message is told at once.
func TestDamagedLater(t *testing.T) {
	for _, in := range []string{"log", "large"} {
		dir := t.TempDir()
		o := &Options{NoSync: true}
		if in == "large" {
			o.InlineMessage = 1000
		}
		s := openTest(t, dir, o)
		u := newUser(t, s, "ann")
		var text []byte
		for i := range 300_000 {
			text = append(text, byte('a'+i*i%23))
		}
		_, err := u.add(string(text))
		must(t, err)
		row := u.inbox.Version().At(1)
		paths, err := filepath.Glob(filepath.Join(dir, in, "*"))
		must(t, err)
		data, err := os.ReadFile(paths[0])
		must(t, err)
		at := bytes.Index(data, text)
		const flipped = 2*bufferLen + 77
		flip := func() {
			f, err := os.OpenFile(paths[0], os.O_RDWR, 0)
			must(t, err)
			b := make([]byte, 1)
			_, err = f.ReadAt(b, int64(at)+flipped)
			must(t, err)
			b[0] ^= 4
			_, err = f.WriteAt(b, int64(at)+flipped)
			must(t, err)
			must(t, f.Close())
		}
		for name, read := range map[string]func(store.Body) ([]byte, error){
			"WriteRange": func(b store.Body) ([]byte, error) {
				var w bytes.Buffer
				_, err := b.WriteRange(&w, 0, b.Size())
				return w.Bytes(), err
			},
			"ReadAt of all": func(b store.Body) ([]byte, error) {
				p := make([]byte, b.Size())
				n, err := b.ReadAt(p, 0)
				return p[:n], err
			},
			"ReadAt of little": func(b store.Body) ([]byte, error) {
				return io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
			},
		} {
			body, err := u.inbox.Body(ctx, &row)
			must(t, err)
			if got, err := read(body); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%s, %s: %d octets, %v", in, name, len(got), err)
			}
			must(t, body.Close())
			body, err = u.inbox.Body(ctx, &row)
			must(t, err)
			flip()
			got, err := read(body)
			if !errors.Is(err, ErrCorrupt) || !bytes.HasPrefix(text, got) || len(got) < 2*bufferLen {
				t.Errorf("%s, %s: %d octets, right %v, error %v", in, name, len(got), bytes.HasPrefix(text, got), err)
			}
			part := make([]byte, 1000)
			if n, err := body.ReadAt(part, 4*bufferLen-500); err != nil || !bytes.Equal(part[:n], text[4*bufferLen-500:][:1000]) {
				t.Errorf("%s, %s: a part that is whole: %v", in, name, err)
			}
			must(t, body.Close())
			if _, err := u.inbox.Body(ctx, &row); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, %s: opened again: %v", in, name, err)
			}
			flip()
		}
		u.close(t)
	}
}
