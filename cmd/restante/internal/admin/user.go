package admin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/terminal"
)

func newUser() *cobra.Command {
	var data dataFlags
	cmd := &cobra.Command{
		Use:     "user",
		GroupID: cli.GroupServer,
		Short:   "Add, list, limit and remove the users of a server",
		Long: `Add, list, limit and remove users. This works while the server runs, and while it does not.
Who may open the data folder may do it: the server's own user, and root, who leaves all files
that user's.`,
		Example: `  restante user add ann
  pwgen 20 1 | tee ann.password | restante user add ann --password-stdin
  restante user ls --json
  restante user quota ann --storage 1G --messages 100000`,
	}
	data.add(cmd)
	cmd.AddCommand(newUserAdd(&data), newUserPasswd(&data), newUserLs(&data), newUserQuota(&data), newUserRm(&data))
	cli.SubcommandsOnly(cmd)
	return cmd
}

func newUserAdd(data *dataFlags) *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user, with INBOX, Archive, Drafts, Junk, Sent and Trash",
		Args:  cli.Exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := newUserName(args[0]); err != nil {
				return err // before anybody thinks of a password
			}
			password, err := readNewPassword(cmd, args[0], stdin)
			if err != nil {
				return err
			}
			api, err := data.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			return errors.Join(api.AddUser(cmd.Context(), args[0], password), api.Close())
		},
	}
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the first line of standard input")
	return cmd
}

func newUserPasswd(data *dataFlags) *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Set a user's password",
		Args:  cli.Exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readNewPassword(cmd, args[0], stdin)
			if err != nil {
				return err
			}
			api, err := data.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			return errors.Join(api.SetPassword(cmd.Context(), args[0], password), api.Close())
		},
	}
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the first line of standard input")
	return cmd
}

func newUserLs(data *dataFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the users and how much mail they have",
		Args:  cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := data.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			users, err := api.Users(cmd.Context())
			if err := errors.Join(err, api.Close()); err != nil {
				return err
			}
			if asJSON {
				return printUsersJSON(cmd.OutOrStdout(), users)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "USER\tMAILBOXES\tMESSAGES\tBYTES")
			for _, u := range users {
				if u.Moved {
					fmt.Fprintf(w, "%s\tmoved\t\t\n", u.Name)
					continue
				}
				fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", u.Name, u.Mailboxes, u.Messages, u.Bytes)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for each user")
	return cmd
}

func printUsersJSON(w io.Writer, users []UserInfo) error {
	out := output.Printer{W: w, JSON: true}
	for _, u := range users {
		if err := out.PrintJSON(u); err != nil {
			return err
		}
	}
	return nil
}

func newUserRm(data *dataFlags) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm NAME --yes",
		Short: "Remove a user and all of the user's mail, for good",
		Args:  cli.Exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return cli.Usagef("this deletes all mail of %s for good; say --yes to do it", args[0])
			}
			api, err := data.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			return errors.Join(api.RemoveUser(cmd.Context(), args[0]), api.Close())
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "really remove the user and the mail")
	return cmd
}

// readNewPassword asks for a password twice, or reads a line of standard input.
func readNewPassword(cmd *cobra.Command, name string, stdin bool) (string, error) {
	if stdin {
		return readLine(cmd.InOrStdin())
	}
	if !terminal.CanAsk() {
		return "", cli.Usagef("standard input is no terminal to ask for the password on; use --password-stdin")
	}
	first, err := terminal.AskPassword(cmd.Context(), cmd.ErrOrStderr(), "Password for "+name+": ")
	if err != nil {
		return "", err
	}
	second, err := terminal.AskPassword(cmd.Context(), cmd.ErrOrStderr(), "Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the passwords differ")
	}
	return first, nil
}

// readLine reads one line, without its line end.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
