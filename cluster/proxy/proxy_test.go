package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// echo answers each line with the same line, and tells on heard that it has come.
func echo(t *testing.T) (addr string, heard chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heard = make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					heard <- lines.Text()
					fmt.Fprintln(c, lines.Text())
				}
			}()
		}
	}()
	return l.Addr().String(), heard
}

// put tells the faults something, as cluster/fault does.
func put(t *testing.T, fs *faults, path string, want int) {
	t.Helper()
	w := httptest.NewRecorder()
	fs.ServeHTTP(w, httptest.NewRequest(http.MethodPut, path, nil))
	if w.Code != want {
		t.Fatalf("PUT %s: %d %s", path, w.Code, w.Body)
	}
}

// What is sent while a route is cut is held, and arrives when it is whole again; so do connections
// that were made meanwhile.
func TestCut(t *testing.T) {
	target, heard := echo(t)
	var fs faults
	l, err := listen(&fs, "node1,127.0.0.1:0,"+target)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, bufio.NewReader(c)
	}
	expect := func(r *bufio.Reader, want string) {
		t.Helper()
		if got, err := r.ReadString('\n'); got != want+"\n" || err != nil {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}

	c, r := dial()
	fmt.Fprintln(c, "before")
	expect(r, "before")
	<-heard

	put(t, &fs, "/node1/cut", http.StatusOK)
	fmt.Fprintln(c, "meanwhile")
	d, s := dial()
	fmt.Fprintln(d, "new")
	select {
	case line := <-heard:
		t.Fatalf("%q came through what is cut", line)
	default:
	}
	put(t, &fs, "/node1/pass", http.StatusOK)
	expect(r, "meanwhile")
	expect(s, "new")
}

// A target that closes is heard of.
func TestEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	var fs faults
	through, err := listen(&fs, "node1,127.0.0.1:0,"+l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer through.Close()
	c, err := net.Dial("tcp", through.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("octets from nobody")
	}
}

func TestHTTP(t *testing.T) {
	var arrived atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Host, " ", string(body))
	}))
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var fs faults
	proxy := httptest.NewServer(throughHTTP(fs.add("s3", true), target))
	defer proxy.Close()
	host := strings.TrimPrefix(proxy.URL, "http://")

	for _, c := range []struct {
		mode    string
		status  []int // of each request
		arrived int64 // of them
	}{
		{"pass", []int{200, 200}, 2},
		{"errors", []int{500, 503, 500}, 0},
		{"half", []int{200, 500, 200, 503}, 2},
		{"after", []int{500, 500}, 2},
		{"slow?delay=1ms", []int{200}, 1},
		{"pass", []int{200}, 1},
	} {
		put(t, &fs, "/s3/"+c.mode, http.StatusOK)
		arrived.Store(0)
		for i, want := range c.status {
			req, err := http.NewRequest(http.MethodPut, proxy.URL+"/mail/key", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != want {
				t.Errorf("%s, request %d: %s, %v; want %d", c.mode, i, res.Status, err, want)
			}
			// A signature is made over the name that the client knows.
			if want == 200 && string(body) != host+" body" {
				t.Errorf("%s: the server has seen %q", c.mode, body)
			}
		}
		if n := arrived.Load(); n != c.arrived {
			t.Errorf("%s: %d requests have arrived, want %d", c.mode, n, c.arrived)
		}
	}
}

// A request whose client leaves while it waits is not carried out.
func TestSlowEnds(t *testing.T) {
	target, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	var fs faults
	f := fs.add("s3", true)
	if err := f.set("slow", time.Hour); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPut, "/mail/key", nil)
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	w := httptest.NewRecorder()
	throughHTTP(f, target).ServeHTTP(w, r.WithContext(ctx))
	if w.Body.Len() > 0 {
		t.Errorf("answered with %q", w.Body)
	}
}

func TestControl(t *testing.T) {
	var fs faults
	fs.add("s3", true)
	fs.add("node1", false)
	put(t, &fs, "/node1/cut", http.StatusOK)
	put(t, &fs, "/node1/errors", http.StatusBadRequest)
	put(t, &fs, "/s3/nothing", http.StatusBadRequest)
	put(t, &fs, "/s3/slow?delay=long", http.StatusBadRequest)
	put(t, &fs, "/node9/cut", http.StatusNotFound)
	w := httptest.NewRecorder()
	fs.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := w.Body.String(); got != "s3 pass\nnode1 cut\n" {
		t.Errorf("the list is %q", got)
	}
}
