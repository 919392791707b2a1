package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"restante/imapclient"
)

// clientFlags are what the commands share that work with mail on a server.
type clientFlags struct {
	config   string
	accounts []string
	all      bool
	server   accountConfig // --server and what goes with it
	json     bool
	debug    bool
}

func (c *clientFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&c.accounts, "account", nil, "`NAMES` of accounts in the configuration file, like home,work")
	f.BoolVar(&c.all, "all", false, "all accounts of the configuration file")
	f.StringVar(&c.config, "config", "", "configuration `FILE` (default "+defaultConfigPath()+")")
	f.StringVar(&c.server.URL, "server", "", "`URL` of a server that needs no configuration: imaps://USER@HOST[:PORT]")
	f.StringVar(&c.server.PasswordCommand, "password-command", "", "with --server: `COMMAND` that prints the password (else $"+passwordVariable+", or it is asked for)")
	f.StringVar(&c.server.CAFile, "cafile", "", "with --server: `FILE` of certificates to trust instead of the system's, PEM")
	f.BoolVar(&c.server.AllowPlaintext, "allow-plaintext", false, "with --server: send the password although nothing is encrypted")
	f.BoolVar(&c.server.TLSSkipVerify, "tls-skip-verify", false, "with --server: take any certificate, so that anybody can listen in")
	f.BoolVar(&c.json, "json", false, "print a line of JSON for each thing")
	f.BoolVar(&c.debug, "debug", false, "show on standard error what is said to the server, without passwords")
}

// resolve finds the accounts that the flags mean.
func (c *clientFlags) resolve(stderr io.Writer) ([]*account, error) {
	if c.all && len(c.accounts) > 0 || c.server.URL != "" && (c.all || len(c.accounts) > 0) {
		return nil, usageError{errors.New("--server, --account and --all exclude each other")}
	}
	if c.server.URL != "" {
		a, err := newAccount("", c.server, true)
		if err != nil {
			return nil, usageError{fmt.Errorf("--server: %w", err)}
		}
		return []*account{a}, nil
	}
	if err := c.needServer(); err != nil {
		return nil, err
	}
	conf, err := findConfig(c.config)
	if err != nil {
		return nil, err
	}
	names, err := c.choose(conf)
	if err != nil {
		return nil, err
	}
	var accounts []*account
	secrets := false
	for _, name := range names {
		table, ok := conf.Accounts[name]
		if !ok {
			return nil, usageError{fmt.Errorf("there is no account %q; the configuration has %s", name, orNone(conf.accountNames()))}
		}
		a, err := newAccount(name, table, len(names) == 1)
		if err != nil {
			return nil, fmt.Errorf("%s: [accounts.%s]: %w", conf.path, name, err)
		}
		secrets = secrets || table.Password != ""
		accounts = append(accounts, a)
	}
	if secrets {
		warnReadable(stderr, conf.path)
	}
	return accounts, nil
}

// needServer refuses flags that only mean something with --server.
func (c *clientFlags) needServer() error {
	s := c.server
	if s.PasswordCommand != "" || s.CAFile != "" || s.AllowPlaintext || s.TLSSkipVerify {
		return usageError{errors.New("--password-command, --cafile, --allow-plaintext and --tls-skip-verify go with --server; " +
			"for an account they stand in the configuration file")}
	}
	return nil
}

// choose returns the names of the accounts that are meant.
func (c *clientFlags) choose(conf *config) ([]string, error) {
	all := conf.accountNames()
	switch {
	case len(c.accounts) > 0:
		slices.Sort(c.accounts)
		return slices.Compact(c.accounts), nil
	case len(all) == 0:
		return nil, usageError{fmt.Errorf("no account: name a server, like --server imaps://ann@imap.example.org, or write %s:\n\n"+
			"  [accounts.home]\n  url = \"imaps://ann@imap.example.org\"\n  password_command = \"pass show mail/home\"", conf.path)}
	case c.all || len(all) == 1:
		return all, nil
	case conf.DefaultAccount != "":
		return []string{conf.DefaultAccount}, nil
	}
	return nil, usageError{fmt.Errorf("which account? Use --account with some of %s, or --all, or set default_account in %s", orNone(all), conf.path)}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// warnReadable warns of a file with a password in it that others can read.
func warnReadable(w io.Writer, path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(w, "restante: warning: %s holds a password and others can read it; run: chmod 600 %s\n", path, path)
	}
}

// session is one account while a command works on it.
type session struct {
	*imapclient.Client
	account string // its name, "" when it is the only one and has none
	out     *output
	stderr  io.Writer // lines are labelled
}

// parallelAccounts is how many accounts are worked on at once.
const parallelAccounts = 16

// each runs f on every account that the flags name, all at once. An account that fails does not
// end the others: its error is printed, and the command fails in the end.
func (c *clientFlags) each(cmd *cobra.Command, f func(ctx context.Context, s *session) error) error {
	stderr := &lockedWriter{w: cmd.ErrOrStderr()}
	accounts, err := c.resolve(stderr)
	if err != nil {
		return err
	}
	return c.eachOf(cmd, accounts, stderr, f)
}

// one runs f on the one account that the flags name. why says why there can be only one.
func (c *clientFlags) one(cmd *cobra.Command, why string, f func(ctx context.Context, s *session) error) error {
	stderr := &lockedWriter{w: cmd.ErrOrStderr()}
	accounts, err := c.resolve(stderr)
	if err != nil {
		return err
	}
	if len(accounts) > 1 {
		return usageError{fmt.Errorf("%s; name one with --account", why)}
	}
	return c.eachOf(cmd, accounts, stderr, f)
}

// oneUIDs is one for commands that are given UIDs.
func (c *clientFlags) oneUIDs(cmd *cobra.Command, f func(ctx context.Context, s *session) error) error {
	return c.one(cmd, "UIDs mean messages of one account", f)
}

func (c *clientFlags) eachOf(cmd *cobra.Command, accounts []*account, stderr *lockedWriter, f func(ctx context.Context, s *session) error) error {
	for _, a := range accounts {
		if a.needsAsk {
			if err := a.ask(cmd.Context(), cmd.ErrOrStderr()); err != nil {
				return err
			}
		}
	}
	sink := &lockedWriter{w: cmd.OutOrStdout()}
	labelled := len(accounts) > 1
	var labelWidth int
	for _, a := range accounts {
		labelWidth = max(labelWidth, width(clean(a.name)))
	}
	var g errgroup.Group
	g.SetLimit(parallelAccounts)
	errs := make([]error, len(accounts))
	for i, a := range accounts {
		out := &output{w: sink, json: c.json, account: a.name, terminal: terminalWidth(cmd.OutOrStdout())}
		prefix := ""
		if labelled {
			out.label = pad(clean(a.name), labelWidth) + "  "
			prefix = clean(a.name) + ": "
		}
		g.Go(func() error {
			errs[i] = c.session(cmd.Context(), a, out, stderr, prefix, f)
			if errs[i] != nil && labelled {
				fmt.Fprintf(stderr, "restante: %s%v\n", prefix, errs[i])
			}
			return nil
		})
	}
	g.Wait()
	if !labelled {
		return errs[0]
	}
	if errors.Join(errs...) != nil {
		return exitError(1)
	}
	return nil
}

// session connects to one account, runs f and says goodbye.
func (c *clientFlags) session(ctx context.Context, a *account, out *output, stderr *lockedWriter, prefix string, f func(ctx context.Context, s *session) error) error {
	var trace *imapclient.Trace
	if c.debug {
		trace = wireTrace(stderr, prefix)
	}
	client, err := a.dial(ctx, stderr, trace)
	if err != nil {
		return explain(err, a)
	}
	s := &session{Client: client, account: a.name, out: out, stderr: &prefixWriter{w: stderr, prefix: "restante: " + prefix}}
	if err := f(ctx, s); err != nil {
		client.Close()
		return explain(err, a)
	}
	bye, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = client.Logout(bye) // all is done; how the connection ends changes nothing
	return nil
}

// lockedWriter lets several goroutines write whole blocks of lines.
type lockedWriter struct {
	w  io.Writer
	mu struct{ sync.Mutex }
}

// Write writes p in one piece.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// prefixWriter puts a prefix before what is written, a line at a time.
type prefixWriter struct {
	w      io.Writer
	prefix string
}

// Write writes one line.
func (p *prefixWriter) Write(line []byte) (int, error) {
	_, err := p.w.Write(append([]byte(p.prefix), line...))
	return len(line), err
}
