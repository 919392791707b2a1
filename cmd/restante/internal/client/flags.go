package client

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/account"
	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
)

// accountFlags are what the commands share that work with mail on a server.
type accountFlags struct {
	config   string
	accounts []string
	all      bool
	server   config.Account // --server and what goes with it
	json     bool
	debug    bool
}

// accountsHelp ends the help of client commands.
const accountsHelp = `Which server: --server with a URL, or accounts of the configuration file by
--account or --all, or the only one or default_account that it has.`

func (c *accountFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&c.accounts, "account", nil, "`NAMES` of accounts in the configuration file, like home,work")
	f.BoolVar(&c.all, "all", false, "all accounts of the configuration file")
	f.StringVar(&c.config, "config", "", "configuration `FILE` (default $"+config.PathVariable+", else "+config.DefaultPath()+")")
	f.StringVar(&c.server.URL, "server", "", "`URL` of a server that needs no configuration: imaps://USER@HOST[:PORT]")
	f.StringVar(&c.server.PasswordCommand, "password-command", "", "with --server: `COMMAND` that prints the password (else $"+account.PasswordVariable+", or it is asked for)")
	f.StringVar(&c.server.CAFile, "cafile", "", "with --server: `FILE` of certificates to trust instead of the system's, PEM")
	f.BoolVar(&c.server.AllowPlaintext, "allow-plaintext", false, "with --server: send the password although nothing is encrypted")
	f.BoolVar(&c.server.TLSSkipVerify, "tls-skip-verify", false, "with --server: take any certificate, so that anybody can listen in")
	f.BoolVar(&c.json, "json", false, "print a line of JSON for each thing")
	f.BoolVar(&c.debug, "debug", false, "show on standard error what is said to the server, without passwords")
}

// resolve finds the accounts that the flags mean.
func (c *accountFlags) resolve(stderr io.Writer) ([]*account.Account, error) {
	if c.all && len(c.accounts) > 0 || c.server.URL != "" && (c.all || len(c.accounts) > 0) {
		return nil, cli.Usagef("--server, --account and --all exclude each other")
	}
	if c.server.URL != "" {
		a, err := account.New("", c.server, true)
		if err != nil {
			return nil, cli.Usagef("--server: %w", err)
		}
		return []*account.Account{a}, nil
	}
	if err := c.refuseServerFlags(); err != nil {
		return nil, err
	}
	conf, err := config.Find(c.config)
	if err != nil {
		return nil, err
	}
	names, err := c.chosenNames(conf)
	if err != nil {
		return nil, err
	}
	var accounts []*account.Account
	secrets := false
	for _, name := range names {
		table, ok := conf.Accounts[name]
		if !ok {
			return nil, cli.Usagef("there is no account %q; the configuration has %s", name, orNone(conf.AccountNames()))
		}
		a, err := account.New(name, table, len(names) == 1)
		if err != nil {
			return nil, fmt.Errorf("%s: [accounts.%s]: %w", conf.Path, name, err)
		}
		secrets = secrets || table.Password != ""
		accounts = append(accounts, a)
	}
	if secrets {
		warnReadable(stderr, conf.Path)
	}
	return accounts, nil
}

// refuseServerFlags refuses flags that only mean something with --server.
func (c *accountFlags) refuseServerFlags() error {
	s := c.server
	if s.PasswordCommand != "" || s.CAFile != "" || s.AllowPlaintext || s.TLSSkipVerify {
		return cli.Usagef("--password-command, --cafile, --allow-plaintext and --tls-skip-verify go with --server; " +
			"for an account they stand in the configuration file")
	}
	return nil
}

// chosenNames returns the names of the accounts that are meant.
func (c *accountFlags) chosenNames(conf *config.File) ([]string, error) {
	all := conf.AccountNames()
	switch {
	case len(c.accounts) > 0:
		slices.Sort(c.accounts)
		return slices.Compact(c.accounts), nil
	case len(all) == 0:
		return nil, cli.Usagef("no account: name a server, like --server imaps://ann@imap.example.org, or write %s:\n\n"+
			"  [accounts.home]\n  url = \"imaps://ann@imap.example.org\"\n  password_command = \"pass show mail/home\"", conf.Path)
	case c.all || len(all) == 1:
		return all, nil
	case conf.DefaultAccount != "":
		return []string{conf.DefaultAccount}, nil
	}
	return nil, cli.Usagef("which account? Use --account with some of %s, or --all, or set default_account in %s", orNone(all), conf.Path)
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
