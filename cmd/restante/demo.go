package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// demoUser is the one user of the demonstration.
const demoUser = "ann"

// serveDemo serves a mailbox to try things with, from a temporary folder, until ctx ends. Then
// nothing is left of it.
func serveDemo(ctx context.Context, w io.Writer, c serverConfig, log *slog.Logger) (err error) {
	if c.Data != "" {
		return usageError{errors.New("--demo serves from a temporary folder, so --data does not go with it")}
	}
	if c.Data, err = os.MkdirTemp("", "restante-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.Data)) }()
	demoDefaults(&c)
	if c.LogLevel == "" { // no lines between those to paste
		if log, err = newLogger(os.Stderr, "warn"); err != nil {
			return err
		}
	}
	s, err := startServer(ctx, c, log)
	if err != nil {
		return err
	}
	if err := s.present(ctx, w, c); err != nil {
		return errors.Join(err, s.stop())
	}
	return s.wait(ctx)
}

// demoDefaults are addresses on loopback that need no privileges.
func demoDefaults(c *serverConfig) {
	for _, d := range []struct {
		p *string
		v string
	}{{&c.IMAP, "127.0.0.1:1143"}, {&c.IMAPS, "127.0.0.1:1993"}, {&c.LMTP, "127.0.0.1:1024"}, {&c.HTTP, "off"}} {
		if *d.p == "" {
			*d.p = d.v
		}
	}
}

// present makes the user and the mail, and says what to do with them.
func (s *server) present(ctx context.Context, w io.Writer, c serverConfig) error {
	password, err := demoPassword()
	if err != nil {
		return err
	}
	if err := s.admin.AddUser(ctx, demoUser, password); err != nil {
		return err
	}
	if err := fillDemo(ctx, s.admin, demoUser); err != nil {
		return err
	}
	g := demoGuide{
		User: demoUser, Password: password, IMAP: s.imapAddr, IMAPS: s.imapsAddr, LMTP: s.lmtpAddr, HTTP: s.httpAddr,
		Cert: s.selfSigned, Accounts: filepath.Join(c.Data, "accounts.toml"), Attachments: filepath.Join(c.Data, "attachments"),
	}
	if g.Cert == "" {
		g.Cert = c.TLSCert
	}
	if g.Command, err = demoCommand(c.Data); err != nil {
		return err
	}
	_, g.Port, _ = net.SplitHostPort(s.imapsAddr)
	if err := os.WriteFile(g.Accounts, fmt.Appendf(nil, "[accounts.demo]\nurl = %q\npassword = %q\ncafile = %q\n",
		"imaps://"+demoUser+"@localhost:"+g.Port, password, g.Cert), 0o600); err != nil {
		return err
	}
	return guide.Execute(w, g)
}

// demoCommand returns how this program is called from another shell: by its name when that finds
// it, else by a link in the folder.
func demoCommand(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if found, err := exec.LookPath("restante"); err == nil && sameFile(found, self) {
		return "restante", nil
	}
	link := filepath.Join(dir, "restante")
	return link, os.Symlink(self, link)
}

func sameFile(a, b string) bool {
	ia, err := os.Stat(a)
	if err != nil {
		return false
	}
	ib, err := os.Stat(b)
	return err == nil && os.SameFile(ia, ib)
}

// shellWord returns a word as it is written in a shell.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:@+-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// demoWords are short, and hard to mistake for each other.
const demoWords = `amber anchor apple arrow autumn badger bamboo basket beacon birch blanket bottle breeze butter
candle canyon carpet castle cedar cherry circle clover cobalt copper coral cotton cradle crystal daisy desert
dolphin dragon eagle ember falcon feather fiddle forest fossil garden ginger glacier granite hammer harbor
hazel honey island ivory jacket jasmine jungle kettle ladder lantern lemon lizard magnet maple marble meadow
mirror monkey needle nutmeg ocean olive orange otter oyster paddle pepper pigeon planet pocket prairie pumpkin
quartz rabbit raven ribbon river rocket saddle salmon sandal shadow silver spider spruce summer sunset thunder
tiger timber tulip turtle valley velvet violin walnut willow window winter yellow zebra`

// demoPassword returns a password that is easily typed: four words of a hundred, enough for a
// server on loopback that soon ends.
func demoPassword() (string, error) {
	all := strings.Fields(demoWords)
	words := make([]string, 4)
	for i := range words {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(all))))
		if err != nil {
			return "", err
		}
		words[i] = all[n.Int64()]
	}
	return strings.Join(words, "-"), nil
}

type demoGuide struct {
	User, Password, Command, Cert, Accounts, Attachments string
	IMAP, IMAPS, LMTP, HTTP, Port                        string
}

// guide is what --demo prints: what is not a comment can be pasted into a shell, line by line or
// all of it.
var guide = template.Must(template.New("guide").Funcs(template.FuncMap{"sh": shellWord}).Parse(`# Restante serves a demonstration mailbox until you press Ctrl-C; then all of it is removed.
#
#   user         {{.User}}
#   password     {{.Password}}
{{- with .IMAP}}
#   IMAP         {{.}} (STARTTLS)
{{- end}}
{{- with .IMAPS}}
#   IMAPS        {{.}}
{{- end}}
{{- with .LMTP}}
#   LMTP         {{.}}
{{- end}}
{{- with .HTTP}}
#   HTTP         http://{{.}}/metrics
{{- end}}
#   certificate  {{.Cert}}
#
# Paste any of these lines into another shell.
{{if .Port}}
# The mailboxes, the newest messages, a search everywhere:
RESTANTE_PASSWORD={{.Password}} {{sh .Command}} ls --server imaps://{{.User}}@localhost:{{.Port}} --cafile {{sh .Cert}}
{{sh .Command}} list INBOX --config {{sh .Accounts}}
{{sh .Command}} search '*' from:bob garden --config {{sh .Accounts}}

# A message in HTML, one in Japanese, one with attachments, and the attachments:
{{sh .Command}} show INBOX 3 --config {{sh .Accounts}}
{{sh .Command}} show INBOX 7 --config {{sh .Accounts}}
{{sh .Command}} show INBOX 4 --config {{sh .Accounts}}
{{sh .Command}} show INBOX 4 --save-attachments {{sh .Attachments}} --config {{sh .Accounts}}

# Changes; lines of JSON for programs:
{{sh .Command}} search INBOX is:unread --uids --config {{sh .Accounts}} | {{sh .Command}} flag INBOX - +seen --config {{sh .Accounts}}
{{sh .Command}} move INBOX 13:15 Archive/Garden --create --config {{sh .Accounts}}
{{sh .Command}} list INBOX --json --config {{sh .Accounts}}

# With curl:
curl --cacert {{sh .Cert}} -u {{.User}}:{{.Password}} imaps://localhost:{{.Port}}/
curl --cacert {{sh .Cert}} -u {{.User}}:{{.Password}} 'imaps://localhost:{{.Port}}/INBOX;UID=1'

# With Python:
python3 - <<'END'
import imaplib, ssl
M = imaplib.IMAP4_SSL('localhost', {{.Port}}, ssl_context=ssl.create_default_context(cafile={{printf "%q" .Cert}}))
M.login('{{.User}}', '{{.Password}}')
M.select('Inbox')
typ, data = M.search(None, 'ALL')
for num in data[0].split():
    typ, data = M.fetch(num, '(RFC822)')
    print('Message %s\n%s\n' % (num, data[0][1]))
M.close()
M.logout()
END
{{end}}
# More:
{{sh .Command}} --help
`))
