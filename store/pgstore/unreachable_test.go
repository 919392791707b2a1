package pgstore

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"restante/blob/blobtest"
	"restante/internal/pgtest"
)

// TestUnreachable looks at what is said when the database cannot be used: what is wrong, and what to do.
func TestUnreachable(t *testing.T) {
	address := pgtest.Database(t, t.TempDir())
	with := func(change func(*url.URL, url.Values)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(u, q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for _, test := range []struct {
		name, address string
		want          []string
	}{
		{"no server", with(func(_ *url.URL, q url.Values) { q.Set("host", t.TempDir()) }), []string{"cannot connect", "may this machine connect to it?", "no such file"}},
		{"no user", with(func(_ *url.URL, q url.Values) { q.Set("user", "stranger") }), []string{`refuses the user "stranger"`, "PGPASSWORD", "SQLSTATE 28000"}},
		{"no database", with(func(u *url.URL, _ url.Values) { u.Path = "/nowhere" }), []string{`no database "nowhere"`, "createdb -O postgres -E UTF8 -T template0 nowhere", "SQLSTATE 3D000"}},
		{"no schema", with(func(_ *url.URL, q url.Values) { q.Set("search_path", "nowhere") }), []string{"may not make tables", "search_path"}},
		{"no address", "postgres://a:secret@[/", []string{"postgres://user@host/database"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Open(context.Background(), Options{Cells: []CellConfig{{Name: "north", Database: test.address, Blobs: blobtest.NewMemory()}}})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			text := err.Error()
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q lacks %q", text, want)
				}
			}
			if strings.Contains(text, "\n") || strings.Contains(text, "secret") || test.name != "no address" && !strings.Contains(text, "cell north") {
				t.Errorf("%q", text)
			}
		})
	}
}
