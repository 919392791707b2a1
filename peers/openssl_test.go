package peers

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"restante/internal/servertest"
)

// TestOpenSSL types at the server through openssl's s_client: everything at once, with the line
// ends of the keyboard, through each way into TLS.
func TestOpenSSL(t *testing.T) {
	bin := servertest.Need(t, "openssl", "openssl")
	s := start(t)
	_, port, _ := net.SplitHostPort(s.IMAPAddr)
	_, tlsPort, _ := net.SplitHostPort(s.IMAPSAddr)
	// typed sends the text when the server is there, and returns all that comes back until the
	// server closes the connection.
	typed := func(text string, args ...string) ([]string, error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, bin, append([]string{"s_client", "-quiet", "-verify_return_error",
			"-verify_hostname", "localhost", "-CAfile", s.CertFile, "-servername", "localhost"}, args...)...)
		var out strings.Builder
		cmd.Stdin, cmd.Stdout = strings.NewReader(text), &out
		err := cmd.Run()
		return strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n"), err
	}
	ways := map[string][]string{
		"TLS 1.3":  {"-connect", "127.0.0.1:" + tlsPort, "-tls1_3"},
		"TLS 1.2":  {"-connect", "127.0.0.1:" + tlsPort, "-tls1_2"},
		"STARTTLS": {"-connect", "127.0.0.1:" + port, "-starttls", "imap"},
	}
	for name, args := range ways {
		for _, end := range []string{"\r\n", "\n"} {
			t.Run(fmt.Sprintf("%s %q", name, end), func(t *testing.T) {
				var text, want strings.Builder
				add := func(tag, command, answer string) {
					text.WriteString(tag + " " + command + end)
					want.WriteString(tag + " " + answer + "\n")
				}
				add("in", "LOGIN {3+}"+end+user+` "`+password+`"`, "OK")
				add("app", "APPEND INBOX {12+}"+end+"Subject: x\r\n", "OK")
				add("sel", "SELECT INBOX", "OK")
				add("idle", "IDLE"+end+"DONE", "OK")
				for i := range 3000 {
					switch i % 3 {
					case 0:
						add(fmt.Sprint("n", i), "NOOP", "OK")
					case 1:
						add(fmt.Sprint("f", i), "FETCH 1 (FLAGS BODY.PEEK[])", "OK")
					case 2:
						add(fmt.Sprint("b", i), "FETCH 0 FLAGS", "BAD")
					}
				}
				add("out", "LOGOUT", "OK")
				lines, err := typed(text.String(), args...)
				if err != nil {
					t.Errorf("s_client: %v", err)
				}
				var tagged strings.Builder
				fetched := 0
				for _, line := range lines {
					tag, rest, _ := strings.Cut(line, " ")
					status, _, ok := strings.Cut(rest, " ")
					switch {
					case strings.HasPrefix(line, "* 1 FETCH (") && strings.HasSuffix(line, "BODY[] {12}\r\n"):
						fetched++
					case ok && tag != "*" && tag != "+" && tag != "Subject:":
						tagged.WriteString(tag + " " + status + "\n")
					}
				}
				if got := tagged.String(); got != want.String() {
					t.Errorf("of %d answers %d came, or they differ:\n%.2000s", strings.Count(want.String(), "\n"), strings.Count(got, "\n"), got)
				}
				if fetched != 1000 {
					t.Errorf("%d FETCH responses", fetched)
				}
			})
		}
	}
	t.Run("too old", func(t *testing.T) {
		if out, err := typed("a LOGOUT\r\n", "-connect", "127.0.0.1:"+tlsPort, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"); err == nil {
			t.Errorf("TLS 1.1 was accepted: %q", out)
		}
	})
}
