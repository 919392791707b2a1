package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/datadir"
	"restante/cmd/restante/internal/mailstore"
	"restante/cmd/restante/internal/output"
)

func newCheck() *cobra.Command {
	var (
		data           dataFlags
		bodies, asJSON bool
	)
	cmd := &cobra.Command{
		Use:     "check",
		GroupID: cli.GroupServer,
		Short:   "Check that everything in a store is as it should be",
		Long: `Compare everything that a store has with each other, and say what is wrong and where:
every user, name, row, count and reference, and the messages themselves. Nothing is
changed. The exit status is 1 when something is wrong.

The embedded store must not be in use: stop the server, or check a copy of its folder.
All of its log and every message is read. Databases and object stores are checked while
servers use them; whether the messages in object stores are there, and of the right
size, is seen from a listing. With --bodies every message is read and compared with the
SHA-256 of what was stored, which takes as long as reading all mail.`,
		Example: `  restante check --data /var/lib/restante
  restante check --config /etc/restante.toml --bodies`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := data.settings()
			if err == nil {
				err = readyToCheck(&c)
			}
			if err != nil {
				return err
			}
			return runCheck(cmd, &c, bodies, asJSON)
		},
	}
	data.add(cmd)
	cmd.Flags().BoolVar(&bodies, "bodies", false, "read every message in databases and object stores, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for each thing that is wrong, and a last one")
	return cmd
}

// readyToCheck reports whether there is a store that nobody else has open.
func readyToCheck(c *config.Server) error {
	if c.IsShared() {
		return os.MkdirAll(c.Data, 0o700) // for the cache
	}
	if _, err := os.Stat(c.Data); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data folder %s; name it with --data", c.Data)
	}
	if ok, err := datadir.HoldsStore(c.Data); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("%s is no data folder: there is no mail in it; name the right one with --data", c.Data)
	}
	if nc, err := net.Dial("unix", filepath.Join(c.Data, SocketName)); err == nil {
		nc.Close()
		return fmt.Errorf("a server runs on %s: stop it, or check a copy of the folder", c.Data)
	}
	return nil
}

// checkedProblem is a line of JSON for what is wrong; checkedAll is the last one.
type (
	checkedProblem struct {
		Problem string `json:"problem"`
	}
	checkedAll struct {
		mailstore.Checked
		Problems int `json:"problems"`
	}
)

func runCheck(cmd *cobra.Command, c *config.Server, bodies, asJSON bool) error {
	out := output.Printer{W: cmd.OutOrStdout(), JSON: asJSON}
	problems, last := 0, time.Now()
	var printing error
	if !c.IsShared() {
		fmt.Fprintf(cmd.ErrOrStderr(), "reading everything in %s...\n", c.Data)
	}
	progress := func(n mailstore.Checked) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s...\n", output.Plural(n.Accounts, "account"), output.Plural(n.Messages, "message"))
		}
	}
	n, err := mailstore.Check(cmd.Context(), c, bodies, progress, func(problem error) {
		problems++
		if asJSON {
			printing = errors.Join(printing, out.PrintJSON(checkedProblem{problem.Error()}))
		} else {
			fmt.Fprintln(out.W, problem)
		}
	})
	if err := errors.Join(err, printing); err != nil {
		return sayUnchanged(err, c)
	}
	if asJSON {
		err = out.PrintJSON(checkedAll{n, problems})
	} else {
		printChecked(&out, n, problems)
	}
	if err == nil && problems > 0 {
		err = cli.ExitStatus(1)
	}
	return err
}

// sayUnchanged adds to an error of the embedded store that nothing was changed.
func sayUnchanged(err error, c *config.Server) error {
	if errors.Is(err, context.Canceled) || c.IsShared() {
		return err
	}
	return fmt.Errorf("%w (nothing was changed)", err)
}

func printChecked(out *output.Printer, n mailstore.Checked, problems int) {
	how := "sizes of objects were compared; --bodies reads them"
	if n.Bodies {
		how = fmt.Sprintf("every message was read, %d octets", n.Octets)
	}
	fmt.Fprintf(out.W, "%s, %s, %s: %s\n", output.Plural(n.Users, "user"), count(n.Mailboxes, "mailbox", "mailboxes"), output.Plural(n.Messages, "message"), how)
	if n.Arriving > 0 {
		fmt.Fprintf(out.W, "%s on the way from another store; 'restante store move' goes on\n", output.Plural(n.Arriving, "account"))
	}
	if n.LeftBehind > 0 {
		fmt.Fprintf(out.W, "%s deleted or moved away, of which something is left for a while\n", output.Plural(n.LeftBehind, "account"))
	}
	if problems == 0 {
		fmt.Fprintln(out.W, "nothing is wrong")
	} else {
		fmt.Fprintf(out.W, "%s\n", count(problems, "thing is wrong", "things are wrong"))
	}
}
