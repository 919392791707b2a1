package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
)

// clientCertificates lets clients show certificates of the authorities that are configured, and returns
// how the names of users are found in them; nil when there are no authorities. Who shows one of another
// authority gets no connection, who shows none gets one without EXTERNAL.
func clientCertificates(c config.Server, t *tls.Config) (names func(*x509.Certificate) []string, err error) {
	switch c.ClientName {
	case "", "cn":
		names = commonName
	case "email":
		names = func(cert *x509.Certificate) []string { return cert.EmailAddresses }
	default:
		return nil, cli.Usagef("client_name: %q is neither \"cn\" nor \"email\"", c.ClientName)
	}
	if c.ClientCA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("client_ca: %w", err)
	}
	t.ClientCAs = x509.NewCertPool()
	if !t.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("client_ca: there is no certificate in %s", c.ClientCA)
	}
	t.ClientAuth = tls.VerifyClientCertIfGiven
	return names, nil
}

// commonName returns the common name of the subject, when there is one.
func commonName(cert *x509.Certificate) []string {
	if cert.Subject.CommonName == "" {
		return nil
	}
	return []string{cert.Subject.CommonName}
}
