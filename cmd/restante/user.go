package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// adminFlags are what the commands on a server's data share.
type adminFlags struct {
	data   string
	config string
}

func (a *adminFlags) add(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&a.data, "data", "", "`FOLDER` that holds the mail (default "+defaultData()+")")
	cmd.PersistentFlags().StringVar(&a.config, "config", "", "configuration `FILE` whose [server] table names the folder")
}

// open reaches the data, of a running server or a stopped one.
func (a *adminFlags) open(create bool) (admin, error) {
	dir := a.data
	if dir == "" && a.config != "" {
		c, err := loadConfig(a.config)
		if err != nil {
			return nil, err
		}
		dir = c.Server.Data
	}
	if dir == "" {
		dir = defaultData()
	}
	return openAdmin(dir, create)
}

func newUser() *cobra.Command {
	var a adminFlags
	cmd := &cobra.Command{
		Use:     "user",
		GroupID: "server",
		Short:   "Add, list and remove the users of a server",
		Long: `Add, list and remove users. This works while the server runs, and while it does not.
Who may open the data folder may do it: run it as the server's own user.`,
		Example: `  restante user add ann
  pwgen 20 1 | tee ann.password | restante user add ann --password-stdin
  restante user ls --json`,
	}
	a.add(cmd)
	cmd.AddCommand(newUserAdd(&a), newUserPasswd(&a), newUserLs(&a), newUserRm(&a))
	needCommand(cmd)
	return cmd
}

func newUserAdd(a *adminFlags) *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user, with INBOX, Archive, Drafts, Junk, Sent and Trash",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readNewPassword(cmd, args[0], stdin)
			if err != nil {
				return err
			}
			adm, err := a.open(true)
			if err != nil {
				return err
			}
			return errors.Join(adm.AddUser(cmd.Context(), args[0], password), adm.Close())
		},
	}
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the first line of standard input")
	return cmd
}

func newUserPasswd(a *adminFlags) *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Set a user's password",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readNewPassword(cmd, args[0], stdin)
			if err != nil {
				return err
			}
			adm, err := a.open(false)
			if err != nil {
				return err
			}
			return errors.Join(adm.SetPassword(cmd.Context(), args[0], password), adm.Close())
		},
	}
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from the first line of standard input")
	return cmd
}

func newUserLs(a *adminFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the users and how much mail they have",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			adm, err := a.open(false)
			if err != nil {
				return err
			}
			users, err := adm.Users(cmd.Context())
			if err := errors.Join(err, adm.Close()); err != nil {
				return err
			}
			if asJSON {
				return printJSONLines(cmd.OutOrStdout(), users)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "USER\tMAILBOXES\tMESSAGES\tBYTES")
			for _, u := range users {
				fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", u.Name, u.Mailboxes, u.Messages, u.Bytes)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for each user")
	return cmd
}

// printJSONLines prints one line of JSON for each value.
func printJSONLines[T any](w io.Writer, values []T) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func newUserRm(a *adminFlags) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm NAME --yes",
		Short: "Remove a user and all of the user's mail, for good",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return usageError{fmt.Errorf("this deletes all mail of %s for good; say --yes to do it", args[0])}
			}
			adm, err := a.open(false)
			if err != nil {
				return err
			}
			return errors.Join(adm.RemoveUser(cmd.Context(), args[0]), adm.Close())
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
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", usageError{errors.New("standard input is no terminal to ask for the password on; use --password-stdin")}
	}
	first, err := promptPassword(cmd.Context(), cmd.ErrOrStderr(), "Password for "+name+": ")
	if err != nil {
		return "", err
	}
	second, err := promptPassword(cmd.Context(), cmd.ErrOrStderr(), "Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the passwords differ")
	}
	return first, nil
}

// promptPassword asks for a password on the terminal, without showing it, until ctx ends.
func promptPassword(ctx context.Context, w io.Writer, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(w, prompt)
	type answer struct {
		password []byte
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		answers <- answer{b, err}
	}()
	select {
	case a := <-answers:
		fmt.Fprintln(w)
		return string(a.password), a.err
	case <-ctx.Done():
		// The read cannot be ended but by the end of the process, which follows; the terminal has
		// to be as it was by then.
		term.Restore(fd, before)
		fmt.Fprintln(w)
		return "", context.Canceled
	}
}

// readLine reads one line, without its line end.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
