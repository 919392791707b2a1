package imapclient

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TLS does not make a Watch on a dead connection longer, by waiting for somebody to take its farewell.
func TestWatchCancelledTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"pipe"}, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
		if err != nil {
			t.Fatal(err)
		}
		cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		end := make(chan struct{})
		o := &Options{TLS: &tls.Config{InsecureSkipVerify: true}, ID: map[string]string{}}
		o.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				tc := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{cert}})
				p := &peer{t: t, nc: tc, r: bufio.NewReader(tc)}
				p.watched()
				p.nc.Write([]byte("+ idling\r\n* 1 FET")) // and nothing is read any more
				<-end
			}()
			return near, nil
		}
		c, err := Dial(t.Context(), "imaps://pipe", nil, o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		mb, err := c.Select(t.Context(), "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var stopped time.Time
		time.AfterFunc(20*time.Second, func() { stopped = time.Now(); cancel() })
		for _, err := range mb.Watch(ctx) {
			if err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(stopped); d > time.Second {
			t.Errorf("over after %v", d)
		}
		began := time.Now()
		c.Close()
		if d := time.Since(began); d > time.Second {
			t.Errorf("closed after %v", d)
		}
		close(end)
	})
}
