// Command restante serves mail over IMAP and works with mail on any IMAP server.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/admin"
	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/client"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/server"
)

// version is set when a release is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes one command line and returns the exit status: 0 for success, 1 when something
// failed, 2 when the command line is wrong.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit cli.ExitStatus
	var usage cli.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		fmt.Fprintf(root.ErrOrStderr(), "restante: %v\n", err)
		return 2
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(root.ErrOrStderr(), "restante: interrupted")
		return 1
	}
	fmt.Fprintf(root.ErrOrStderr(), "restante: %v\n", err)
	return 1
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "restante",
		Short: "An IMAP server, and a client for any IMAP server",
		Long: `Restante holds your mail on a server until you come for it.

  restante serve --demo      try the server: it prints what to type next
  restante ls                your mailboxes, at the servers in your configuration
  restante list INBOX        the newest messages of a mailbox
  restante COMMAND --help    everything about a command, with examples`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.SeeHelp(cmd, "%w", err)
	})
	root.AddGroup(&cobra.Group{ID: cli.GroupServer, Title: "Serve mail:"},
		&cobra.Group{ID: cli.GroupClient, Title: "Work with mail on any IMAP server:"},
		&cobra.Group{ID: cli.GroupOther, Title: "Other:"})
	root.SetHelpCommandGroupID(cli.GroupOther)
	root.SetCompletionCommandGroupID(cli.GroupOther)
	root.AddCommand(server.NewServe(), config.NewHelp())
	root.AddCommand(admin.Commands()...)
	root.AddCommand(client.Commands()...)
	cli.SubcommandsOnly(root)
	return root
}
