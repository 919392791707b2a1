package client

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
)

func newRm() *cobra.Command {
	var c accountFlags
	var purge, yes bool
	cmd := &cobra.Command{
		Use:     "rm MAILBOX UIDS",
		GroupID: cli.GroupClient,
		Short:   "Move messages into the trash, or delete them for good",
		Long: `Move messages into the mailbox for deleted ones, which 'restante ls' shows as trash.
With --purge they are deleted for good, which needs --yes.

` + uidsHelp + "\n\n" + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante rm INBOX 17
  restante search Junk before:2026-01-01 --uids | restante rm Junk - --purge --yes`,
		Args: cli.Exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if purge && !yes {
				return cli.Usagef("--purge deletes for good; say --yes to do it")
			}
			uids, err := parseUIDs(args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return c.forUIDs(cmd, uids, func(ctx context.Context, s *session) error { return s.rm(ctx, args[0], uids, purge) })
		},
	}
	c.add(cmd)
	cmd.Flags().BoolVar(&purge, "purge", false, "delete for good")
	cmd.Flags().BoolVar(&yes, "yes", false, "really delete for good")
	return cmd
}

// rm moves messages into the trash, or deletes them.
func (s *session) rm(ctx context.Context, name string, uids namedUIDs, purge bool) error {
	mb, err := s.open(ctx, name)
	if err != nil {
		return err
	}
	found, err := s.existing(ctx, mb, uids)
	if err != nil {
		return err
	}
	if purge {
		return s.purge(ctx, mb, found)
	}
	trash, err := s.role(ctx, imap.AttrTrash)
	if errors.Is(err, imap.ErrNotFound) {
		return &explainedError{"there is no mailbox for deleted messages; 'restante move' takes them elsewhere, --purge deletes them for good, and roles.trash in the configuration names one", err}
	} else if err != nil {
		return err
	}
	server, err := s.serverName(ctx, trash)
	if err != nil {
		return err
	}
	if server == mb.Name() {
		return cli.Usagef("%s is where deleted messages go; --purge deletes them for good", terminal.Clean(trash))
	}
	res, err := mb.Move(ctx, found, server)
	if err != nil {
		return openError(trash, err)
	}
	return s.printTransfer(mb, found, transfer{to: trash, done: "moved"}, res)
}

func (s *session) purge(ctx context.Context, mb *imapclient.Mailbox, found imap.UIDSet) error {
	if err := mb.Delete(ctx, found); err != nil {
		return err
	}
	for uid := range found.All() {
		if err := s.out.PrintJSON(uidJSON{s.account, s.shownName(mb.Name()), uid}); err != nil {
			return err
		}
	}
	return s.out.Printf("%s deleted for good", output.Plural(found.Len(), "message"))
}
