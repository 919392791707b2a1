package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"restante/auth/sasl"
	"restante/imapclient"
)

// accountConfig is an [accounts.NAME] table: one login at one IMAP server.
type accountConfig struct {
	URL  string `toml:"url"`  // imaps://[user@]host[:port], or imap:// for STARTTLS
	User string `toml:"user"` // if it is not in the URL

	// Where the password comes from; with none of them it is asked for.
	PasswordCommand string `toml:"password_command"` // run by sh, its first line of output
	PasswordEnv     string `toml:"password_env"`     // name of an environment variable
	Password        string `toml:"password"`

	CAFile         string `toml:"cafile"`          // certificates to trust instead of the system's, PEM
	AllowPlaintext bool   `toml:"allow_plaintext"` // sends the password without encryption when there is none
	TLSSkipVerify  bool   `toml:"tls_skip_verify"` // takes any certificate, so anybody can listen in
}

// passwordVariable is the environment variable that has the password of the one account in use.
const passwordVariable = "RESTANTE_PASSWORD"

// account is an account that is ready to be connected to.
type account struct {
	name   string // "" for --server
	config accountConfig
	url    string // without the user
	user   string
	tls    *tls.Config

	password   string // when known
	needsAsk   bool   // the password is to be asked for
	useCommand bool   // PasswordCommand is to be run
}

// newAccount checks the configuration of an account. only says that it is the only one in use, so
// that RESTANTE_PASSWORD can be meant for it.
func newAccount(name string, c accountConfig, only bool) (*account, error) {
	a := &account{name: name, config: c, user: c.User}
	if c.URL == "" {
		return nil, errors.New("no url; give one, like url = \"imaps://imap.example.org\"")
	}
	text := c.URL
	if !strings.Contains(text, "://") {
		text = "imaps://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("this is not a URL like imaps://user@host: %w", hideURL(err))
	}
	if u.Scheme != "imaps" && u.Scheme != "imap" || u.Hostname() == "" {
		return nil, fmt.Errorf("%s is not a URL like imaps://user@host or imap://user@host", u.Redacted())
	}
	if _, ok := u.User.Password(); ok {
		return nil, fmt.Errorf("%s: a password does not belong into a URL, where others can see it; use --password-command, %s or the configuration file", u.Redacted(), passwordVariable)
	}
	if name := u.User.Username(); name != "" {
		a.user = name
	}
	if a.user == "" {
		return nil, fmt.Errorf("%s names no user; write %s://USER@%s", text, u.Scheme, u.Host)
	}
	a.url = u.Scheme + "://" + u.Host
	switch {
	case c.PasswordCommand != "":
		a.useCommand = true
	case c.PasswordEnv != "":
		if a.password = os.Getenv(c.PasswordEnv); a.password == "" {
			return nil, fmt.Errorf("the environment variable %s, which is to have the password, is not set", c.PasswordEnv)
		}
	case c.Password != "":
		a.password = c.Password
	case only && os.Getenv(passwordVariable) != "":
		a.password = os.Getenv(passwordVariable)
	default:
		a.needsAsk = true
	}
	a.tls, err = clientTLS(c, u.Hostname())
	return a, err
}

// hideURL leaves the text that was parsed out of an error: there may be a password in it.
func hideURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func clientTLS(c accountConfig, host string) (*tls.Config, error) {
	t := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.TLSSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(expandHome(c.CAFile))
		if err != nil {
			return nil, fmt.Errorf("reading the certificates to trust: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", c.CAFile)
		}
	}
	return t, nil
}

// expandHome replaces a leading "~/".
func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return home + "/" + rest
		}
	}
	return path
}

// ask asks for the password on the terminal.
func (a *account) ask(ctx context.Context, w io.Writer) (err error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return fmt.Errorf("no password for %s: set %s or use --password-command; there is no terminal to ask on", a.user, passwordVariable)
	}
	a.password, err = promptPassword(ctx, w, fmt.Sprintf("Password for %s at %s: ", a.user, a.url))
	a.needsAsk = false
	return err
}

// runPasswordCommand gets the password from the account's command.
func (a *account) runPasswordCommand(ctx context.Context, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", a.config.PasswordCommand)
	cmd.Stderr = stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the password command failed: %w", err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	if a.password = strings.TrimSuffix(line, "\r"); a.password == "" {
		return errors.New("the password command printed no password")
	}
	return nil
}

// dial connects and logs in.
func (a *account) dial(ctx context.Context, stderr io.Writer, trace *imapclient.Trace) (*imapclient.Client, error) {
	if a.useCommand {
		if err := a.runPasswordCommand(ctx, stderr); err != nil {
			return nil, err
		}
	}
	return imapclient.Dial(ctx, a.url, sasl.Password(a.user, a.password), &imapclient.Options{
		TLS:        a.tls,
		AllowPlain: a.config.AllowPlaintext,
		ID:         map[string]string{"name": "Restante", "version": version},
		Reconnect: imapclient.Backoff{Attempts: 3, OnRetry: func(err error, wait time.Duration) {
			fmt.Fprintf(stderr, "restante: %s: %v; connecting again in %v\n", a.url, clean(err.Error()), wait.Round(100*time.Millisecond))
		}},
		Trace: trace,
	})
}

// accountNames returns the names in the configuration, sorted.
func (c *config) accountNames() []string {
	names := make([]string, 0, len(c.Accounts))
	for name := range c.Accounts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
