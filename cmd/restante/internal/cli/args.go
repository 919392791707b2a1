package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// AtLeast asks for n arguments or more.
func AtLeast(n int) cobra.PositionalArgs { return between(n, 1<<30) }

// AtMost asks for n arguments or fewer.
func AtMost(n int) cobra.PositionalArgs { return between(0, n) }

// Exactly asks for n arguments.
func Exactly(n int) cobra.PositionalArgs { return between(n, n) }

// between refuses other numbers of arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return WrongArgs(cmd)
		}
		return nil
	}
}

// NoArgs refuses arguments, and says which one is too many.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no arguments, but there is %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// WrongArgs returns the UsageError that shows how a command is called.
func WrongArgs(cmd *cobra.Command) error { return SeeHelp(cmd, "usage: %s", cmd.UseLine()) }

// AllowDashArgs makes a command take arguments that start with a single "-" as words, not as flags:
// the command has no flags of one letter. What follows "--" is words in any case. run gets the words.
func AllowDashArgs(cmd *cobra.Command, run func(cmd *cobra.Command, args []string) error) {
	check := cmd.Args
	cmd.Args = nil
	cmd.DisableFlagParsing = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var words, flags []string
		isValue := false // the argument is the value of the flag before it, whatever it starts with
		for i, a := range args {
			if a == "--" && !isValue {
				words = append(words, args[i+1:]...)
				break
			}
			if !isValue && strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && a != "-h" {
				a = dashMark + a
			}
			flags = append(flags, a)
			isValue = !isValue && wantsValue(cmd, a)
		}
		cmd.DisableFlagParsing = false
		if err := cmd.ParseFlags(flags); err != nil {
			return cmd.FlagErrorFunc()(cmd, err)
		}
		if help, _ := cmd.Flags().GetBool("help"); help {
			return cmd.Help()
		}
		rest := cmd.Flags().Args()
		for i, a := range rest {
			rest[i] = strings.TrimPrefix(a, dashMark)
		}
		rest = append(rest, words...)
		if err := check(cmd, rest); err != nil {
			return err
		}
		return run(cmd, rest)
	}
}

// wantsValue reports whether an argument is a flag whose value is the next argument.
func wantsValue(cmd *cobra.Command, arg string) bool {
	name, ok := strings.CutPrefix(arg, "--")
	if !ok || strings.Contains(name, "=") {
		return false
	}
	f := cmd.Flags().Lookup(name)
	return f != nil && f.NoOptDefVal == ""
}

// dashMark stands before an argument that starts with a dash while flags are parsed. No argument of a
// process can hold it.
const dashMark = "\x00"
