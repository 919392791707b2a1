package s3blob

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPlainBody(t *testing.T) {
	sent := false
	next := roundTripper(func(r *http.Request) (*http.Response, error) {
		_, writes := r.Body.(io.WriterTo)
		octets, err := io.ReadAll(r.Body)
		if sent = true; writes || string(octets) != "body" || err != nil || r.ContentLength != 4 {
			t.Errorf("%v, %q, %v", writes, octets, err)
		}
		return nil, io.EOF
	})
	r, err := http.NewRequest("PUT", "http://127.0.0.1", io.NopCloser(bytes.NewReader([]byte("body"))))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 4
	before := r.Body
	if _, err := (plainBody{next}).RoundTrip(r); err != io.EOF || !sent || r.Body != before {
		t.Errorf("%v, sent %v", err, sent)
	}
}
