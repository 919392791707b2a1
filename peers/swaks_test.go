package peers

import (
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/servertest"
)

// TestSwaks delivers mail over LMTP, with an answer for each recipient.
func TestSwaks(t *testing.T) {
	bin := servertest.Need(t, "swaks", "swaks")
	s := start(t)
	s.AddUser(t, "bob", password)
	curl := func(path string, more ...string) string {
		t.Helper()
		url := "imaps://" + strings.Replace(s.IMAPSAddr, "127.0.0.1", "localhost", 1) + "/" + path
		return run(t, "curl", append([]string{"-sS", "--cacert", s.CertFile, "-u", user + ":" + password, url}, more...)...)
	}
	curl("", "-X", "CREATE Lists/Go")
	eml := writeFile(t, filepath.Join(t.TempDir(), "m.eml"), message("sent by swaks"))
	send := func(to string, more ...string) (string, error) {
		return try(t, bin, append([]string{"--protocol", "LMTP", "--server", s.LMTPAddr, "--from", "sender@example.net", "--to", to, "--data", "@" + eml}, more...)...)
	}
	out, err := send("ann@example.org,nobody@example.org,bob@example.org")
	if err != nil && !strings.Contains(out, "550") {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "550 5.1.1", "250 2.")
	if out, err := send("ann+lists/go@example.org", "--pipeline"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := send("nobody@example.org"); err == nil {
		t.Errorf("an unknown recipient was accepted:\n%s", out)
	}
	got := curl("INBOX;UID=1")
	contains(t, got, "Return-Path: <sender@example.net>", "Received: from", "Subject: sent by swaks", "Grüße,\r\n.a line with a dot\r\n")
	contains(t, curl("Lists/Go;UID=1"), "Subject: sent by swaks")
	contains(t, curl("", "-X", "STATUS INBOX (MESSAGES)"), "MESSAGES 1")
}
