package sasl_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"restante/auth/sasl"
	"restante/internal/dovecottest"
)

// TestDovecot logs in to a server that we did not write with every mechanism that it has.
func TestDovecot(t *testing.T) {
	s := dovecottest.Start(t, "auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256",
		"auth_failure_delay = 0", "service anvil {\nunix_listener anvil-auth-penalty {\nmode = 0\n}\n}")
	for _, mech := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"} {
		for _, wrong := range []bool{false, true} {
			password := s.Password
			if wrong {
				password += "!"
			}
			ms, err := sasl.Password(s.User, password).Pick([]string{mech}, sasl.Security{TLS: true})
			if err != nil {
				t.Fatal(err)
			}
			err = authenticate(s, ms[0])
			if wrong == (err == nil) {
				t.Errorf("%s, wrong password %v: %v", mech, wrong, err)
			}
			if err == nil {
				if err := sasl.Finish(ms[0]); err != nil {
					t.Errorf("%s: %v", mech, err)
				}
			}
		}
	}
}

// authenticate runs one AUTHENTICATE command (RFC 9051 §6.2.2).
func authenticate(s *dovecottest.Server, m sasl.Mechanism) error {
	c, err := tls.Dial("tcp", s.IMAPSAddr, s.TLSConfig)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	initial, err := m.Start()
	if err != nil {
		return err
	}
	fmt.Fprintf(c, "a AUTHENTICATE %s\r\n", m.Name())
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\r\n")
		switch challenge, ok := strings.CutPrefix(line, "+ "); {
		case ok:
			response := initial
			if initial = nil; response == nil {
				decoded, err := base64.StdEncoding.DecodeString(challenge)
				if err != nil {
					return err
				}
				if response, err = m.Next(decoded); err != nil {
					return err
				}
			}
			fmt.Fprintf(c, "%s\r\n", base64.StdEncoding.EncodeToString(response))
		case strings.HasPrefix(line, "a OK"):
			return nil
		case strings.HasPrefix(line, "a "):
			return fmt.Errorf("%s", line)
		}
	}
}
