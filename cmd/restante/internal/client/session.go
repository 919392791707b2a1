package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"restante/cmd/restante/internal/account"
	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
)

// session is one account while a command works on it.
type session struct {
	*imapclient.Client
	account string // its name, "" when it is the only one and has none
	out     *output.Printer
	stderr  io.Writer // lines are labelled

	configured map[imap.MailboxAttr]string // mailboxes with a role, as the configuration names them
	names      *names                      // nil until it is known
}

// parallelAccounts is how many accounts are worked on at once.
const parallelAccounts = 16

// forEachAccount runs f on every account that the flags name, all at once; what they print comes in
// the order of their names. An account that fails does not end the others: its error is printed, and
// the command fails in the end.
func (c *accountFlags) forEachAccount(cmd *cobra.Command, f func(ctx context.Context, s *session) error) error {
	stderr := &output.LockedWriter{W: cmd.ErrOrStderr()}
	accounts, err := c.resolve(stderr)
	if err != nil {
		return err
	}
	return c.forAccounts(cmd, accounts, stderr, f)
}

// forOneAccount runs f on the one account that the flags name. why says why there can be only one.
func (c *accountFlags) forOneAccount(cmd *cobra.Command, why string, f func(ctx context.Context, s *session) error) error {
	stderr := &output.LockedWriter{W: cmd.ErrOrStderr()}
	accounts, err := c.resolve(stderr)
	if err != nil {
		return err
	}
	if len(accounts) > 1 {
		return cli.Usagef("%s; name one with --account", why)
	}
	return c.forAccounts(cmd, accounts, stderr, f)
}

// forMessages is forOneAccount for commands that are given UIDs.
func (c *accountFlags) forMessages(cmd *cobra.Command, f func(ctx context.Context, s *session) error) error {
	return c.forOneAccount(cmd, "UIDs mean messages of one account", f)
}

// forUIDs is forMessages, or does nothing when standard input had no UIDs: what was searched for is
// not there, so all is done.
func (c *accountFlags) forUIDs(cmd *cobra.Command, uids namedUIDs, f func(ctx context.Context, s *session) error) error {
	if uids.set.Empty() {
		out := output.Printer{W: cmd.OutOrStdout(), JSON: c.json}
		return out.Printf("no UIDs on standard input, so there is nothing to do")
	}
	return c.forMessages(cmd, f)
}

func (c *accountFlags) forAccounts(cmd *cobra.Command, accounts []*account.Account, stderr *output.LockedWriter, f func(ctx context.Context, s *session) error) error {
	for _, a := range accounts {
		if err := a.AskPassword(cmd.Context(), cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	labelled := len(accounts) > 1
	var labelWidth int
	for _, a := range accounts {
		labelWidth = max(labelWidth, terminal.Width(terminal.Clean(a.Name)))
	}
	var g errgroup.Group
	g.SetLimit(parallelAccounts)
	errs := make([]error, len(accounts))
	queue := output.Queue{W: cmd.OutOrStdout()}
	for i, a := range accounts {
		turn := queue.Turn()
		out := &output.Printer{W: turn, JSON: c.json, Width: terminal.LineWidth(cmd.OutOrStdout())}
		prefix := ""
		if labelled {
			out.Label = terminal.Pad(terminal.Clean(a.Name), labelWidth) + "  "
			prefix = terminal.Clean(a.Name) + ": "
		}
		g.Go(func() error {
			defer turn.Done()
			errs[i] = c.login(cmd.Context(), a, cmd.Root().Version, out, stderr, prefix, f)
			if errs[i] != nil && labelled {
				turn.Wait()
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
		return cli.ExitStatus(1)
	}
	return nil
}

// login logs in to one account, runs f and logs out.
func (c *accountFlags) login(ctx context.Context, a *account.Account, version string, out *output.Printer, stderr *output.LockedWriter, prefix string, f func(ctx context.Context, s *session) error) error {
	var trace *imapclient.Trace
	if c.debug {
		trace = wireTrace(stderr, prefix)
	}
	client, err := a.Dial(ctx, version, stderr, trace)
	if err != nil {
		return explain(err, a)
	}
	s := &session{Client: client, account: a.Name, configured: a.Roles(), out: out, stderr: &output.PrefixWriter{W: stderr, Prefix: "restante: " + prefix}}
	if err := f(ctx, s); err != nil {
		client.Close()
		return explain(err, a)
	}
	bye, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = client.Logout(bye) // all is done; how the connection ends changes nothing
	return nil
}
