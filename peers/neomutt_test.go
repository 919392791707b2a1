package peers

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/servertest"
)

// TestNeomutt presses the keys of a session in front of the screen: read, search, tag, save, flag,
// delete, undelete. A second session takes the headers from its cache.
func TestNeomutt(t *testing.T) {
	bin := servertest.Need(t, "neomutt", "neomutt")
	terminal := servertest.Need(t, "script", "bsdutils")
	s := start(t)
	dir := t.TempDir()
	args := []string{"import", "--data", s.Data, "--user", user}
	for i := range 30 {
		args = append(args, writeFile(t, filepath.Join(dir, "eml", fmt.Sprint(i)), message(fmt.Sprintf("number %d.", i+1))))
	}
	run(t, s.Binary, args...)
	_, port, _ := net.SplitHostPort(s.IMAPSAddr)
	rc := writeFile(t, filepath.Join(dir, "neomuttrc"), fmt.Sprintf(`
set imap_user=%s imap_pass="%s"
set folder="imaps://localhost:%s/" spoolfile=+INBOX record=+Sent
set certificate_file=%s ssl_verify_host=no
set header_cache=%[5]s/cache/ message_cachedir=%[5]s/cache/
set imap_idle=yes imap_condstore=yes imap_qresync=yes imap_list_subscribed=yes
set confirmappend=no confirmcreate=no delete=yes quit=yes move=no mark_old=no
set sort=mailbox-order beep=no sleep_time=0
unset trash
`, user, password, port, s.CertFile, dir))
	if err := os.Mkdir(filepath.Join(dir, "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	// neomutt presses keys, and returns the commands that were sent, but for those in
	// the middle of a pipeline.
	sessions := 0
	neomutt := func(keys string) string {
		t.Helper()
		sessions++
		log := filepath.Join(dir, fmt.Sprintf("log%d-", sessions))
		command := fmt.Sprintf("TERM=xterm HOME='%s' '%s' -F '%s' -d 2 -l '%s' -e 'push \"%s\"'", dir, bin, rc, log, keys)
		screen := run(t, terminal, "-qec", command, "/dev/null")
		text, err := os.ReadFile(log + "0")
		if err != nil {
			t.Fatalf("%v\n%s", err, screen)
		}
		var sent strings.Builder
		for line := range strings.Lines(string(text)) {
			if _, what, ok := strings.Cut(line, "mutt_socket_write_d() "); ok {
				sent.WriteString(what)
			}
			if strings.Contains(line, " BAD ") || strings.Contains(line, "Fatal") {
				t.Errorf("neomutt was told: %s", line)
			}
		}
		return sent.String()
	}
	curl := func(mailbox, request string) string {
		t.Helper()
		return run(t, "curl", "-sS", "--cacert", s.CertFile, "-u", user+":"+password, "imaps://localhost:"+port+"/"+mailbox, "-X", request)
	}
	// Read message 1 and return; tag 10 to 15, which also have a word in the body, and save them; flag 20;
	// delete 25 and 26, but not 26 after all.
	sent := neomutt(`1<enter><display-message><exit><tag-pattern>=b \"Grüße\" ~s \"number 1[0-5][.]\"<enter><tag-prefix><save-message><kill-line>=Archive<enter>` +
		`20<enter><flag-message>25<enter><delete-message>26<enter><delete-message>26<enter><undelete-message><sync-mailbox><quit>`)
	contains(t, sent, "AUTHENTICATE", "BODY.PEEK[HEADER.FIELDS", "UID COPY", "EXPUNGE")
	check := func(mailbox, keys, want string) {
		t.Helper()
		if got := strings.TrimSpace(curl(mailbox, "UID SEARCH "+keys)); got != strings.TrimSpace("* SEARCH "+want) {
			t.Errorf("%s in %s: %s, not %s", keys, mailbox, got, want)
		}
	}
	check("INBOX", "ALL", "1 2 3 4 5 6 7 8 9 16 17 18 19 20 21 22 23 24 26 27 28 29 30")
	check("INBOX", "SEEN", "1")
	check("INBOX", "FLAGGED", "20")
	check("Archive", "ALL", "1 2 3 4 5 6")
	check("Archive", "SUBJECT \"number 15\"", "6")

	sent = neomutt(`2<enter><display-message><exit><change-folder><kill-line>=Archive<enter><delete-pattern>~s \"number 1[0-2]\"<enter><quit>`)
	first, _, _ := strings.Cut(sent, `SELECT "Archive"`)
	if strings.Contains(first, "HEADER.FIELDS") {
		t.Errorf("the second session fetched headers that it had:\n%s", first)
	}
	check("INBOX", "SEEN", "1 2")
	check("Archive", "ALL", "4 5 6")
}
