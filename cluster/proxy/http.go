package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// throughHTTP leads requests to the target. The name that the client calls the server by stays: an S3
// signature is made over it.
func throughHTTP(f *fault, target *url.URL) http.Handler {
	through := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		Transport:    &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { fail(w, http.StatusBadGateway) },
	}
	after := *through
	after.ModifyResponse = func(*http.Response) error { return errors.New("told to fail after the request") }
	after.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { fail(w, http.StatusInternalServerError) }

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.wait()
		switch mode, delay, number := f.request(); mode {
		case "errors":
			refuse(w, r, number)
		case "half":
			if number%2 == 1 {
				refuse(w, r, number/2)
				return
			}
			through.ServeHTTP(w, r)
		case "after":
			after.ServeHTTP(w, r)
		case "slow":
			select {
			case <-time.After(delay):
				through.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		default:
			through.ServeHTTP(w, r)
		}
	})
}

// refuse answers 500 and 503 in turn. It reads the request first: who is still sending would find the
// connection closed and miss the answer.
func refuse(w http.ResponseWriter, r *http.Request, number int) {
	io.Copy(io.Discard, r.Body)
	fail(w, []int{http.StatusInternalServerError, http.StatusServiceUnavailable}[number%2])
}

// fail answers as an S3 server does.
func fail(w http.ResponseWriter, status int) {
	code := "InternalError"
	if status == http.StatusServiceUnavailable {
		code = "SlowDown"
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code></Error>`, code)
}
