package admin

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/cmd/restante/internal/config"

	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
)

// TestAPI does the same to a store in a folder and through the socket of a running server.
func TestAPI(t *testing.T) {
	t.Run("store", func(t *testing.T) {
		api, err := open(t.Context(), &config.Server{Data: t.TempDir()}, true)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		testAPI(t, api)
	})
	t.Run("socket", func(t *testing.T) {
		dir := t.TempDir()
		running, err := openStore(t.Context(), &config.Server{Data: dir}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer running.Close()
		l, err := Listen(filepath.Join(dir, SocketName))
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: Handler(running, slog.New(slog.DiscardHandler))}
		done := make(chan error)
		go func() { done <- s.Serve(l) }()
		defer func() {
			s.Close()
			<-done
		}()
		api, err := open(t.Context(), &config.Server{Data: dir}, false)
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		if _, ok := api.(*socketClient); !ok {
			t.Fatalf("%T does not ask the running server", api)
		}
		testAPI(t, api)
	})
}

func testAPI(t *testing.T, api API) {
	ctx := context.Background()
	check := func(what string, err error, want string) {
		t.Helper()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	check("add", api.AddUser(ctx, "ann", "a password"), "")
	check("add again", api.AddUser(ctx, "Ann", "a password"), "there is a user ann already")
	check("empty password", api.AddUser(ctx, "bob", ""), "a password may not be empty")
	check("password", api.SetPassword(ctx, "ann", "another"), "")
	check("password of nobody", api.SetPassword(ctx, "bob", "another"), `there is no user "bob"`)

	// Two messages of 12 octets, and then a file that cannot be read.
	broken := errors.New("the file is broken")
	sent, durable := 0, 0
	next := func() (int, *mailfile.Message, error) {
		if sent == 2 {
			return 0, nil, broken
		}
		sent++
		return 0, &mailfile.Message{Flags: []imap.Flag{imap.Seen}, Size: 12, Body: strings.NewReader("Subject: x\r\n")}, nil
	}
	check("import", api.Import(ctx, "ann", []ImportBox{{Name: "Old/2019"}}, next, func(p ImportProgress) { durable += p.Imported }), broken.Error())
	if sent != 2 || durable != 2 {
		t.Errorf("%d messages sent, %d durable", sent, durable)
	}
	end := func() (int, *mailfile.Message, error) { return 0, nil, io.EOF }
	check("import for nobody", api.Import(ctx, "bob", []ImportBox{{Name: "INBOX"}}, end, func(ImportProgress) {}), `there is no user "bob"`)
	check("import into a bad name", api.Import(ctx, "ann", []ImportBox{{Name: "New"}, {Name: "a//b"}}, end, func(ImportProgress) {}), `"a//b" cannot be the name`)
	testImportAgain(t, api)

	users, err := api.Users(ctx)
	if want := (UserInfo{Name: "ann", Mailboxes: 7, Messages: 6, Bytes: 77}); err != nil || len(users) != 1 || users[0] != want {
		t.Errorf("users: %+v, %v, want %+v", users, err, want)
	}
	check("remove", api.RemoveUser(ctx, "ann"), "")
	check("remove again", api.RemoveUser(ctx, "ann"), `there is no user "ann"`)
}

// testImportAgain imports some messages again: only those are left out that are there octet for octet,
// as often as they are there.
func testImportAgain(t *testing.T, api API) {
	t.Helper()
	texts := []string{"Subject: x\r\n", "Subject: y\r\n", "Subject: x\r\n", "Subject: x\r\n", "Subject: longer\r\n", "subject: x\r\n"}
	box := []int{0, 0, 0, 0, 1, 0}
	for run, want := range []ImportProgress{{Imported: 4, Known: 2}, {Known: 6}} {
		at := 0
		var got ImportProgress
		err := api.Import(context.Background(), "ann", []ImportBox{{Name: "Old/2019"}, {Name: "INBOX"}}, func() (int, *mailfile.Message, error) {
			if at == len(texts) {
				return 0, nil, io.EOF
			}
			at++
			return box[at-1], &mailfile.Message{Size: int64(len(texts[at-1])), Body: strings.NewReader(texts[at-1])}, nil
		}, func(p ImportProgress) {
			got.Imported += p.Imported
			got.Known += p.Known
		})
		if err != nil || got != want {
			t.Errorf("run %d: %+v, %v, want %+v", run, got, err, want)
		}
	}
}

// TestOpenMissing names the folder that is not there, or is no data folder, and makes nothing.
func TestOpenMissing(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "data")
	if _, err := open(t.Context(), &config.Server{Data: dir}, false); err == nil || !strings.Contains(err.Error(), "there is no data folder "+dir) {
		t.Error(err)
	}
	if _, err := open(t.Context(), &config.Server{Data: top}, false); err == nil || !strings.Contains(err.Error(), top+" is no data folder") {
		t.Error(err)
	}
	if made, err := os.ReadDir(top); err != nil || len(made) != 0 {
		t.Errorf("made %v, %v", made, err)
	}
}

// TestOpenAnothers: through the socket of a running server root may do all in the store of another user. Of
// one that does not run, TestAnothersData of the command tells.
func TestOpenAnothers(t *testing.T) {
	if os.Geteuid() != 0 {
		return // the system refuses everybody else
	}
	dir := t.TempDir()
	running, err := openStore(t.Context(), &config.Server{Data: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	l, err := Listen(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const nobody = 65534
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, -1))
	}); err != nil {
		t.Fatal(err)
	}
	api, err := open(t.Context(), &config.Server{Data: dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	api.Close()
}
