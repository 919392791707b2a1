package dovecottest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	s := Start(t)
	plain, err := net.Dial("tcp", s.IMAPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	secure, err := tls.Dial("tcp", s.IMAPSAddr, s.TLSConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	for _, c := range []net.Conn{plain, secure} {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(c, "a LOGIN %q %q\r\nb SELECT INBOX\r\n", s.User, s.Password)
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("%v\n%s", err, s.log())
			}
			if strings.HasPrefix(line, "a ") && !strings.HasPrefix(line, "a OK") {
				t.Fatalf("login: %s", line)
			}
			if strings.HasPrefix(line, "b ") {
				if !strings.HasPrefix(line, "b OK") {
					t.Fatalf("select: %s\n%s", line, s.log())
				}
				break
			}
		}
	}
}
