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

// TestOfflineIMAP synchronises both ways over TLS, with flags and deletions, until another run
// finds nothing to do.
func TestOfflineIMAP(t *testing.T) {
	bin := servertest.Need(t, "offlineimap", "offlineimap3")
	s := start(t)
	dir := t.TempDir()
	near := filepath.Join(dir, "near")
	_, port, _ := net.SplitHostPort(s.IMAPSAddr)
	config := writeFile(t, filepath.Join(dir, "offlineimaprc"), fmt.Sprintf(`
[general]
accounts = ann
metadata = %[1]s/metadata
ui = basic

[Account ann]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = %[1]s/near
sep = .

[Repository far]
type = IMAP
remotehost = localhost
remoteport = %[2]s
remoteuser = %[3]s
remotepass = %[4]s
ssl = yes
sslcacertfile = %[5]s
usecompression = no
`, dir, port, user, password, s.CertFile))
	sync := func() string {
		t.Helper()
		out := run(t, bin, "-c", config, "-o", "-1")
		if strings.Contains(out, "ERROR") || strings.Contains(out, "WARNING") {
			t.Fatal(out)
		}
		return out
	}
	var here, there []string
	for i := range 10 {
		here = append(here, message(fmt.Sprintf("here %d", i)))
		there = append(there, message(fmt.Sprintf("there %d", i)))
		box := filepath.Join(near, "Work.Gr&APwA3w-e")
		for _, sub := range []string{"new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(box, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		writeFile(t, filepath.Join(box, "cur", fmt.Sprintf("17%08d_%d.1.here:2,%s", i, i, []string{"", "S", "FS", "RS"}[i%4])), strings.ReplaceAll(here[i], "\r\n", "\n"))
		eml := writeFile(t, filepath.Join(dir, "eml", fmt.Sprint(i)), there[i])
		run(t, s.Binary, "import", "--data", s.Data, "--user", user, "--mailbox", "Work/Grüße", eml)
	}
	sync()
	const far = "Work/Gr%26APwA3w-e"
	box := filepath.Join(near, "Work.Gr&APwA3w-e")
	if got := maildir(t, box); !slices.Equal(got, sorted(here, there)) {
		t.Fatalf("after the first run there are %d messages here, or they differ", len(got))
	}
	if got := server(t, s, far); !slices.Equal(got, sorted(here, there)) {
		t.Fatalf("after the first run there are %d messages there, or they differ", len(got))
	}
	sync() // curl has set \Seen
	before, stamp := status(t, s, port), listing(t, near)
	out := sync()
	if strings.Contains(out, "Copy message") || strings.Contains(out, "Deleting") || strings.Contains(out, "flag") {
		t.Errorf("another run found something to do:\n%s", out)
	}
	if after := status(t, s, port); after != before {
		t.Errorf("another run changed the server: %s became %s\n%s", before, after, out)
	}
	if after := listing(t, near); after != stamp {
		t.Errorf("another run changed files here:\n%s\nbecame\n%s\n%s", stamp, after, out)
	}

	// A flag and a deletion, each from both sides.
	curl := func(request string) string {
		t.Helper()
		return run(t, "curl", "-sS", "--cacert", s.CertFile, "-u", user+":"+password, "imaps://localhost:"+port+"/"+far, "-X", request)
	}
	files, err := filepath.Glob(filepath.Join(box, "*", "*"))
	if err != nil || len(files) != 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(files[1], strings.TrimRight(files[1], "DFRST")+"FRS"); err != nil {
		t.Fatal(err)
	}
	gone := uid(files[0])
	flagged := uid(files[1])
	deleted, drafted := uid(files[2]), uid(files[3])
	curl(`UID STORE ` + deleted + ` +FLAGS (\Deleted)`)
	curl(`UID EXPUNGE ` + deleted)
	curl(`UID STORE ` + drafted + ` +FLAGS (\Draft)`)
	sync()
	if got := server(t, s, far); len(got) != 18 || !slices.Equal(got, maildir(t, box)) {
		t.Errorf("after two deletions there are %d messages there and %d here", len(got), len(maildir(t, box)))
	}
	contains(t, curl("UID FETCH "+flagged+" (FLAGS)"), `\Flagged`, `\Answered`)
	if out := curl("UID SEARCH UID " + gone); strings.TrimSpace(out) != "* SEARCH" {
		t.Errorf("what was removed here is still there: %s", out)
	}
	if found, err := filepath.Glob(filepath.Join(box, "*", "*,U="+drafted+",*:2,*D*")); err != nil || len(found) != 1 {
		t.Errorf("a flag set there did not arrive: %v\n%s", err, listing(t, near))
	}
}

// uid returns the UID that offlineimap keeps in the name of a file.
func uid(path string) string {
	_, rest, _ := strings.Cut(filepath.Base(path), ",U=")
	uid, _, _ := strings.Cut(rest, ",")
	return uid
}
