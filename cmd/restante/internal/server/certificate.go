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
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/datadir"
)

// certificateFiles returns where the certificate and its key are: those that are configured, or a pair
// that the server makes itself and keeps in the data folder.
func certificateFiles(c config.Server, hostname string, log *slog.Logger) (f certificatePaths, err error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return f, cli.Usagef("--tls-cert and --tls-key belong together")
	}
	if c.TLSCert != "" {
		return certificatePaths{cert: c.TLSCert, key: c.TLSKey}, nil
	}
	f = certificatePaths{filepath.Join(c.Data, "self-signed.crt"), filepath.Join(c.Data, "self-signed.key"), true}
	if err := ensureSelfSigned(f.cert, f.key, hostname, log); err != nil {
		return f, fmt.Errorf("making a certificate: %w", err)
	}
	return f, nil
}

// certificatePaths are the files of a certificate chain and its key, PEM.
type certificatePaths struct {
	cert, key  string
	selfSigned bool
}

// certificates is the server's certificate, which is read anew when its files have changed. A pair
// that cannot be used leaves the old one in use.
type certificates struct {
	log *slog.Logger
	mu  struct {
		sync.Mutex
		current *tls.Certificate
		paths   certificatePaths
		seen    [2]fs.FileInfo // of the files when they were last read; nil: not there
	}
}

// newCertificates reads the certificate.
func newCertificates(paths certificatePaths, log *slog.Logger) (*certificates, error) {
	c := &certificates{log: log}
	return c, c.use(paths)
}

// config returns the TLS configuration of a server with the certificate.
func (c *certificates) config() *tls.Config {
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}
}

// use reads the certificate from other files, or from the same ones whether they have changed or not.
func (c *certificates) use(paths certificatePaths) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.paths = paths
	return c.read(paths, c.stat(paths))
}

// get returns the certificate for a handshake. It looks at the files' times first, which costs little
// beside a handshake.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.stat(c.mu.paths); !sameFile(now[0], c.mu.seen[0]) || !sameFile(now[1], c.mu.seen[1]) {
		if err := c.read(c.mu.paths, now); err != nil {
			c.log.Error("the new certificate cannot be used; the old one stays", "cert", c.mu.paths.cert, "key", c.mu.paths.key, "err", err)
		}
	}
	return c.mu.current, nil
}

func (c *certificates) stat(paths certificatePaths) (now [2]fs.FileInfo) {
	now[0], _ = os.Stat(paths.cert)
	now[1], _ = os.Stat(paths.key)
	return now
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// read loads the files. What they look like has been found out before, so that a change during the
// reading is not missed. The caller has locked c.mu.
func (c *certificates) read(paths certificatePaths, now [2]fs.FileInfo) error {
	c.mu.seen = now
	cert, err := tls.LoadX509KeyPair(paths.cert, paths.key)
	if err != nil {
		return fmt.Errorf("loading the certificate: %w", err)
	}
	c.mu.current = &cert
	c.log.Info("certificate loaded", "cert", paths.cert, "names", strings.Join(cert.Leaf.DNSNames, ","), "expires", cert.Leaf.NotAfter)
	if time.Now().After(cert.Leaf.NotAfter) {
		c.log.Warn("the certificate has expired; clients will not trust it", "cert", paths.cert, "expired", cert.Leaf.NotAfter)
	}
	return nil
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
