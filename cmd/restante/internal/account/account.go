// Package account connects to the IMAP servers that a client command works with: it checks the
// configuration of an account, gets its password, and logs in.
package account

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"restante/auth/sasl"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
)

// Account is an account that can be connected to, once its password is known.
type Account struct {
	Name string // in the configuration; "" for --server
	URL  string // without the user
	User string

	scheme, addr string // of URL; addr with the port

	config     config.Account
	tls        *tls.Config
	password   string // when known
	needsAsk   bool   // the password is to be asked for
	useCommand bool   // PasswordCommand is to be run

	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// New checks the configuration of an account. only says that it is the only one in use, so
// that RESTANTE_PASSWORD can be meant for it.
func New(name string, c config.Account, only bool) (*Account, error) {
	a := &Account{Name: name, config: c, User: c.User}
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
		return nil, fmt.Errorf("%s: a password does not belong into a URL, where others can see it; use --password-command, %s or the configuration file", u.Redacted(), PasswordVariable)
	}
	if name := u.User.Username(); name != "" {
		a.User = name
	}
	if a.User == "" {
		return nil, fmt.Errorf("%s names no user; write %s://USER@%s", text, u.Scheme, u.Host)
	}
	a.URL = u.Scheme + "://" + u.Host
	a.scheme, a.addr, a.dial = u.Scheme, u.Host, (&net.Dialer{}).DialContext
	if u.Port() == "" {
		a.addr = net.JoinHostPort(u.Hostname(), map[string]string{"imaps": "993", "imap": "143"}[u.Scheme])
	}
	switch {
	case c.PasswordCommand != "":
		a.useCommand = true
	case c.PasswordEnv != "":
		if a.password = os.Getenv(c.PasswordEnv); a.password == "" {
			return nil, fmt.Errorf("the environment variable %s, which is to have the password, is not set", c.PasswordEnv)
		}
	case c.Password != "":
		a.password = c.Password
	case only && os.Getenv(PasswordVariable) != "":
		a.password = os.Getenv(PasswordVariable)
	default:
		a.needsAsk = true
	}
	a.tls, err = clientTLS(c, u.Hostname())
	return a, err
}

// Roles returns the names of mailboxes by role that the configuration has; "" where it has none.
func (a *Account) Roles() map[imap.MailboxAttr]string {
	r := a.config.Roles
	return map[imap.MailboxAttr]string{
		imap.AttrArchive: r.Archive, imap.AttrDrafts: r.Drafts, imap.AttrJunk: r.Junk, imap.AttrSent: r.Sent, imap.AttrTrash: r.Trash,
	}
}

// hideURL leaves the text that was parsed out of an error: there may be a password in it.
func hideURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func clientTLS(c config.Account, host string) (*tls.Config, error) {
	t := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.TLSSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(config.ExpandHome(c.CAFile))
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

// connectTimeout is how long a server may take to be reached, TLS included, and then again to greet.
const connectTimeout = 10 * time.Second

// Dial connects and logs in. stderr gets what the password command and the connection have to say,
// trace, if it is not nil, what goes over the connection. A server that does not answer as the URL has
// it is a *MismatchError.
func (a *Account) Dial(ctx context.Context, version string, stderr io.Writer, trace *imapclient.Trace) (*imapclient.Client, error) {
	if a.useCommand {
		if err := a.runPasswordCommand(ctx, stderr); err != nil {
			return nil, err
		}
	}
	dialing, silence := a.watchSilence(ctx)
	defer silence.end()
	c, err := imapclient.Dial(dialing, a.URL, sasl.Password(a.User, a.password), &imapclient.Options{
		TLS:         a.tls,
		AllowPlain:  a.config.AllowPlaintext,
		DialContext: silence.dial,
		Timeouts:    imapclient.Timeouts{Dial: connectTimeout, Greeting: connectTimeout},
		ID:          map[string]string{"name": "Restante", "version": version},
		Reconnect: imapclient.Backoff{Attempts: 3, OnRetry: func(err error, wait time.Duration) {
			fmt.Fprintf(stderr, "restante: %s: %v; connecting again in %v\n", a.URL, terminal.Clean(err.Error()), wait.Round(100*time.Millisecond))
		}},
		Trace: trace,
	})
	if err != nil {
		return nil, a.mismatch(dialing, err)
	}
	return c, nil
}
