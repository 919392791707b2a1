package localstore

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/imap"
	"restante/store"
)

func openBench(b *testing.B, o *Options) (*Store, store.Account, store.Mailbox) {
	b.Helper()
	s, err := Open(b.TempDir(), o)
	if err != nil {
		b.Fatal(err)
	}
	u, err := s.CreateUser(ctx, "ann", nil)
	if err != nil {
		b.Fatal(err)
	}
	a, err := s.Account(ctx, u.ID)
	if err != nil {
		b.Fatal(err)
	}
	e, _ := a.Namespace().Lookup("INBOX")
	box, err := a.Open(ctx, e.ID)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		box.Close()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	})
	return s, a, box
}

// BenchmarkRaw is what the disk does: append 4.7 KB and fdatasync.
func BenchmarkRaw(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 4096+660)
	for b.Loop() {
		if _, err := f.Write(buf); err != nil {
			b.Fatal(err)
		}
		if err := fdatasync(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	text := strings.Repeat("x", 4096)
	summary := []byte(strings.Repeat("s", 600))
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			_, a, box := openBench(b, nil)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if _, err := a.Append(ctx, box.ID(), []store.NewMessage{{Size: 4096, Body: strings.NewReader(text), Summary: func() []byte { return summary }}}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// fillBox appends n messages with summaries of 600 octets.
func fillBox(b *testing.B, a store.Account, box store.Mailbox, n int) {
	b.Helper()
	summary := []byte(strings.Repeat("summary of a message, ", 30)[:600])
	for n > 0 {
		msgs := make([]store.NewMessage, min(n, 5000))
		for i := range msgs {
			msgs[i] = store.NewMessage{Size: 4, Body: strings.NewReader("body"), Summary: func() []byte { return summary }}
		}
		if _, err := a.Append(ctx, box.ID(), msgs); err != nil {
			b.Fatal(err)
		}
		n -= len(msgs)
	}
}

func BenchmarkSummaries(b *testing.B) {
	s, a, box := openBench(b, &Options{NoSync: true})
	fillBox(b, a, box, 50_000)
	if err := s.index.Flush(); err != nil {
		b.Fatal(err)
	}
	var refs []uint64
	for _, r := range box.Version().Rows() {
		refs = append(refs, r.Ref)
	}
	const batch = 500
	out := make([][]byte, batch)
	var buf []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var err error
		at := n % len(refs)
		if buf, err = box.Summaries(ctx, refs[at:at+batch], buf[:0], out); err != nil || len(out[batch-1]) != 600 {
			b.Fatal(err, len(out[batch-1]))
		}
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "summaries/s")
}

// BenchmarkOpenMailbox opens a mailbox that is not in memory.
func BenchmarkOpenMailbox(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			s, a, box := openBench(b, &Options{NoSync: true, CacheRows: 1, CheckpointEvery: time.Hour})
			fillBox(b, a, box, n)
			id := box.ID()
			box.Close()
			s.kickJanitor()
			for s.loaded(boxKey{a.ID(), id}) != nil {
				time.Sleep(10 * time.Millisecond)
			}
			b.ReportAllocs()
			for b.Loop() {
				m, err := a.Open(ctx, id)
				if err != nil || m.Version().Len() != n {
					b.Fatal(err)
				}
				m.Close()
			}
		})
	}
}

func BenchmarkFlag(b *testing.B) {
	_, a, box := openBench(b, nil)
	fillBox(b, a, box, 100_000)
	for i := 0; b.Loop(); i++ {
		if _, err := box.StoreFlags(ctx, imap.UIDs(imap.UID(i%100_000+1)), imap.StoreOp(1+i/100_000%2), []imap.Flag{imap.Seen}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprintf("tcp/size=%d", size), func(b *testing.B) {
			_, a, box := openBench(b, &Options{NoSync: true})
			if _, err := a.Append(ctx, box.ID(), []store.NewMessage{{Size: int64(size), Body: strings.NewReader(strings.Repeat("x", size))}}); err != nil {
				b.Fatal(err)
			}
			ref := box.Version().At(1).Ref
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				if c, err := l.Accept(); err == nil {
					io.Copy(io.Discard, c)
					c.Close()
				}
			}()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				body, err := box.Body(ctx, ref)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := body.WriteRange(c, 0, int64(size)); err != nil || n != int64(size) {
					b.Fatal(n, err)
				}
				body.Close()
			}
			c.Close()
			<-done
		})
	}
}
