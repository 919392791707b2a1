// Command restante serves mail over IMAP and works with mail on any IMAP server.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	os.Exit(run(ctx, os.Args[1:]))
}

// exitError ends the command with a status and no further message.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run executes one command line and returns the exit status: 0 for success, 1 when something
// failed, 2 when the command line is wrong.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitError
	var usage usageError
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

// usageError is an error of the command line.
type usageError struct{ error }

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
		return usageError{fmt.Errorf("%w\nSee '%s --help'.", err, cmd.CommandPath())}
	})
	root.AddGroup(&cobra.Group{ID: "server", Title: "Serve mail:"},
		&cobra.Group{ID: "client", Title: "Work with mail on any IMAP server:"},
		&cobra.Group{ID: "other", Title: "Other:"})
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.AddCommand(newServe(), newUser(), newImport(),
		newLs(), newList(), newSearch(), newShow(), newFlag(), newMove(), newCopy(), newRm(), newAppend(),
		newMkdir(), newRmdir(), newRename(), newConfigHelp())
	needCommand(root)
	return root
}

// needCommand makes a command that only has commands below it refuse any other word.
func needCommand(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("there is no command %q", cmd.CommandPath()+" "+args[0])
		if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
			text += "; did you mean " + strings.Join(similar, " or ") + "?"
		}
		return usageError{fmt.Errorf("%s\nSee '%s --help'.", text, cmd.CommandPath())}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
}

// atLeast asks for n arguments or more.
func atLeast(n int) cobra.PositionalArgs { return count(n, 1<<30) }

// atMost asks for n arguments or fewer.
func atMost(n int) cobra.PositionalArgs { return count(0, n) }

// exactly asks for n arguments.
func exactly(n int) cobra.PositionalArgs { return count(n, n) }

// count refuses other numbers of arguments, as an error of the command line.
func count(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError{fmt.Errorf("usage: %s\nSee '%s --help'.", cmd.UseLine(), cmd.CommandPath())}
		}
		return nil
	}
}
