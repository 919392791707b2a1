package peers

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"restante/internal/servertest"
)

// filled starts a server with messages in INBOX, and returns them.
func filled(t *testing.T) (*servertest.Server, []string) {
	t.Helper()
	s := start(t)
	var all []string
	args := []string{"import", "--data", s.Data, "--user", user}
	dir := t.TempDir()
	for i := range 12 {
		all = append(all, message(fmt.Sprintf("fetched %d", i)))
		args = append(args, writeFile(t, filepath.Join(dir, fmt.Sprint(i)), all[i]))
	}
	run(t, s.Binary, args...)
	return s, sorted(all)
}

// delivery makes a maildir and a program that puts a message into it.
func delivery(t *testing.T, dir string) (box, program string) {
	t.Helper()
	box = filepath.Join(dir, "box")
	for _, sub := range []string{"cur", "new"} {
		if err := os.MkdirAll(filepath.Join(box, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program = writeFile(t, filepath.Join(dir, "deliver"), "#!/bin/sh\nexec cat >"+box+"/new/$$\n")
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	return box, program
}

// TestGetmail fetches over TLS, remembers what it has, and deletes on the server when told so.
func TestGetmail(t *testing.T) {
	bin := servertest.Need(t, "getmail", "getmail6")
	s, all := filled(t)
	dir := t.TempDir()
	box, mda := delivery(t, dir)
	_, port, _ := net.SplitHostPort(s.IMAPSAddr)
	getmail := func(options string) string {
		t.Helper()
		rc := writeFile(t, filepath.Join(dir, "getmailrc"), fmt.Sprintf(`
[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = %s
username = %s
password = %s
mailboxes = ("INBOX",)
ca_certs = %s

[destination]
type = MDA_external
path = %s
allow_root_commands = true

[options]
delivered_to = false
received = false
%s
`, port, user, password, s.CertFile, mda, options))
		return run(t, bin, "--getmaildir", dir, "--rcfile", rc)
	}
	contains(t, getmail("read_all = false"), "12 messages")
	if got := withoutGetmail(maildir(t, box)); !slices.Equal(got, all) {
		t.Errorf("%d messages arrived, or they differ: %q", len(got), got)
	}
	contains(t, getmail("read_all = false"), "0 messages")
	getmail("delete = true\nread_all = true")
	if got := server(t, s, "INBOX"); len(got) != 0 {
		t.Errorf("%d messages are left on the server", len(got))
	}
	if got := len(maildir(t, box)); got != 24 {
		t.Errorf("there are %d messages here, not 24", got)
	}
}

// withoutGetmail removes the header fields that getmail adds.
func withoutGetmail(messages []string) []string {
	for i, m := range messages {
		messages[i] = strings.NewReplacer("Return-Path: <unknown>\r\n", "", "X-getmail-retrieved-from-mailbox: INBOX\r\n", "").Replace(m)
	}
	return sorted(messages)
}

// TestFetchmail fetches what is unseen after STARTTLS, then over TLS, and deletes what it fetched
// when told so.
func TestFetchmail(t *testing.T) {
	bin := servertest.Need(t, "fetchmail", "fetchmail")
	s, all := filled(t)
	dir := t.TempDir()
	_, port, _ := net.SplitHostPort(s.IMAPAddr)
	_, tlsPort, _ := net.SplitHostPort(s.IMAPSAddr)
	box, mda := delivery(t, dir)
	fetchmail := func(port, ssl, options string) (string, error) {
		t.Helper()
		rc := writeFile(t, filepath.Join(dir, "fetchmailrc"), fmt.Sprintf(`
set idfile "%[1]s/ids"
set pidfile "%[1]s/pid"
poll localhost protocol IMAP port %[2]s
	user "%[3]s" password "%[4]s" %[5]s sslcertfile "%[6]s" sslcertck
	mda "%[7]s" no rewrite %[8]s
`, dir, port, user, password, ssl, s.CertFile, mda, options))
		return try(t, bin, "-v", "-f", rc, "--invisible")
	}
	out, err := fetchmail(port, `sslproto "TLS1.2+"`, "keep")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "STARTTLS")
	if got := maildir(t, box); !slices.Equal(got, all) {
		t.Errorf("%d messages arrived, or they differ: %q\n%s", len(got), got, out)
	}
	// Status 1 says that there was nothing to fetch.
	if out, err := fetchmail(tlsPort, "ssl", "keep"); err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("another run found something: %v\n%s", err, out)
	}
	if out, err := fetchmail(tlsPort, "ssl", "fetchall no keep expunge 5"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if got := server(t, s, "INBOX"); len(got) != 0 {
		t.Errorf("%d messages are left on the server", len(got))
	}
	if got := len(maildir(t, box)); got != 24 {
		t.Errorf("there are %d messages here, not 24", got)
	}
}
