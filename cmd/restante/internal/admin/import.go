package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
)

func newImport() *cobra.Command {
	var (
		data          dataFlags
		user, mailbox string
	)
	cmd := &cobra.Command{
		Use:     "import --user NAME [--mailbox M] FILE|MAILDIR...",
		GroupID: cli.GroupServer,
		Short:   "Import mail from mbox files, Maildirs and message files",
		Long: `Import messages into a user's mailbox, while the server runs or while it does not.

An mbox file keeps its dates and the flags of its Status and X-Status fields. A
Maildir keeps its flags; its dates are those of its files, and its subfolders
(.Lists.Go) become mailboxes (Lists/Go). Any other file is one message. Nothing
is removed from where it came, and importing twice makes everything double.`,
		Example: `  restante import --user ann ~/Maildir
  restante import --user ann --mailbox Archive/2019 old.mbox
  restante import --user ann *.eml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || user == "" {
				return cli.WrongArgs(cmd)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := data.open(false)
			if err != nil {
				return err
			}
			total := 0
			im := importer{api: api, user: user, done: progress(cmd.ErrOrStderr(), &total)}
			err = im.paths(cmd.Context(), imap.CanonicalName(mailbox), args)
			fmt.Fprintf(cmd.OutOrStdout(), "%d messages imported\n", total)
			return errors.Join(err, api.Close())
		},
	}
	data.add(cmd)
	cmd.Flags().StringVar(&user, "user", "", "`NAME` of the user whose mail it becomes (required)")
	cmd.Flags().StringVar(&mailbox, "mailbox", imap.Inbox, "`MAILBOX`, made if it does not exist")
	return cmd
}

// progress counts, and now and then says on w how far it is.
func progress(w io.Writer, total *int) func(n int) {
	last := time.Now()
	return func(n int) {
		*total += n
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(w, "%d messages...\n", *total)
		}
	}
}

// importer imports files into the mailboxes of a user.
type importer struct {
	api  API
	user string
	done func(n int) // is told how many messages have been made durable
}

// paths imports files and Maildirs into a mailbox.
func (im *importer) paths(ctx context.Context, mailbox string, paths []string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = im.maildir(ctx, mailbox, path)
		} else {
			err = im.file(ctx, mailbox, path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// file imports an mbox file or a single message.
func (im *importer) file(ctx context.Context, mailbox, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	mbox := mailfile.NewMbox(f)
	if mbox.IsMbox() {
		return im.api.Import(ctx, im.user, mailbox, mbox.Next, im.done)
	}
	first := true
	return im.api.Import(ctx, im.user, mailbox, func() (*mailfile.Message, error) {
		if !first {
			return nil, io.EOF
		}
		first = false
		return mailfile.Read(f, nil)
	}, im.done)
}

// maildir imports a Maildir and its subfolders.
func (im *importer) maildir(ctx context.Context, mailbox, dir string) error {
	if !mailfile.IsMaildir(dir) {
		return errors.New("this folder is no Maildir: it has no folder \"cur\"")
	}
	if err := im.folder(ctx, mailbox, dir); err != nil {
		return err
	}
	subfolders, err := mailfile.Subfolders(dir)
	if err != nil {
		return err
	}
	for _, sub := range subfolders {
		name := sub.Name
		if mailbox != imap.Inbox {
			name = mailbox + "/" + name
		}
		if err := im.folder(ctx, name, sub.Dir); err != nil {
			return err
		}
	}
	return nil
}

// folder imports the messages of one folder of a Maildir, oldest first.
func (im *importer) folder(ctx context.Context, mailbox, dir string) error {
	m, err := mailfile.OpenMaildir(dir)
	if err != nil {
		return err
	}
	defer m.Close()
	return im.api.Import(ctx, im.user, mailbox, m.Next, im.done)
}
