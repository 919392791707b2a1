package peers

import (
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/servertest"
)

func TestCurl(t *testing.T) {
	bin := servertest.Need(t, "curl", "curl")
	s := start(t)
	curl := func(path string, more ...string) string {
		t.Helper()
		url := "imaps://" + strings.Replace(s.IMAPSAddr, "127.0.0.1", "localhost", 1) + "/" + path
		return run(t, bin, append([]string{"-sS", "--cacert", s.CertFile, "-u", user + ":" + password, url}, more...)...)
	}
	msg := message("sent by curl")
	eml := writeFile(t, filepath.Join(t.TempDir(), "m.eml"), msg)
	curl("", "-X", "CREATE curl")
	contains(t, curl(""), `"/" INBOX`, `"/" curl`)
	curl("curl", "-T", eml)
	curl("curl", "-T", eml)
	if got := curl("curl;UID=1"); got != msg {
		t.Errorf("the message came back as %q", got)
	}
	if got := curl("curl;MAILINDEX=2;SECTION=TEXT"); !strings.HasSuffix(msg, got) || got == "" {
		t.Errorf("its text came back as %q", got)
	}
	contains(t, curl("curl?SUBJECT%20curl"), "* SEARCH 1 2")
	contains(t, curl("curl", "-X", "STATUS curl (MESSAGES)"), "MESSAGES 2")
	contains(t, curl("curl", "-X", `STORE 1 +FLAGS (\Deleted)`), `\Deleted`)
	contains(t, curl("curl", "-X", "EXPUNGE"), "* 1 EXPUNGE")
	contains(t, curl("curl", "-X", "FETCH 1:* (UID)"), "* 1 FETCH (UID 2)")

	// STARTTLS, with each mechanism.
	for _, mech := range []string{"PLAIN", "LOGIN"} {
		url := "imap://" + strings.Replace(s.IMAPAddr, "127.0.0.1", "localhost", 1) + "/curl;UID=2"
		out := run(t, bin, "-sS", "--ssl-reqd", "--cacert", s.CertFile, "-u", user+":"+password, "--login-options", "AUTH="+mech, url)
		if out != msg {
			t.Errorf("AUTH=%s: the message came back as %q", mech, out)
		}
	}
	if out, err := try(t, bin, "-sS", "--cacert", s.CertFile, "-u", user+":wrong", "imaps://"+strings.Replace(s.IMAPSAddr, "127.0.0.1", "localhost", 1)); err == nil {
		t.Errorf("a wrong password was accepted: %s", out)
	}
}
