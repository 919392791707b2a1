package sasl

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// Both ends of a TLS connection see the same binding data.
func TestBinding(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"mail.example.org"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a, b := net.Pipe()
		srv := tls.Server(a, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		cli := tls.Client(b, &tls.Config{RootCAs: roots, ServerName: "mail.example.org", MaxVersion: version})
		done := make(chan error, 1)
		go func() { done <- srv.Handshake() }()
		if err := cli.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		cs, ss := cli.ConnectionState(), srv.ConnectionState()
		client, server := ClientBinding(&cs), ServerBinding(&ss, leaf)
		for _, kind := range []string{BindingExporter, BindingEndPoint} {
			if c, s := client(kind), server(kind); len(c) != 32 || !bytes.Equal(c, s) {
				t.Errorf("%s over %s: client %x, server %x", kind, tls.VersionName(version), c, s)
			}
		}
		if sum := sha256.Sum256(der); !bytes.Equal(client(BindingEndPoint), sum[:]) {
			t.Error("end point binding is not the certificate's hash")
		}
		if client("tls-unique") != nil || ServerBinding(&ss, nil)(BindingEndPoint) != nil {
			t.Error("binding out of nothing")
		}
		a.Close()
		b.Close()
	}
}
