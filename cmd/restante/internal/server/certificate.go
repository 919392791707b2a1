package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"time"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/datadir"
)

// serverTLS returns the TLS configuration of the server: with the given certificate, or with one
// that the server makes itself and keeps in dir.
func serverTLS(certFile, keyFile, dir, hostname string, log *slog.Logger) (c *tls.Config, selfSigned string, err error) {
	if (certFile == "") != (keyFile == "") {
		return nil, "", cli.Usagef("--tls-cert and --tls-key belong together")
	}
	if certFile == "" {
		certFile, keyFile = filepath.Join(dir, "self-signed.crt"), filepath.Join(dir, "self-signed.key")
		if err := ensureSelfSigned(certFile, keyFile, hostname, log); err != nil {
			return nil, "", fmt.Errorf("making a certificate: %w", err)
		}
		selfSigned = certFile
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, "", fmt.Errorf("loading the certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, selfSigned, nil
}

// ensureSelfSigned makes a certificate for the host and loopback unless there is one that is valid
// for another month. One that is damaged is made anew.
func ensureSelfSigned(certFile, keyFile, hostname string, log *slog.Logger) error {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case err == nil && time.Until(pair.Leaf.NotAfter) > 30*24*time.Hour:
		return nil
	case errors.Is(err, fs.ErrNotExist) || err == nil:
	case errors.Is(err, fs.ErrPermission):
		return err
	default:
		log.Warn("the self-signed certificate is damaged and made anew; clients must be told to trust the new one", "cert", certFile, "err", err)
	}
	cert, key, err := newSelfSigned(hostname)
	if err != nil {
		return err
	}
	// A crash between the two leaves a pair that does not match: it counts as damaged.
	if err := datadir.WriteFile(keyFile, key, 0o600); err != nil {
		return err
	}
	return datadir.WriteFile(certFile, cert, 0o644)
}

// newSelfSigned returns a certificate for the host and loopback, and its key, in PEM.
func newSelfSigned(hostname string) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: hostname, Organization: []string{"Restante, self-signed"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(2, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		IsCA:         true, BasicConstraintsValid: true,
	}
	if hostname != "" && hostname != "localhost" {
		template.DNSNames = append(template.DNSNames, hostname)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}
