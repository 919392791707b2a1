package imapserver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// A channel binding of the kind tls-server-end-point (RFC 5929 §4) is a hash of the certificate that the
// server has shown, of which crypto/tls tells the server nothing afterwards: it is kept when it is chosen.

// shownCertificate is what is below TLS on a connection, with the certificate that is shown on it: nil
// before the handshake, and when the handshake resumes an earlier session, which shows none.
type shownCertificate struct {
	net.Conn
	leaf *x509.Certificate
}

// SyscallConn implements syscall.Conn where the connection below does.
func (s *shownCertificate) SyscallConn() (syscall.RawConn, error) {
	if below, ok := s.Conn.(syscall.Conn); ok {
		return below.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// keepingShown returns a configuration that chooses as c does, and keeps what it has chosen in the
// shownCertificate of the connection. One whose GetConfigForClient chooses is left as it is.
func keepingShown(c *tls.Config) *tls.Config {
	if c == nil || c.GetConfigForClient != nil {
		return c
	}
	keeping := c.Clone()
	keeping.Certificates = nil
	keeping.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := choose(c, hello)
		if shown, ok := hello.Conn.(*shownCertificate); ok && cert != nil && err == nil {
			if shown.leaf = cert.Leaf; shown.leaf == nil && len(cert.Certificate) > 0 {
				shown.leaf, _ = x509.ParseCertificate(cert.Certificate[0])
			}
		}
		return cert, err
	}
	return keeping
}

// choose chooses a certificate as crypto/tls does.
func choose(c *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.GetCertificate != nil && (len(c.Certificates) == 0 || hello.ServerName != "") {
		if cert, err := c.GetCertificate(hello); cert != nil || err != nil {
			return cert, err
		}
	}
	for i := range c.Certificates {
		if hello.SupportsCertificate(&c.Certificates[i]) == nil {
			return &c.Certificates[i], nil
		}
	}
	if len(c.Certificates) == 0 {
		return nil, errors.New("imapserver: there is no certificate")
	}
	return &c.Certificates[0], nil
}
