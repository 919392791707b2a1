package s3blob_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/blob"
	"restante/blob/s3blob"
)

// before lets a function answer a request in the fake's place, by returning true.
func before(next http.Handler, answer func(http.ResponseWriter, *http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// fail answers as S3 does.
func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>as ordered</Message></Error>`, code)
}

func put(t *testing.T, s *s3blob.Store, size int) (blob.Key, error) {
	key := blob.NewKey(20000, 7)
	return key, s.Put(t.Context(), key, bytes.NewReader(make([]byte, size)), int64(size))
}

// What the server says is told in words that say what to do, and nothing is taken for a missing
// object that is something else.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, want string
	}{
		{404, "NoSuchBucket", "aws --endpoint-url http://127.0.0.1:"},
		{403, "InvalidAccessKeyId", "does not know the access key"},
		{403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"},
		{403, "AccessDenied", "s3:PutObject"},
		{403, "", "refuses the credentials"},
		{400, "ExpiredToken", "AWS_SESSION_TOKEN"},
		{403, "RequestTimeTooSkewed", "clock of this machine is wrong, or the server's: they are "},
		{301, "PermanentRedirect", "region="},
		{503, "SlowDown", "overloaded"},
		{500, "InternalError", "overloaded or broken"},
		{404, "", "404"},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
				fail(w, c.status, c.code)
				return true
			})))
			key, err := put(t, s, 10)
			_, opened := s.Open(t.Context(), key, 0)
			var listed error
			for _, listed = range s.List(t.Context(), 20000) {
			}
			for name, err := range map[string]error{"Put": err, "Open": opened, "Delete": s.Delete(t.Context(), key), "List": listed, "Check": s.Check(t.Context())} {
				if err == nil || errors.Is(err, blob.ErrNotFound) || strings.Contains(err.Error(), "imapsecret") {
					t.Errorf("%s: %v", name, err)
				} else if c.code != "RequestTimeTooSkewed" && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v instead of %s", name, err, c.want)
				}
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v instead of %s", err, c.want)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	c := s3blob.Config{Bucket: "bodies", Endpoint: l.Addr().String(), PathStyle: true, AccessKey: "k", SecretKey: "hush"}
	if err := open(t, c).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be reached") || !strings.Contains(err.Error(), c.Endpoint) {
		t.Error(err)
	}
}

// A PUT is sent once: who tries again takes another key.
func TestPutOnce(t *testing.T) {
	var puts atomic.Int64
	answers := map[string]func(http.ResponseWriter){
		"500":    func(w http.ResponseWriter) { fail(w, 500, "InternalError") },
		"503":    func(w http.ResponseWriter) { fail(w, 503, "SlowDown") },
		"broken": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		puts.Store(0)
		s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
			io.Copy(io.Discard, r.Body)
			puts.Add(1)
			answer(w)
			return true
		})))
		if _, err := put(t, s, 10); err == nil || puts.Load() != 1 {
			t.Errorf("%s: %d requests, %v", name, puts.Load(), err)
		}
	}
}

// A body is the caller's again when Put has failed, too, though the server has not read it.
func TestPutReturns(t *testing.T) {
	s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
		fail(w, 503, "SlowDown")
		return true
	})))
	for range 20 {
		var returned, late atomic.Bool
		body := readerAt(func(p []byte, offset int64) (int, error) {
			late.CompareAndSwap(false, returned.Load())
			return len(p), nil
		})
		if err := s.Put(t.Context(), blob.NewKey(20000, 7), body, 20<<20); err == nil {
			t.Error("no error")
		}
		returned.Store(true)
		if late.Load() {
			t.Error("the body was read after Put")
		}
	}
}

type readerAt func(p []byte, offset int64) (int, error)

func (r readerAt) ReadAt(p []byte, offset int64) (int, error) { return r(p, offset) }

// The server is told the hash of every body that it stores, and so can refuse another one.
func TestSigned(t *testing.T) {
	var mu sync.Mutex
	checked := 0
	handler := before(fake(t), func(w http.ResponseWriter, r *http.Request) bool {
		octets, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(octets))
		if sum := sha256.Sum256(octets); r.Method == "PUT" {
			mu.Lock()
			defer mu.Unlock()
			checked++
			if got := r.Header.Get("X-Amz-Content-Sha256"); got != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: the hash is %s instead of %x", r.URL, got, sum)
			}
		}
		return false
	})
	for _, start := range []func(http.Handler) *httptest.Server{httptest.NewServer, httptest.NewTLSServer} {
		server := start(handler)
		t.Cleanup(server.Close)
		c, err := s3blob.Parse("s3://bodies?endpoint=" + server.URL)
		must(t, err)
		c.AccessKey, c.SecretKey, c.PartSize = "imapkey", "imapsecret", 5<<20
		if c.Secure {
			c.RootCAs = x509.NewCertPool()
			c.RootCAs.AddCert(server.Certificate())
		}
		s := open(t, c)
		for _, size := range []int{0, 1000, 11 << 20} {
			_, err := put(t, s, size)
			must(t, err)
		}
	}
	if checked != 2*(1+1+3) {
		t.Errorf("%d bodies", checked)
	}
}

// A key that is in use is refused by servers that know how; others are asked without.
func TestPutTwice(t *testing.T) {
	s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") != "*" {
			t.Errorf("no condition: %v", r.Header)
		}
		fail(w, 412, "PreconditionFailed")
		return true
	})))
	if key, err := put(t, s, 10); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), string(key)) {
		t.Error(err)
	}
	var asked atomic.Int64
	c := serve(t, before(fake(t), func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		asked.Add(1)
		fail(w, 501, "NotImplemented")
		return true
	}))
	c.PartSize = 5 << 20
	s = open(t, c)
	for _, size := range []int{6 << 20, 10} {
		_, err := put(t, s, size)
		must(t, err)
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// What was uploaded in parts is removed when one fails.
func TestPartFails(t *testing.T) {
	var aborted atomic.Int64
	c := serve(t, before(fake(t), func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "DELETE" && r.URL.Query().Has("uploadId") {
			aborted.Add(1)
		}
		if r.URL.Query().Get("partNumber") == "2" {
			fail(w, 500, "InternalError")
			return true
		}
		return false
	}))
	c.PartSize = 5 << 20
	s := open(t, c)
	key, err := put(t, s, 11<<20)
	if err == nil || aborted.Load() != 1 {
		t.Errorf("%v, aborted %d times", err, aborted.Load())
	}
	if _, err := s.Open(t.Context(), key, 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
}

// The answer to the last request of an upload may be an error though its status is 200.
func TestCompleteFails(t *testing.T) {
	c := serve(t, before(fake(t), func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "POST" && r.URL.Query().Has("uploadId") {
			fail(w, 200, "InternalError")
			return true
		}
		return false
	}))
	c.PartSize = 5 << 20
	if _, err := put(t, open(t, c), 6<<20); err == nil {
		t.Error("an upload that has failed is taken for done")
	}
}

// A server that hangs is noticed, wherever it does.
func TestSilence(t *testing.T) {
	stop := make(chan struct{})
	hang := func(r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}
	c := serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "GET" {
			w.Header().Set("Content-Length", "1000000")
			w.Write(make([]byte, 1000))
			w.(http.Flusher).Flush()
		}
		hang(r)
		return true
	}))
	t.Cleanup(func() { close(stop) })
	c.Silence = time.Second
	s := open(t, c)
	for _, size := range []int{10, 20 << 20} { // the larger one waits to be read
		if _, err := put(t, s, size); err == nil || !strings.Contains(err.Error(), "nothing has moved") {
			t.Errorf("Put of %d octets: %v", size, err)
		}
	}
	r, err := s.Open(t.Context(), blob.NewKey(20000, 7), 0)
	must(t, err)
	if n, err := io.Copy(io.Discard, r); err == nil || n != 1000 {
		t.Errorf("%d octets, %v", n, err)
	}
	must(t, r.Close())
}

// An object that ends early ends with an error.
func TestCutOff(t *testing.T) {
	s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "1000")
		w.Write(make([]byte, 999))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})))
	r, err := s.Open(t.Context(), blob.NewKey(20000, 7), 0)
	must(t, err)
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, io.ErrUnexpectedEOF) || n != 999 {
		t.Errorf("%d octets, %v", n, err)
	}
	must(t, r.Close())
}

// A server that ignores Range would give the wrong octets.
func TestRangeIgnored(t *testing.T) {
	s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
		w.Write(make([]byte, 1000))
		return true
	})))
	if _, err := s.Open(t.Context(), blob.NewKey(20000, 7), 10); err == nil || !strings.Contains(err.Error(), "from its beginning") {
		t.Error(err)
	}
}

// What one of many keys has failed with is told.
func TestDeleteFails(t *testing.T) {
	s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Content-Md5") == "" {
			t.Error("no MD5, which some servers insist on")
		}
		fmt.Fprint(w, `<?xml version="1.0"?><DeleteResult><Error><Key>a</Key><Code>NoSuchKey</Code></Error><Error><Key>mail/b</Key><Code>AccessDenied</Code></Error></DeleteResult>`)
		return true
	})))
	err := s.Delete(t.Context(), blob.NewKey(20000, 7), blob.NewKey(20000, 7))
	if err == nil || !strings.Contains(err.Error(), "mail/b") || !strings.Contains(err.Error(), "AccessDenied") {
		t.Error(err)
	}
}

// A list that does not say how it goes on is not the whole one.
func TestListCutOff(t *testing.T) {
	s := open(t, serve(t, before(nil, func(w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>`)
		return true
	})))
	var err error
	for _, err = range s.List(t.Context(), 20000) {
	}
	if err == nil || !strings.Contains(err.Error(), "how its list") {
		t.Error(err)
	}
}
