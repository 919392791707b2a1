package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"restante/internal/servertest"
)

// TestMbsyncTunnel synchronises through 'restante imap', as one does through ssh: while the server runs,
// and while it does not.
func TestMbsyncTunnel(t *testing.T) {
	bin := servertest.Need(t, "mbsync", "isync")
	data := filepath.Join(t.TempDir(), "data")
	s, err := servertest.Run(servertest.Build(t), data)
	if err != nil {
		t.Fatal(err)
	}
	s.AddUser(t, user, password)
	dir := t.TempDir()
	config := writeFile(t, filepath.Join(dir, "mbsyncrc"), fmt.Sprintf(`
IMAPStore far
Tunnel "%s imap --user %s --data %s"

MaildirStore near
Path %s/near/
Inbox %[4]s/near/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
`, s.Binary, user, data, dir))
	sync := func() string { return run(t, bin, "-c", config, "-V", "all") }
	near := func() []string { return maildir(t, filepath.Join(dir, "near", "INBOX")) }
	put := func(i int) string {
		m := message(fmt.Sprint("near ", i))
		writeFile(t, filepath.Join(dir, "near", "INBOX", "cur", fmt.Sprintf("17%08d.%d.near:2,S", i, i)), strings.ReplaceAll(m, "\r\n", "\n"))
		return m
	}
	take := func(i int) string {
		m := message(fmt.Sprint("far ", i))
		run(t, s.Binary, "import", "--data", data, "--user", user, writeFile(t, filepath.Join(dir, "eml", fmt.Sprint(i)), m))
		return m
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, "near", "INBOX", sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{put(1), take(1)}
	sync()
	if got := near(); !slices.Equal(got, sorted(want)) {
		t.Errorf("with the server running there are %d messages here, or they differ", len(got))
	}
	if got := server(t, s, "INBOX"); !slices.Equal(got, sorted(want)) {
		t.Errorf("with the server running there are %d messages there, or they differ", len(got))
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err, s.Log())
	}
	want = append(want, put(2), take(2))
	sync()
	if got := near(); !slices.Equal(got, sorted(want)) {
		t.Errorf("with the server stopped there are %d messages here, or they differ", len(got))
	}
	s = servertest.Start(t, data)
	if got := server(t, s, "INBOX"); !slices.Equal(got, sorted(want)) {
		t.Errorf("with the server stopped there are %d messages there, or they differ", len(got))
	}
}
