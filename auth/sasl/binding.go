package sasl

import (
	"crypto"
	_ "crypto/sha256" // the hashes of certificates' signatures
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
)

// Kinds of channel binding, which tie an exchange to the TLS connection that it runs on.
const (
	BindingExporter = "tls-exporter"         // RFC 9266
	BindingEndPoint = "tls-server-end-point" // RFC 5929 §4
)

// ClientBinding returns a Security.Binding for a client's TLS connection after its handshake.
func ClientBinding(cs *tls.ConnectionState) func(kind string) []byte {
	var leaf *x509.Certificate
	if len(cs.PeerCertificates) > 0 {
		leaf = cs.PeerCertificates[0]
	}
	return binding(cs, leaf)
}

// ServerBinding returns channel binding data for a server's TLS connection after its handshake.
// leaf is the certificate that the server showed; when it is nil there is no BindingEndPoint.
func ServerBinding(cs *tls.ConnectionState, leaf *x509.Certificate) func(kind string) []byte {
	return binding(cs, leaf)
}

func binding(cs *tls.ConnectionState, leaf *x509.Certificate) func(kind string) []byte {
	return func(kind string) []byte {
		switch kind {
		case BindingExporter:
			// Fails for TLS 1.2 without the extended master secret, where it would not be unique.
			data, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
			if err != nil {
				return nil
			}
			return data
		case BindingEndPoint:
			if leaf == nil {
				return nil
			}
			h := endPointHash(leaf.SignatureAlgorithm)
			if h == 0 {
				return nil
			}
			hash := h.New()
			hash.Write(leaf.Raw)
			return hash.Sum(nil)
		}
		return nil
	}
}

// endPointHash returns the hash of a certificate's signature, SHA-256 in place of MD5 and SHA-1,
// and 0 where RFC 5929 §4.1 leaves it undefined, as for Ed25519.
func endPointHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.DSAWithSHA256, x509.ECDSAWithSHA256:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		return crypto.SHA512
	}
	return 0
}
