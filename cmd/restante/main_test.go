package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"restante/internal/dovecottest"
	"restante/internal/pgtest"
	"restante/internal/servertest"
)

// TestMain makes this test binary the command "restante" for scripts and tests.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", noRaceSleep)
	testscript.Main(withPostgres{m}, map[string]func(){"restante": main})
}

// withPostgres runs the tests beside a PostgreSQL.
type withPostgres struct{ m *testing.M }

func (w withPostgres) Run() int { return pgtest.Run(w.m) }

// noRaceSleep keeps the race detector from making every command take a second to end.
const noRaceSleep = "atexit_sleep_ms=0"

// binary returns the path of the command.
func binary(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("restante")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// target is a server that scripts work on as the account "home".
type target struct{ url, user, password, cert, imapPort string }

// config returns the account's table.
func (s target) config(name string) string {
	return fmt.Sprintf("[accounts.%s]\nurl = %q\nuser = %q\npassword = %q\ncafile = %q\n", name, s.url, s.user, s.password, s.cert)
}

// setup gives a script the configuration file and the variables of a server.
func (s target) setup(e *testscript.Env) error {
	u, err := url.Parse(s.url)
	if err != nil {
		return err
	}
	demo, err := filepath.Abs("internal/server/demo")
	if err != nil {
		return err
	}
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("GORACE", noRaceSleep)
	e.Setenv("URL", s.url)
	e.Setenv("PORT", u.Port())
	e.Setenv("IMAPPORT", s.imapPort)
	e.Setenv("USERNAME", s.user)
	e.Setenv("PASSWORD", s.password)
	e.Setenv("CERT", s.cert)
	e.Setenv("DEMO", demo)
	e.Setenv("TZ", "UTC")
	return writeConfig(e, s.config("home"))
}

func writeConfig(e *testscript.Env, text string) error {
	dir := filepath.Join(e.WorkDir, ".config", "restante")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600)
}

// startTarget runs a server of ours with the user ann.
func startTarget(binary, data string) (target, *servertest.Server, error) {
	s, err := servertest.Run(binary, data)
	if err != nil {
		return target{}, nil, err
	}
	t := target{url: "imaps://localhost:" + portOf(s.IMAPSAddr), user: "ann", password: "secret of ann", cert: s.CertFile, imapPort: portOf(s.IMAPAddr)}
	add := exec.Command(binary, "user", "add", t.user, "--password-stdin", "--data", data)
	add.Stdin = strings.NewReader(t.password)
	if out, err := add.CombinedOutput(); err != nil {
		s.Kill()
		return target{}, nil, fmt.Errorf("user add: %w\n%s", err, out)
	}
	return t, s, nil
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// TestClient runs the client's scripts on a server of ours.
func TestClient(t *testing.T) {
	bin := binary(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/client", Cmds: commands, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			s, server, err := startTarget(bin, filepath.Join(e.WorkDir, "data"))
			if err != nil {
				return err
			}
			e.Defer(func() {
				if err := server.Stop(); err != nil {
					e.T().Fatal(err, server.Log())
				}
			})
			return s.setup(e)
		},
	})
}

// TestClientDovecot runs the same scripts on Dovecot, for the client has to work with any server.
func TestClientDovecot(t *testing.T) {
	scripts, err := filepath.Glob("testdata/client/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			d := dovecottest.Start(t)
			s := target{url: "imaps://localhost:" + portOf(d.IMAPSAddr), user: d.User, password: d.Password, cert: filepath.Join(d.Dir, "cert.pem"), imapPort: portOf(d.IMAPAddr)}
			testscript.Run(t, testscript.Params{Files: []string{script}, Cmds: commands, Setup: s.setup})
		})
	}
}

// TestDovecotNames runs the scripts on Dovecots that write names of mailboxes in another way than ours,
// and tell of no roles.
func TestDovecotNames(t *testing.T) {
	for name, prefix := range map[string]string{"separator": "", "prefix": "INBOX."} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dovecottest.Start(t, fmt.Sprintf("namespace inbox {\n separator = .\n prefix = %s\n mailbox Trash {\n auto = no\n special_use =\n }\n mailbox Sent {\n special_use =\n }\n mailbox Drafts {\n special_use =\n }\n}", prefix))
			s := target{url: "imaps://localhost:" + portOf(d.IMAPSAddr), user: d.User, password: d.Password, cert: filepath.Join(d.Dir, "cert.pem"), imapPort: portOf(d.IMAPAddr)}
			testscript.Run(t, testscript.Params{Dir: "testdata/dovecot", Cmds: commands, Setup: func(e *testscript.Env) error {
				e.Setenv("PREFIX", prefix)
				return s.setup(e)
			}})
		})
	}
}

// TestDovecotMaildir runs the script that fills a Maildir by way of Dovecot and imports it.
func TestDovecotMaildir(t *testing.T) {
	d := dovecottest.Start(t, "mail_location = maildir:~/Maildir")
	s := target{url: "imaps://localhost:" + portOf(d.IMAPSAddr), user: d.User, password: d.Password, cert: filepath.Join(d.Dir, "cert.pem"), imapPort: portOf(d.IMAPAddr)}
	testscript.Run(t, testscript.Params{Dir: "testdata/maildir", Cmds: commands, Setup: func(e *testscript.Env) error {
		e.Setenv("MAILDIR", filepath.Join(d.Dir, "mail", d.User, "Maildir"))
		e.Values[serversKey{}] = map[string]*servertest.Server{}
		return s.setup(e)
	}})
}

// TestServer runs the scripts that start servers themselves.
func TestServer(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/server", Cmds: commands, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", noRaceSleep)
			e.Setenv("TZ", "UTC")
			e.Values[serversKey{}] = map[string]*servertest.Server{}
			return nil
		},
	})
}

// TestShared runs the scripts whose servers keep the mail in PostgreSQL: NORTH and SOUTH are schemas,
// NORTHBLOBS and SOUTHBLOBS object stores.
func TestShared(t *testing.T) {
	pgtest.Database(t, "") // or skip
	testscript.Run(t, testscript.Params{
		Dir: "testdata/shared", Cmds: commands, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", noRaceSleep)
			e.Setenv("TZ", "UTC")
			for _, name := range []string{"north", "south"} {
				address, err := pgtest.MakeSchema(os.Getenv(pgtest.ServerEnv), e.WorkDir+name)
				if err != nil {
					return err
				}
				e.Setenv(strings.ToUpper(name), address)
				e.Setenv(strings.ToUpper(name)+"BLOBS", "file://"+filepath.Join(e.WorkDir, name+"blobs"))
			}
			e.Values[serversKey{}] = map[string]*servertest.Server{}
			return nil
		},
	})
}

// commands are what scripts can do besides running restante.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"expand": expandFile,
	"server": startServerCommand,
	"end":    endServerCommand,
	"mode":   checkMode,
	"fetch":  fetchURL,
	"damage": damageFiles,
	"psql":   runSQL,
}

type serversKey struct{}

// startServerCommand: "server NAME [FLAGS]" runs "restante serve" on the folder NAME and sets
// NAME_IMAP, NAME_LMTP, NAME_HTTP to its addresses, NAME_PORT and NAME_IMAPPORT to its ports with
// TLS and without, NAME_CERT, and NAME_URL for the user ann.
func startServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server NAME [FLAGS]")
	}
	bin, err := exec.LookPath("restante")
	ts.Check(err)
	name := args[0]
	s, err := servertest.Run(bin, ts.MkAbs(name), args[1:]...)
	ts.Check(err)
	ts.Value(serversKey{}).(map[string]*servertest.Server)[name] = s
	ts.Defer(func() { _ = s.Stop() })
	for what, value := range map[string]string{"IMAP": s.IMAPAddr, "IMAPS": s.IMAPSAddr, "LMTP": s.LMTPAddr, "HTTP": s.HTTPAddr,
		"PORT": portOf(s.IMAPSAddr), "IMAPPORT": portOf(s.IMAPAddr), "CERT": s.CertFile,
		"URL": "imaps://ann@localhost:" + portOf(s.IMAPSAddr)} {
		ts.Setenv(strings.ToUpper(name)+"_"+what, value)
	}
}

// endServerCommand: "end NAME" ends a server as Ctrl-C does; it has to end well.
func endServerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: end NAME")
	}
	s := ts.Value(serversKey{}).(map[string]*servertest.Server)[args[0]]
	if s == nil {
		ts.Fatalf("no server %s", args[0])
	}
	ts.Check(s.Stop())
}

// expandFile: "expand FILE..." replaces $VARIABLES in files.
func expandFile(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		text, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(os.Expand(string(text), ts.Getenv)), 0o600))
	}
}

// checkMode: "mode PERMISSIONS FILE" compares the permissions of a file, in octal.
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode PERMISSIONS FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); (got == args[0]) == neg {
		ts.Fatalf("%s has mode %s", args[1], got)
	}
}

// fetchURL: "fetch URL" prints what a server answers over HTTP.
func fetchURL(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: fetch URL")
	}
	status, body, err := httpGet(args[0])
	if err == nil && status != 200 {
		err = errors.New(body)
	}
	if (err != nil) != neg {
		ts.Fatalf("GET %s: status %d, %v", args[0], status, err)
	}
	fmt.Fprint(ts.Stdout(), body)
}

// damageFiles: "damage FOLDER OLD NEW" puts other octets, as many, into the files of a folder.
func damageFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || len(args[1]) != len(args[2]) {
		ts.Fatalf("usage: damage FOLDER OLD NEW")
	}
	paths, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*"))
	ts.Check(err)
	done := false
	for _, path := range paths {
		text, err := os.ReadFile(path)
		ts.Check(err)
		if other := strings.ReplaceAll(string(text), args[1], args[2]); other != string(text) {
			done = true
			ts.Check(os.WriteFile(path, []byte(other), 0o600))
		}
	}
	if !done {
		ts.Fatalf("%s is in no file", args[1])
	}
}

// runSQL: "psql DATABASE STATEMENT" runs a statement.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: psql DATABASE STATEMENT")
	}
	u, err := url.Parse(args[0])
	ts.Check(err)
	q := u.Query()
	schema := q.Get("search_path") // which psql takes otherwise than pgx
	q.Del("search_path")
	u.RawQuery = q.Encode()
	psql := exec.Command("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", args[1], u.String())
	psql.Env = append(os.Environ(), "PGOPTIONS=-c search_path="+schema)
	out, err := psql.CombinedOutput()
	if err != nil {
		ts.Fatalf("psql: %v\n%s", err, out)
	}
}
