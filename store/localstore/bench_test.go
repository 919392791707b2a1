package localstore

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func openBench(b *testing.B, o *Options) *user {
	b.Helper()
	u := newUser(b, openTest(b, b.TempDir(), o), "ann")
	b.Cleanup(func() { u.close(b) })
	return u
}

// appendOne appends one message.
func (u *user) appendOne(text string, summary []byte) error {
	body, err := u.s.Stage(ctx, store.System, u.id, strings.NewReader(text))
	if err != nil {
		return err
	}
	_, err = u.s.Commit(ctx, store.System, &store.Append{Mailbox: u.inbox.Ref(), Messages: []store.NewMessage{{Body: body, Summary: summary}}})
	return err
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
			u := openBench(b, nil)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if err := u.appendOne(text, summary); err != nil {
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

// fill appends n messages with summaries of 600 octets.
func (u *user) fill(b *testing.B, n int) {
	b.Helper()
	summary := []byte(strings.Repeat("summary of a message, ", 30)[:600])
	for n > 0 {
		msgs := make([]store.NewMessage, min(n, 5000))
		for i := range msgs {
			body, err := u.s.Stage(ctx, store.System, u.id, strings.NewReader("body"))
			must(b, err)
			msgs[i] = store.NewMessage{Body: body, Summary: summary}
		}
		if _, err := u.s.do(&store.Append{Mailbox: u.inbox.Ref(), Messages: msgs}); err != nil {
			b.Fatal(err)
		}
		n -= len(msgs)
	}
}

func BenchmarkDetails(b *testing.B) {
	u := openBench(b, &Options{NoSync: true})
	u.fill(b, 50_000)
	if err := u.s.index.Flush(); err != nil {
		b.Fatal(err)
	}
	var rows []mailbox.Row
	for _, r := range u.inbox.Version().Rows() {
		rows = append(rows, *r)
	}
	const batch = 500
	out := make([]store.Details, batch)
	var buf []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var err error
		at := n % len(rows)
		if buf, _, err = u.inbox.Details(ctx, rows[at:at+batch], buf[:0], 1<<20, out); err != nil || len(out[batch-1].Summary) != 600 {
			b.Fatal(err, len(out[batch-1].Summary))
		}
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "summaries/s")
}

// BenchmarkOpenMailbox opens a mailbox that is not in memory, and tells what it takes there.
func BenchmarkOpenMailbox(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			u := openBench(b, &Options{NoSync: true, CacheRows: 1, CheckpointEvery: time.Hour})
			u.fill(b, n)
			ref := u.inbox.Ref()
			u.inbox.Close()
			u.s.kickJanitor()
			for u.s.loaded(ref) != nil {
				time.Sleep(10 * time.Millisecond)
			}
			b.ReportAllocs()
			for b.Loop() {
				m, err := u.s.Open(ctx, store.System, ref)
				if err != nil || m.Version().Len() != n {
					b.Fatal(err)
				}
				m.Close()
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			m, err := u.s.Open(ctx, store.System, ref)
			must(b, err)
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(n), "heap-octets/message")
			m.Close()
		})
	}
}

func BenchmarkFlag(b *testing.B) {
	u := openBench(b, nil)
	u.fill(b, 100_000)
	for i := 0; b.Loop(); i++ {
		if err := u.flag(u.inbox, imap.UIDs(imap.UID(i%100_000+1)), imap.StoreOp(1+i/100_000%2), imap.Seen); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprintf("tcp/size=%d", size), func(b *testing.B) {
			u := openBench(b, &Options{NoSync: true})
			must(b, u.appendOne(strings.Repeat("x", size), nil))
			row := u.inbox.Version().At(1)
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
				body, err := u.inbox.Body(ctx, &row)
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
