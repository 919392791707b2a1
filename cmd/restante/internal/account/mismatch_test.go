package account

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/cmd/restante/internal/config"
)

// TestMismatch connects to what is not what the URL says. Time is that of the test's own bubble, so
// that nothing waits.
func TestMismatch(t *testing.T) {
	certificate := testCertificate(t)
	tlsServer := func(nc net.Conn) {
		_ = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
	}
	greets := func(greeting string) func(net.Conn) {
		return func(nc net.Conn) {
			go func() { _, _ = io.WriteString(nc, greeting) }()
			_, _ = io.Copy(io.Discard, nc)
		}
	}
	silentServer := func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }
	for _, tc := range []struct {
		name, url string
		serve     func(net.Conn)
		want      string
		within    time.Duration
	}{
		{"no TLS, but there is", "imap://ann@mail.example:993", tlsServer, "waits for TLS from the start; try imaps://mail.example:993", silentFor},
		{"TLS, but there is none", "imaps://ann@mail.example:143", greets("* OK hello\r\n"), "try imap://mail.example:143, which", 0},
		{"TLS, but SMTP", "imaps://ann@mail.example", greets("220 mail.example.org ESMTP\r\n"), "speaks neither TLS nor IMAP", 0},
		{"silent", "imap://ann@mail.example", silentServer, "does not answer within 10 seconds", connectTimeout},
		{"silent TLS", "imaps://ann@mail.example", silentServer, "does not answer within 10 seconds", connectTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, err := New("", config.Account{URL: tc.url, Password: "x"}, true)
				if err != nil {
					t.Fatal(err)
				}
				a.dial = func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() {
						defer far.Close()
						tc.serve(far)
					}()
					return near, nil
				}
				start := time.Now()
				_, err = a.Dial(t.Context(), "test", io.Discard, nil)
				var mismatch *MismatchError
				if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v, want %q", err, tc.want)
				}
				if took := time.Since(start); took > tc.within {
					t.Errorf("told after %v, want %v", took, tc.within)
				}
			})
		})
	}
}

// testCertificate makes a certificate that nobody vouches for.
func testCertificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"other.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
