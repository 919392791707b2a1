// Package clientbench measures imapclient beside go-imap's client.
//
//	go -C peers test ./clientbench -run '^$' -bench .
package clientbench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	goclient "github.com/emersion/go-imap/v2/imapclient"

	"restante/imap"
	"restante/imapclient"
	"restante/imapwire"
)

// The benchmarks measure the whole client, one connection, against a server that sends canned
// streams and runs in a process of its own. MB/cpu-s is what counts: octets of the stream by the
// CPU time of the client's process, kernel included. "scan" only finds the responses.

// cannedServer is the environment variable that makes the test binary a server.
const cannedServer = "RESTANTE_CANNED_SERVER"

const (
	cannedMessages = 20000
	cannedBodies   = 2000
	cannedNumbers  = 1000000
)

// cannedData returns the stream that answers a command, without the tagged reply.
func cannedData(cmd string) []byte {
	var b bytes.Buffer
	switch {
	case strings.Contains(cmd, "ENVELOPE"):
		for i := 1; i <= cannedMessages; i++ {
			fmt.Fprintf(&b, `* %d FETCH (UID %d FLAGS (\Seen $Junk) INTERNALDATE "06-May-2024 10:00:00 +0200" RFC822.SIZE %d ENVELOPE ("Mon, 6 May 2024 10:%02d:00 +0200" "Re: the quarterly report, number %d, with some more words" (("Ann Lee" NIL "ann" "example.org")) (("Ann Lee" NIL "ann" "example.org")) (("Ann Lee" NIL "ann" "example.org")) (("Bob" NIL "bob" "example.org")("Carol Miller" NIL "carol.miller" "corp.example.org")) ((NIL NIL "team" "lists.example.org")) NIL "<20240506.%d@mail.example.org>" "<20240506.%d.reply@mail.example.org>"))`+"\r\n",
				i, i+1000, 4000+i, i%60, i, i, i)
		}
	case strings.Contains(cmd, "BODYSTRUCTURE"):
		for i := 1; i <= cannedMessages; i++ {
			fmt.Fprintf(&b, `* %d FETCH (UID %d BODYSTRUCTURE ((("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" %d 40 NIL NIL NIL NIL)("text" "html" ("charset" "utf-8") NIL NIL "quoted-printable" 5200 90 NIL NIL NIL NIL) "alternative" ("boundary" "b1_%d") NIL NIL NIL)("application" "pdf" ("name" "report.pdf") NIL NIL "base64" 120000 NIL ("attachment" ("filename" "report.pdf")) NIL NIL) "mixed" ("boundary" "b2_%d") NIL NIL NIL))`+"\r\n",
				i, i+1000, 1000+i, i, i)
		}
	case strings.Contains(cmd, "FETCH"):
		body := strings.Repeat("A line of text that is in a message of about sixteen kibibytes.\r\n", 16<<10/65)
		for i := 1; i <= cannedBodies; i++ {
			fmt.Fprintf(&b, "* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", i, i+1000, len(body), body)
		}
	case strings.Contains(cmd, "SEARCH"):
		b.WriteString("* SEARCH")
		for i := range cannedNumbers {
			fmt.Fprintf(&b, " %d", 1000+2*i)
		}
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// serveCanned serves one connection and ends.
func serveCanned() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	data := cannedData(os.Getenv(cannedServer))
	fmt.Println(l.Addr())
	nc, err := l.Accept()
	if err != nil {
		panic(err)
	}
	caps := "[CAPABILITY IMAP4rev1 LITERAL+]"
	fmt.Fprintf(nc, "* PREAUTH %s canned\r\n", caps)
	for in := bufio.NewScanner(nc); in.Scan(); {
		tag, cmd, _ := strings.Cut(in.Text(), " ")
		switch {
		case strings.Contains(cmd, "FETCH"), strings.Contains(cmd, "SEARCH"):
			nc.Write(data)
		case strings.Contains(cmd, "SELECT"):
			fmt.Fprintf(nc, "* %d EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n", cannedNumbers)
		case strings.Contains(cmd, "CAPABILITY"):
			fmt.Fprint(nc, "* CAPABILITY IMAP4rev1 LITERAL+\r\n")
		}
		fmt.Fprintf(nc, "%s OK done\r\n", tag)
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(cannedServer) != "" {
		serveCanned() // a child of a benchmark
		return
	}
	m.Run()
}

func startCanned(b *testing.B, what string) net.Conn {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), cannedServer+"="+what)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	nc, err := net.Dial("tcp", strings.TrimSpace(addr))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { nc.Close(); cmd.Wait() })
	return nc
}

// measure runs f, which reads the stream once, and reports by octet and by item.
func measure(b *testing.B, what string, items int, f func()) {
	size := int64(len(cannedData(what)))
	b.SetBytes(size)
	f() // buffers grow once
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	cpu := cpuTime()
	for b.Loop() {
		f()
	}
	used := cpuTime() - cpu
	runtime.ReadMemStats(&m1)
	b.ReportMetric(float64(size)*float64(b.N)/1e6/used.Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(m1.Mallocs-m0.Mallocs)/float64(b.N)/float64(items), "allocs/item")
	b.ReportMetric(0, "ns/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ours(b *testing.B, what string) *imapclient.Conn {
	o := &imapclient.Options{AllowPlain: true, ID: map[string]string{}}
	k, err := imapclient.NewConn(context.Background(), startCanned(b, what), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { k.Close() })
	if _, err := k.Select(context.Background(), "INBOX").Wait(); err != nil {
		b.Fatal(err)
	}
	return k
}

func theirs(b *testing.B, what string) *goclient.Client {
	c := goclient.New(startCanned(b, what), nil)
	b.Cleanup(func() { c.Close() })
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		b.Fatal(err)
	}
	return c
}

func scan(b *testing.B, what, cmd string, items int) {
	nc := startCanned(b, what)
	r := imapwire.NewResponseReader(nc, imapwire.ResponseReaderOptions{})
	if _, _, err := r.ReadResponse(); err != nil {
		b.Fatal(err)
	}
	measure(b, what, items, func() {
		fmt.Fprintf(nc, "a %s\r\n", cmd)
		for {
			frame, _, err := r.ReadResponse()
			if err != nil {
				b.Fatal(err)
			}
			if frame[0] == 'a' {
				return
			}
		}
	})
}

func fetchOurs(b *testing.B, what string, n int, items ...imap.FetchItem) {
	k := ours(b, what)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	measure(b, what, n, func() {
		got := 0
		for m, err := range k.Fetch(ctx, imap.UIDRange(1, 0), items...).All() {
			if err != nil {
				b.Fatal(err)
			}
			for _, body := range m.Bodies {
				if _, err := body.WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			got++
		}
		if got != n {
			b.Fatalf("%d messages", got)
		}
	})
}

func fetchTheirs(b *testing.B, what string, n int, o *goimap.FetchOptions) {
	c := theirs(b, what)
	set := goimap.UIDSet{}
	set.AddRange(1, 0)
	measure(b, what, n, func() {
		cmd := c.Fetch(set, o)
		got := 0
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			for it := m.Next(); it != nil; it = m.Next() {
				if s, ok := it.(goclient.FetchItemDataBodySection); ok {
					if _, err := io.Copy(io.Discard, s.Literal); err != nil {
						b.Fatal(err)
					}
				}
			}
			got++
		}
		if err := cmd.Close(); err != nil || got != n {
			b.Fatalf("%d messages, %v", got, err)
		}
	})
}

func BenchmarkEnvelope(b *testing.B) {
	const what = "ENVELOPE"
	b.Run("ours", func(b *testing.B) {
		fetchOurs(b, what, cannedMessages, imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope)
	})
	b.Run("go-imap", func(b *testing.B) {
		fetchTheirs(b, what, cannedMessages, &goimap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true, Envelope: true})
	})
	b.Run("scan", func(b *testing.B) { scan(b, what, "UID FETCH 1:* ENVELOPE", cannedMessages) })
}

func BenchmarkBodyStructure(b *testing.B) {
	const what = "BODYSTRUCTURE"
	b.Run("ours", func(b *testing.B) { fetchOurs(b, what, cannedMessages, imap.FetchStructure) })
	b.Run("go-imap", func(b *testing.B) {
		fetchTheirs(b, what, cannedMessages, &goimap.FetchOptions{UID: true, BodyStructure: &goimap.FetchItemBodyStructure{Extended: true}})
	})
	b.Run("scan", func(b *testing.B) { scan(b, what, "UID FETCH 1:* BODYSTRUCTURE", cannedMessages) })
}

func BenchmarkBodies(b *testing.B) {
	const what = "FETCH"
	b.Run("ours", func(b *testing.B) { fetchOurs(b, what, cannedBodies, imap.Peek) })
	b.Run("go-imap", func(b *testing.B) {
		fetchTheirs(b, what, cannedBodies, &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{{Peek: true}}})
	})
	b.Run("scan", func(b *testing.B) { scan(b, what, "UID FETCH 1:* BODY.PEEK[]", cannedBodies) })
}

func BenchmarkSearch(b *testing.B) {
	const what = "SEARCH"
	b.Run("ours", func(b *testing.B) {
		k := ours(b, what)
		measure(b, what, cannedNumbers, func() {
			d, err := k.Search(context.Background(), imap.All, nil).Wait()
			if err != nil || d.UIDs.Len() != cannedNumbers {
				b.Fatal(d.UIDs.Len(), err)
			}
		})
	})
	b.Run("go-imap", func(b *testing.B) {
		c := theirs(b, what)
		measure(b, what, cannedNumbers, func() {
			d, err := c.UIDSearch(&goimap.SearchCriteria{}, nil).Wait()
			if err != nil || len(d.AllUIDs()) != cannedNumbers {
				b.Fatal(err)
			}
		})
	})
	b.Run("scan", func(b *testing.B) { scan(b, what, "UID SEARCH ALL", cannedNumbers) })
}
