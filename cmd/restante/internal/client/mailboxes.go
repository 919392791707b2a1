package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
)

func newMkdir() *cobra.Command {
	var c accountFlags
	cmd := &cobra.Command{
		Use:     "mkdir NAME...",
		GroupID: cli.GroupClient,
		Short:   "Make mailboxes",
		Long:    "Make mailboxes, and subscribe to them.\n\n" + accountsHelp,
		Example: `  restante mkdir Archive/2026
  restante mkdir Projekte/Köln --all`,
		Args: cli.AtLeast(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.each(cmd, func(ctx context.Context, s *session) error {
				for _, name := range args {
					if err := s.create(ctx, name); err != nil {
						return err
					}
					if err := s.changed(name, "", "made", "made %s", name); err != nil {
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

func (s *session) changed(name, to, change, format string, args ...any) error {
	return errors.Join(s.out.PrintJSON(mailboxChangeJSON{s.account, name, to, change}), s.out.Printf(format, args...))
}

func newRmdir() *cobra.Command {
	var c accountFlags
	var yes bool
	cmd := &cobra.Command{
		Use:     "rmdir NAME...",
		GroupID: cli.GroupClient,
		Short:   "Remove mailboxes, with all messages in them",
		Long: `Remove mailboxes. The messages in them are gone for good, so that a mailbox that is
not empty needs --yes.

` + accountsHelp,
		Example: `  restante rmdir Archive/2016
  restante rmdir Lists/old --yes`,
		Args: cli.AtLeast(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.each(cmd, func(ctx context.Context, s *session) error {
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
	if !yes {
		k, err := s.Conn(ctx)
		if err != nil {
			return err
		}
		st, err := k.Status(ctx, name, imap.StatusMessages).Wait()
		if err != nil {
			return openError(name, err)
		}
		if st.Messages > 0 {
			return cli.Usagef("%s in %s would be deleted for good; say --yes to do it", output.Plural(int(st.Messages), "message"), terminal.Clean(name))
		}
	}
	if err := s.Delete(ctx, name); err != nil {
		return openError(name, err)
	}
	// A subscription outlives its mailbox (RFC 9051 §6.3.7).
	if err := s.Subscribe(ctx, name, false); err != nil {
		fmt.Fprintf(s.stderr, "%s is removed, but still subscribed to: %s\n", terminal.Clean(name), terminal.Clean(err.Error()))
	}
	return s.changed(name, "", "removed", "removed %s", name)
}

func newRename() *cobra.Command {
	var c accountFlags
	cmd := &cobra.Command{
		Use:     "rename NAME NEWNAME",
		GroupID: cli.GroupClient,
		Short:   "Rename a mailbox and those below it",
		Long: `Rename a mailbox and those below it. Renaming INBOX moves all its messages into the
new mailbox.

` + accountsHelp,
		Example: `  restante rename Projects/new Projects/Köln`,
		Args:    cli.Exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.each(cmd, func(ctx context.Context, s *session) error { return s.rename(ctx, args[0], args[1]) })
		},
	}
	c.add(cmd)
	return cmd
}

func (s *session) rename(ctx context.Context, from, to string) error {
	subscribed := false
	for m, err := range s.List(ctx, from, nil) {
		if err != nil {
			return err
		}
		subscribed = subscribed || m.Name == from && m.Subscribed
	}
	err := s.Rename(ctx, from, to)
	if errors.Is(err, imap.ErrExists) {
		return &explainedError{fmt.Sprintf("there is a mailbox %q already", terminal.Clean(to)), err}
	} else if err != nil {
		return openError(from, err)
	}
	// A subscription is to a name; a server need not take it along (RFC 9051 §6.3.6).
	if subscribed {
		if err := s.Subscribe(ctx, to, true); err != nil {
			fmt.Fprintf(s.stderr, "%s is not subscribed to: %s\n", terminal.Clean(to), terminal.Clean(err.Error()))
		} else if imap.CanonicalName(from) != imap.Inbox {
			_ = s.Subscribe(ctx, from, false) // the server may have done it
		}
	}
	return s.changed(from, to, "renamed", "renamed %s to %s", from, to)
}
