package imapserver_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"testing"

	"restante/auth/sasl"
	"restante/store/memstore"
)

// authenticate runs AUTHENTICATE with a mechanism of package sasl and returns the tagged answer.
func (w *wire) authenticate(m sasl.Mechanism) string {
	w.t.Helper()
	response, err := m.Start()
	if err != nil {
		w.t.Fatal(err)
	}
	w.send("x AUTHENTICATE %s\r\n", m.Name())
	for {
		line := w.line()
		challenge, ok := strings.CutPrefix(line, "+ ")
		if !ok {
			return line
		}
		if response == nil {
			decoded, err := base64.StdEncoding.DecodeString(challenge)
			if err != nil {
				w.t.Fatal(err)
			}
			if response, err = m.Next(decoded); err != nil {
				w.t.Fatal(err)
			}
		}
		w.send("%s\r\n", base64.StdEncoding.EncodeToString(response))
		response = nil
	}
}

// mechanisms returns what CAPABILITY offers.
func (w *wire) mechanisms() (ms []string) {
	for word := range strings.FieldsSeq(w.ok("CAPABILITY")[0]) {
		if m, ok := strings.CutPrefix(word, "AUTH="); ok {
			ms = append(ms, m)
		}
	}
	return ms
}

// SCRAM-SHA-256-PLUS binds by the exporter (RFC 9266), and by the server's certificate (RFC 5929 §4), in
// every version of TLS and behind STARTTLS too.
func TestSCRAMPlus(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, true)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, startTLS := range []bool{false, true} {
			for _, kind := range []string{sasl.BindingExporter, sasl.BindingEndPoint} {
				t.Run(tls.VersionName(version)+" "+kind, func(t *testing.T) {
					config := &tls.Config{RootCAs: ts.certificate, ServerName: "localhost", MaxVersion: version}
					var nc *tls.Conn
					var w *wire
					if startTLS {
						plain := dialRaw(t, ts)
						plain.ok("STARTTLS")
						nc = tls.Client(plain.nc, config)
						w = resumeWire(t, nc)
					} else {
						below, err := net.Dial("tcp", ts.tls)
						if err != nil {
							t.Fatal(err)
						}
						nc = tls.Client(below, config)
						w = newWire(t, nc)
					}
					if ms := w.mechanisms(); !slices.Contains(ms, sasl.SCRAMSHA256Plus) || slices.ContainsFunc(ms, func(m string) bool { return strings.HasPrefix(m, "SCRAM-SHA-1") }) {
						t.Errorf("it offers %s", ms)
					}
					state := nc.ConnectionState()
					all := sasl.ClientBinding(&state)
					if sum := sha256.Sum256(state.PeerCertificates[0].Raw); !bytes.Equal(all(sasl.BindingEndPoint), sum[:]) {
						t.Error("the binding is not the hash of the certificate")
					}
					security := sasl.Security{TLS: true, Binding: func(k string) []byte {
						if k == kind {
							return all(k)
						}
						return nil
					}}
					attempt := func(security sasl.Security) (sasl.Mechanism, string) {
						ms, err := sasl.Password(user.User, user.Password).Pick([]string{sasl.SCRAMSHA256Plus}, security)
						if err != nil {
							t.Fatal(err)
						}
						return ms[0], w.authenticate(ms[0])
					}
					// Of another connection, as somebody in the middle has it.
					other := security
					other.Binding = func(k string) []byte { return bytes.Repeat([]byte{1}, len(security.Binding(k))) }
					if _, got := attempt(other); strings.HasPrefix(got, "x OK") {
						t.Error(got)
					}
					m, got := attempt(security)
					if !strings.HasPrefix(got, "x OK") || sasl.Finish(m) != nil {
						t.Errorf("%s, %v", got, sasl.Finish(m))
					}
				})
			}
		}
	}
}
