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

// TestMbsync synchronises both ways: what one side has, the other gets, octet by octet, and a
// second run finds nothing to do.
func TestMbsync(t *testing.T) {
	bin := servertest.Need(t, "mbsync", "isync")
	s := start(t)
	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(s.IMAPSAddr)
	config := writeFile(t, filepath.Join(dir, "mbsyncrc"), fmt.Sprintf(`
IMAPAccount restante
Host %s
Port %s
User %s
Pass "%s"
SSLType IMAPS
CertificateFile %s

IMAPStore far
Account restante

MaildirStore near
Path %s/near/
Inbox %[6]s/near/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
`, strings.Replace(host, "127.0.0.1", "localhost", 1), port, user, password, s.CertFile, dir))
	near := filepath.Join(dir, "near")
	for _, box := range []string{"INBOX", "Work", "Work/Gr&APwA3w-e"} {
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(near, box, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The same message from here and from there, and some of their own.
	var here, there []string
	for i := range 20 {
		here = append(here, message(fmt.Sprintf("here %d", i)))
		there = append(there, message(fmt.Sprintf("there %d", i)))
		writeFile(t, filepath.Join(near, "Work", "cur", fmt.Sprintf("17%08d.%d.here:2,%s", i, i, []string{"", "S", "FS", "RS"}[i%4])), strings.ReplaceAll(here[i], "\r\n", "\n"))
		eml := writeFile(t, filepath.Join(dir, "eml", fmt.Sprint(i)), there[i])
		run(t, s.Binary, "import", "--data", s.Data, "--user", user, "--mailbox", "Work", eml)
	}
	sync := func() string { return run(t, bin, "-c", config, "-V", "all") }
	sync()

	raw := func() []string { return maildir(t, filepath.Join(near, "Work")) }
	if got := raw(); !slices.Equal(got, sorted(here, there)) {
		t.Fatalf("after the first run there are %d messages here, or they differ", len(got))
	}
	if got := server(t, s, "Work"); !slices.Equal(got, sorted(here, there)) {
		t.Fatalf("after the first run there are %d messages there, or they differ", len(got))
	}
	contains(t, run(t, "curl", "-sS", "--cacert", s.CertFile, "-u", user+":"+password, "imaps://localhost:"+port+"/Work?FLAGGED%20SEEN%20SUBJECT%20here"), "* SEARCH ")

	sync() // curl has set \Seen

	// Another run is a no-op: no file here changes, and no modification there.
	before, stamp := status(t, s, port), listing(t, near)
	out := sync()
	if after := status(t, s, port); after != before {
		t.Errorf("another run changed the server: %s became %s\n%s", before, after, out)
	}
	if after := listing(t, near); after != stamp {
		t.Errorf("another run changed files here:\n%s\nbecame\n%s\n%s", stamp, after, out)
	}

	// Deleting on either side deletes on the other.
	files, err := filepath.Glob(filepath.Join(near, "Work", "cur", "*here*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no file to remove", err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	run(t, "curl", "-sS", "--cacert", s.CertFile, "-u", user+":"+password, "imaps://localhost:"+port+"/Work", "-X", `STORE 1 +FLAGS (\Deleted)`)
	sync()
	if got := server(t, s, "Work"); len(got) != 38 || !slices.Equal(got, raw()) {
		t.Errorf("after two deletions there are %d messages there and %d here", len(got), len(raw()))
	}
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

// maildir returns the messages of a folder, with the line ends of the Internet and without what
// mbsync adds.
func maildir(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(dir, sub, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, withoutTUID(strings.ReplaceAll(string(text), "\n", "\r\n")))
		}
	}
	return sorted(out)
}

// withoutTUID removes the header field with which mbsync finds its own messages again.
func withoutTUID(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "X-TUID: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// server returns the messages of a mailbox as curl gets them.
func server(t *testing.T, s *servertest.Server, mailbox string) []string {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.IMAPSAddr)
	base := []string{"-sS", "--cacert", s.CertFile, "-u", user + ":" + password}
	found := run(t, "curl", append(base, "imaps://localhost:"+port+"/"+mailbox, "-X", "UID SEARCH ALL")...)
	var out []string
	for uid := range strings.FieldsSeq(strings.TrimPrefix(found, "* SEARCH")) {
		out = append(out, withoutTUID(run(t, "curl", append(base, "imaps://localhost:"+port+"/"+mailbox+";UID="+uid)...)))
	}
	return sorted(out)
}

// status returns everything about the mailboxes that changes when anything in them does.
func status(t *testing.T, s *servertest.Server, port string) string {
	t.Helper()
	return run(t, "curl", "-sS", "--cacert", s.CertFile, "-u", user+":"+password, "imaps://localhost:"+port+"/",
		"-X", `LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE))`)
}

// listing returns the names of all messages here; flags are part of the names.
func listing(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(files, "\n")
}
