package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAnothersData has root administer the data of another user, whose server does not run: all files are
// that user's afterwards, and what is imported is read as root.
func TestAnothersData(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can give folders away
	}
	top, err := os.MkdirTemp("", "restante")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	const nobody = 65534
	data, mail := filepath.Join(top, "data"), filepath.Join(top, "mail.mbox")
	for _, err := range []error{
		os.Chmod(top, 0o755), os.Mkdir(data, 0o700), os.Chown(data, nobody, nobody),
		os.WriteFile(mail, []byte("From a@b Thu Jan  1 00:00:00 2026\nSubject: x\n\nhello\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(uid uint32, args ...string) (string, error) {
		cmd := exec.Command(binary(t), append(args, "--data", data)...)
		cmd.Stdin = strings.NewReader("secret\n")
		if uid != 0 {
			// By this name it can be executed wherever it is.
			cmd.Path, cmd.Dir = "/proc/self/exe", "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, tt := range []struct {
		uid  uint32
		args []string
		want string
		fail bool
	}{
		{0, []string{"user", "ls"}, "is no data folder", true},
		{0, []string{"user", "add", "ann", "--password-stdin"}, "", false},
		{0, []string{"user", "add", "ann", "--password-stdin"}, "there is a user ann already", true},
		{0, []string{"user", "ls", "--json"}, `{"name":"ann","mailboxes":6,"messages":0,"bytes":0}`, false},
		{0, []string{"import", "--user", "ann", mail}, "", false},
		{0, []string{"import", "--user", "bob", mail}, "there is no user", true},
		{nobody, []string{"user", "ls", "--json"}, `{"name":"ann","mailboxes":6,"messages":1,`, false},
		{0, []string{"serve", "--imap", "127.0.0.1:0", "--imaps", "off", "--lmtp", "off"}, "run this as that user: sudo -u 'nobody' restante ... (a server needs", true},
	} {
		out, err := run(tt.uid, tt.args...)
		if (err != nil) != tt.fail || !strings.Contains(out, tt.want) || strings.Count(out, "\n") > 2 {
			t.Errorf("user %d, %v: %v\n%s", tt.uid, tt.args, err, out)
		}
		err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Sys().(*syscall.Stat_t).Uid != nobody {
				err = fmt.Errorf("%s is not the owner's", path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v: %v", tt.args, err)
		}
	}
	if _, err := os.Stat(filepath.Join(data, "admin.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}
