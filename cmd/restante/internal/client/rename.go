package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
)

func newRename() *cobra.Command {
	var c accountFlags
	cmd := &cobra.Command{
		Use:     "rename NAME NEWNAME",
		GroupID: cli.GroupClient,
		Short:   "Rename a mailbox and those below it",
		Long: `Rename a mailbox and those below it. Renaming INBOX moves all its messages into the
new mailbox.

` + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante rename Projects/new Projects/Köln`,
		Args:    cli.Exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.forEachAccount(cmd, func(ctx context.Context, s *session) error { return s.rename(ctx, args[0], args[1]) })
		},
	}
	c.add(cmd)
	return cmd
}

func (s *session) rename(ctx context.Context, from, to string) error {
	old, err := s.serverName(ctx, from)
	if err != nil {
		return err
	}
	renamed, err := s.newServerName(ctx, to)
	if err != nil {
		return err
	}
	subscribed := false
	for m, err := range s.List(ctx, old, nil) {
		if err != nil {
			return err
		}
		subscribed = subscribed || m.Name == old && m.Subscribed
	}
	err = s.Rename(ctx, old, renamed)
	if errors.Is(err, imap.ErrExists) {
		return &explainedError{fmt.Sprintf("there is a mailbox %q already", terminal.Clean(to)), err}
	} else if err != nil {
		return openError(from, err)
	}
	// A subscription is to a name; a server need not take it along (RFC 9051 §6.3.6).
	if subscribed {
		if err := s.Subscribe(ctx, renamed, true); err != nil {
			fmt.Fprintf(s.stderr, "%s is not subscribed to: %s\n", terminal.Clean(to), terminal.Clean(err.Error()))
		} else if imap.CanonicalName(from) != imap.Inbox {
			_ = s.Subscribe(ctx, old, false) // the server may have done it
		}
	}
	return s.printChange(from, to, "renamed", "renamed %s to %s", from, to)
}
