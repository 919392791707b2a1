package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/output"
	"restante/store/move"
)

// MoveRequest says which users are to be moved where to.
type MoveRequest struct {
	Users        []string   `json:"users"`
	Target       MoveTarget `json:"target"`
	RemoveSource bool       `json:"remove_source,omitempty"`
}

// MoveTarget is where to: a cell of the same servers, or what a server's configuration says.
type MoveTarget struct {
	Name      string        `json:"name"` // for people
	Cell      string        `json:"cell,omitempty"`
	Data      string        `json:"data,omitempty"`
	Store     string        `json:"store,omitempty"`
	Blobs     string        `json:"blobs,omitempty"`
	NATS      string        `json:"nats,omitempty"`
	Directory string        `json:"directory,omitempty"`
	Cells     []config.Cell `json:"cells,omitempty"`
}

// MoveReport tells how far a move is, or what became of it.
type MoveReport struct {
	Progress *move.Progress `json:"progress,omitempty"`
	Result   *move.Result   `json:"result,omitempty"`
	Aborted  *move.Aborted  `json:"aborted,omitempty"`
}

func newStore() *cobra.Command {
	var data dataFlags
	cmd := &cobra.Command{
		Use:     "store",
		GroupID: cli.GroupServer,
		Short:   "Move users' mail between stores",
		Long: `Work on where the mail is kept: in the data folder of one server (the embedded
store), or in databases and object stores that many servers share.`,
	}
	data.add(cmd)
	cmd.AddCommand(newStoreMove(&data))
	cli.SubcommandsOnly(cmd)
	return cmd
}

func newStoreMove(data *dataFlags) *cobra.Command {
	var (
		to     targetFlags
		all    bool
		remove bool
		abort  bool
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "move USER... --to TARGET",
		Short: "Move users to another store while they work",
		Long: `Move users, with all their mail, to another store. Where they are now is said by --data,
--config, or --store and --blobs, as for 'restante serve'; where they are to go by --to:

  --to FOLDER                              the embedded store in a data folder
  --to postgres://USER@HOST/DATABASE       a database, with --to-blobs for large messages
  --to cell:NAME                           another [[server.cells]] of the same servers
  --to-config FILE                         what the [server] table of that file says

Users may be logged in, and mail may arrive. Everything is copied, and what changes
meanwhile is copied again; then every name, flag and date, and every message by its
SHA-256, is compared with what has arrived. Only for the rest do changes wait, less
than two seconds; then the account is at its new place, and sessions are told to
connect again. Clients notice nothing else: UIDs, UIDVALIDITY, mod-sequences, ids,
subscriptions and the password are the same.

A server that runs on the source does the move itself; it reads the keys of object
stores from its own environment, and the password of a database from its own
~/.pgpass. A server on the data folder that is the target has to be stopped.

When it is interrupted, nothing is lost and nobody is in two places: the same command
goes on. The mail at the old place stays, as a copy that nobody sees: a database gives
it up by itself after two weeks, the embedded store keeps it until 'restante user rm'
removes the user there, or does so at once with --remove-source.

A move that was begun and is not to be finished is given up with --abort: what has come
to TARGET is removed, changes of the user's mail do not wait any more, and whoever is
still moving that user stops. Nothing at the old place is touched. It is refused when
the user has left the old place already; then the same command without --abort brings
the move to its end.`,
		Example: `  restante store move ann bob --to postgres://restante@db/mail --to-blobs s3://mail?endpoint=https://s3.example.org
  restante store move ann --config /etc/restante.toml --to cell:south
  restante store move --all --store postgres://restante@db/mail --blobs s3://mail --to /srv/restante
  restante store move ann --config /etc/restante.toml --to cell:south --abort`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return cli.WrongArgs(cmd)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := to.target()
			if err != nil {
				return err
			}
			if abort && remove {
				return cli.Usagef("--abort removes what has come to the target, --remove-source what is at the old place; say one of them")
			}
			if remove && target.Cell != "" {
				return cli.Usagef("--remove-source: what is left in a cell is removed by itself, two weeks later")
			}
			source, err := data.settings()
			if err != nil {
				return err
			}
			if !source.IsShared() && target.Data != "" && sameFolder(source.Data, target.Data) {
				return cli.Usagef("%s is both where the mail is and where it is to go", target.Data)
			}
			api, err := data.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			if all {
				if args, err = usersToMove(cmd.Context(), api); err != nil {
					return errors.Join(err, api.Close())
				}
			}
			p := movePrinter{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), json: asJSON, removed: remove, source: &source, cell: target.Cell}
			call := api.Move
			if abort {
				call = api.AbortMove
			}
			err = call(cmd.Context(), MoveRequest{args, target, remove}, p.print)
			return errors.Join(err, p.failed, api.Close())
		},
	}
	f := cmd.Flags()
	f.StringVar(&to.to, "to", "", "`TARGET`: FOLDER, postgres://... or cell:NAME")
	f.StringVar(&to.blobs, "to-blobs", "", "object store beside a database: `URL` like s3://BUCKET?endpoint=https://HOST, or file:///FOLDER")
	f.StringVar(&to.nats, "to-nats", "", "NATS servers of the target: `URL`, with commas")
	f.StringVar(&to.config, "to-config", "", "configuration `FILE` whose [server] table is the target")
	f.BoolVar(&all, "all", false, "move every user")
	f.BoolVar(&remove, "remove-source", false, "remove the copy at the old place, for good")
	f.BoolVar(&abort, "abort", false, "give up a move that was begun, and remove what has come to the target")
	f.BoolVar(&asJSON, "json", false, "print a line of JSON for each user")
	return cmd
}

// usersToMove returns all users who have not moved.
func usersToMove(ctx context.Context, api API) (names []string, err error) {
	users, err := api.Users(ctx)
	for _, u := range users {
		if !u.Moved {
			names = append(names, u.Name)
		}
	}
	return names, err
}

func sameFolder(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y) || filepath.Clean(a) == filepath.Clean(b)
}

// targetFlags say where to.
type targetFlags struct{ to, blobs, nats, config string }

func (f *targetFlags) target() (t MoveTarget, err error) {
	cell, isCell := strings.CutPrefix(f.to, "cell:")
	switch {
	case (f.to == "") == (f.config == ""):
		return t, cli.Usagef("say where to: --to FOLDER, --to postgres://..., --to cell:NAME, or --to-config FILE")
	case f.config != "":
		file, err := config.Load(f.config)
		if err != nil {
			return t, err
		}
		c := &file.Server
		t = MoveTarget{Name: f.config, Store: c.Store, Blobs: c.Blobs, NATS: c.NATS, Directory: c.Directory, Cells: c.Cells}
		if !c.IsShared() {
			if t.Data, t.Name = c.Data, c.Data; t.Data == "" {
				return t, cli.Usagef("%s does not say where the mail is: neither data, store nor cells", f.config)
			}
			t.Data, err = filepath.Abs(t.Data)
		}
		return t, err
	case isCell:
		if f.blobs != "" || f.nats != "" || cell == "" {
			return t, cli.Usagef("--to cell:NAME takes nothing else: the configuration says what the cell is")
		}
		return MoveTarget{Name: f.to, Cell: cell}, nil
	case strings.Contains(f.to, "://"):
		u, err := url.Parse(f.to)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			return t, cli.Usagef("--to is no database that is known here; it is like postgres://USER@HOST/DATABASE")
		}
		if f.blobs == "" {
			return t, cli.Usagef("the database needs an object store beside it: say --to-blobs s3://BUCKET or file:///FOLDER")
		}
		return MoveTarget{Name: u.Redacted(), Store: f.to, Blobs: f.blobs, NATS: f.nats}, nil
	}
	if f.blobs != "" || f.nats != "" {
		return t, cli.Usagef("--to-blobs and --to-nats are for a database")
	}
	dir, err := filepath.Abs(f.to)
	return MoveTarget{Name: dir, Data: dir}, err
}

// movePrinter prints what a move tells.
type movePrinter struct {
	out, err io.Writer
	json     bool
	removed  bool
	source   *config.Server
	cell     string
	last     time.Time
	failed   error // of printing
}

func (p *movePrinter) print(r MoveReport) {
	switch {
	case r.Progress != nil && time.Since(p.last) > 2*time.Second:
		p.last = time.Now()
		text := fmt.Sprintf("%s: %s, %s", r.Progress.User, r.Progress.What, output.Plural(int(r.Progress.Messages), "message"))
		if r.Progress.Octets > 0 {
			text += fmt.Sprintf(", %d MB", r.Progress.Octets/1_000_000)
		}
		fmt.Fprintln(p.err, text+"...")
	case r.Result != nil && p.json:
		out := output.Printer{W: p.out, JSON: true}
		p.failed = errors.Join(p.failed, out.PrintJSON(r.Result))
	case r.Result != nil:
		p.printResult(r.Result)
	case r.Aborted != nil && p.json:
		out := output.Printer{W: p.out, JSON: true}
		p.failed = errors.Join(p.failed, out.PrintJSON(r.Aborted))
	case r.Aborted != nil && r.Aborted.Mailboxes == 0:
		fmt.Fprintf(p.out, "%s: nothing had come to the new place\n", r.Aborted.User)
	case r.Aborted != nil:
		fmt.Fprintf(p.out, "%s: the move was given up; %s in %s were removed from the new place\n", r.Aborted.User,
			output.Plural(int(r.Aborted.Messages), "message"), count(r.Aborted.Mailboxes, "mailbox", "mailboxes"))
	}
}

func (p *movePrinter) printResult(r *move.Result) {
	if r.Already {
		fmt.Fprintf(p.out, "%s: has moved there already\n", r.User)
	} else {
		fmt.Fprintf(p.out, "%s: moved, %s in %s; changes waited %d ms\n", r.User, output.Plural(int(r.Messages), "message"),
			count(r.Mailboxes, "mailbox", "mailboxes"), r.Waited.Milliseconds())
	}
	switch {
	case p.removed:
		fmt.Fprintf(p.out, "%s: the copy at the old place was removed\n", r.User)
	case p.source.IsShared():
		fmt.Fprintf(p.out, "%s: the copy at the old place is removed in two weeks\n", r.User)
	default:
		fmt.Fprintf(p.out, "%s: a copy stays at the old place until it is removed with: restante user rm %s --yes --data %s\n", r.User, r.User, p.source.Data)
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
