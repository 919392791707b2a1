package client

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
)

func newRmdir() *cobra.Command {
	var c accountFlags
	var yes bool
	cmd := &cobra.Command{
		Use:     "rmdir NAME...",
		GroupID: cli.GroupClient,
		Short:   "Remove mailboxes, with all messages in them",
		Long: `Remove mailboxes. The messages in them are gone for good, so that a mailbox that is
not empty needs --yes.

` + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante rmdir Archive/2016
  restante rmdir Lists/old --yes`,
		Args: cli.AtLeast(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.forEachAccount(cmd, func(ctx context.Context, s *session) error {
				for _, name := range args {
					if err := s.rmdir(ctx, name, yes); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	c.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "also when there are messages in it")
	return cmd
}

func (s *session) rmdir(ctx context.Context, name string, yes bool) error {
	server, err := s.serverName(ctx, name)
	if err != nil {
		return err
	}
	if !yes {
		k, err := s.Conn(ctx)
		if err != nil {
			return err
		}
		st, err := k.Status(ctx, server, imap.StatusMessages).Wait()
		if err != nil {
			return openError(name, err)
		}
		if st.Messages > 0 {
			return cli.Usagef("%s in %s would be deleted for good; say --yes to do it", output.Plural(int(st.Messages), "message"), terminal.Clean(name))
		}
	}
	if err := s.Delete(ctx, server); err != nil {
		return openError(name, err)
	}
	// A subscription outlives its mailbox (RFC 9051 §6.3.7).
	if err := s.Subscribe(ctx, server, false); err != nil {
		fmt.Fprintf(s.stderr, "%s is removed, but still subscribed to: %s\n", terminal.Clean(name), terminal.Clean(err.Error()))
	}
	return s.printChange(name, "", "removed", "removed %s", name)
}
