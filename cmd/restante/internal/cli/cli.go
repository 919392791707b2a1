// Package cli holds what all commands share: how a wrong command line is refused, with which status
// the process ends, and the groups that the help shows them in.
package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The groups of commands in the help (cobra.Command.GroupID).
const (
	GroupServer = "server"
	GroupClient = "client"
	GroupOther  = "other"
)

// UsageError is an error of the command line: the command has done nothing.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError; its arguments are those of fmt.Errorf.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// ExitStatus is an error that ends the process with this status and no further message.
type ExitStatus int

func (e ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// SubcommandsOnly makes a command that only has commands below it refuse any other word, and print
// its help when there is none.
func SubcommandsOnly(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("there is no command %q", cmd.CommandPath()+" "+args[0])
		if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
			text += "; did you mean " + strings.Join(similar, " or ") + "?"
		}
		return SeeHelp(cmd, "%s", text)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
}

// SeeHelp returns a UsageError whose second line names the command's help; its arguments are those
// of fmt.Errorf.
func SeeHelp(cmd *cobra.Command, format string, args ...any) error {
	return Usagef("%w\nSee '%s --help'.", fmt.Errorf(format, args...), cmd.CommandPath())
}
