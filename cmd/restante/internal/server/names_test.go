package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"

	"restante/auth"
	"restante/cmd/restante/internal/admin"
	"restante/cmd/restante/internal/config"
	"restante/store"
	"restante/store/localstore"
)

// TestLoginNames logs in by name and by address.
func TestLoginNames(t *testing.T) {
	ctx := context.Background()
	s, err := localstore.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	names := loginNames{s, []string{"example.org", "Example.NET"}}
	a, err := auth.New(names, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann", "bob", "bob@example.org"} {
		if err := admin.New(s, a, nil, config.Quota{}).AddUser(ctx, name, "secret"); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"ann": "ann", "ann@example.org": "ann", "Ann@EXAMPLE.org": "ann", "ann@example.net": "ann",
		"bob": "bob", "bob@example.org": "bob@example.org", "bob@example.net": "bob",
		"ann@example.com": "", "@example.org": "", "carol@example.org": "", "ann@": "", "x@ann@example.org": "",
	} {
		user, err := names.User(ctx, strings.ToLower(name)) // as auth does
		if user.Name != want || (err != nil) != (want == "") || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s is %q, %v", name, user.Name, err)
		}
	}
}

// TestPostmasterWarning says at the start that nobody gets mail for postmaster.
func TestPostmasterWarning(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		add, postmaster string
		warns           string
	}{
		{"", "", ""},    // nobody gets any mail yet
		{"ann", "", ""}, // the only user
		{"", "carol", `there is no user \"carol\"`},
		{"bob", "", "of 2 users"},
		{"", "Bob", ""},
		{"postmaster", "", ""},
	} {
		s, err := start(t.Context(), config.Server{Data: dir, LMTP: "127.0.0.1:0", Postmaster: test.postmaster}, "", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if test.add != "" {
			if err := s.admin.AddUser(context.Background(), test.add, "secret"); err != nil {
				t.Error(err)
			}
		}
		var said strings.Builder
		s.log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
		s.warnOfNames(context.Background())
		if test.warns == "" && said.Len() > 0 || !strings.Contains(said.String(), test.warns) {
			t.Errorf("%+v: says %s", test, &said)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestNothingToServe refuses settings with which nothing would be served, and makes no folder.
func TestNothingToServe(t *testing.T) {
	dir := t.TempDir() + "/data"
	for _, test := range []struct {
		c    config.Server
		want string
	}{
		{config.Server{IMAP: "off", IMAPS: "off", LMTP: "off"}, "imap, imaps and lmtp are all off"},
		{config.Server{IMAP: "off", LMTP: "off", HTTP: "127.0.0.1:0"}, "imap, imaps and lmtp are all off"},
		{config.Server{IMAP: "127.0.0.1:0", Domains: []string{"example.org", "ann@example.org"}}, `domains: "ann@example.org" is no domain`},
		{config.Server{IMAP: "127.0.0.1:0", Domains: []string{""}}, `domains: "" is no domain`},
	} {
		test.c.Data = dir
		s, err := start(t.Context(), test.c, "", slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err == nil {
			s.stop()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test.c, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: there is a folder; %v", test.c, err)
		}
	}
}
