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

func newMkdir() *cobra.Command {
	var c accountFlags
	cmd := &cobra.Command{
		Use:     "mkdir NAME...",
		GroupID: cli.GroupClient,
		Short:   "Make mailboxes",
		Long:    "Make mailboxes, and subscribe to them.\n\n" + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante mkdir Archive/2026
  restante mkdir Projekte/Köln --all`,
		Args: cli.AtLeast(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.forEachAccount(cmd, func(ctx context.Context, s *session) error {
				for _, name := range args {
					if err := s.create(ctx, name); err != nil {
						return err
					}
					if err := s.printChange(name, "", "made", "made %s", name); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	c.add(cmd)
	return cmd
}

// mailboxChangeJSON is a mailbox that was made, renamed or removed.
type mailboxChangeJSON struct {
	Account string `json:"account,omitempty"`
	Mailbox string `json:"mailbox"`
	To      string `json:"to,omitempty"`
	Change  string `json:"change"` // made, renamed, removed
}

func (s *session) printChange(name, to, change, format string, args ...any) error {
	return errors.Join(s.out.PrintJSON(mailboxChangeJSON{s.account, name, to, change}), s.out.Printf(format, args...))
}

// create makes a mailbox and subscribes to it, so that other programs show it too.
func (s *session) create(ctx context.Context, name string) error {
	server, err := s.newServerName(ctx, name)
	if err != nil {
		return err
	}
	if err := s.Create(ctx, server); err != nil {
		if errors.Is(err, imap.ErrExists) {
			return &explainedError{fmt.Sprintf("there is a mailbox %q already", terminal.Clean(name)), err}
		}
		return err
	}
	return s.Subscribe(ctx, server, true)
}
