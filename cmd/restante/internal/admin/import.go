package admin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/mailfile"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/mailbox"
)

func newImport() *cobra.Command {
	var (
		data       dataFlags
		user, into string
	)
	cmd := &cobra.Command{
		Use:     "import --user NAME [--mailbox M] FILE|FOLDER...",
		GroupID: cli.GroupServer,
		Short:   "Import mail from mbox files, Maildirs and message files",
		Long: `Import messages into a user's mailbox, while the server runs or while it does not.

An mbox file keeps its dates and the flags of its Status and X-Status fields. A
Maildir keeps its flags, and the keywords and subscriptions that Dovecot or Courier
have noted; its dates are those of its files, and its subfolders (.Lists.Go, in
UTF-8 or modified UTF-7) become mailboxes (Lists/Go). A folder in the spool of Cyrus
keeps its dates, flags and keywords, and what is expunged there stays behind; a warning
tells when they cannot be read. Since Cyrus 3.6 each mailbox has a folder of its own,
which Cyrus's mbpath tells: import them one by one, with --mailbox. Any other file is
one message, and must begin as a message does.

The names of all mailboxes are checked before the first message is imported, and
whether each file named is mail. Nothing is removed from where it came, and nothing is
imported twice: a message that its mailbox already held before, octet for octet, is
left out, whatever its flags. Two messages of the same octets in what is imported stay
two. So an import that was interrupted can be run again, and one that is run a second
time brings what is new.`,
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
			api, err := data.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			var total ImportProgress
			im := importer{mailbox: imap.CanonicalName(into), stderr: cmd.ErrOrStderr()}
			if err = im.plan(args); err == nil {
				err = api.Import(cmd.Context(), user, im.boxes, im.next, progress(cmd.ErrOrStderr(), &total))
			}
			im.close()
			fmt.Fprintf(cmd.OutOrStdout(), "%s imported\n", output.Plural(total.Imported, "message"))
			if total.Known > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%s there already\n", output.Plural(total.Known, "message"))
			}
			return errors.Join(err, api.Close())
		},
	}
	data.add(cmd)
	cmd.Flags().StringVar(&user, "user", "", "`NAME` of the user whose mail it becomes (required)")
	cmd.Flags().StringVar(&into, "mailbox", imap.Inbox, "`MAILBOX`, made if it does not exist")
	return cmd
}

// progress counts, and now and then says on w how far it is.
func progress(w io.Writer, total *ImportProgress) func(ImportProgress) {
	last := time.Now()
	return func(p ImportProgress) {
		total.Imported += p.Imported
		total.Known += p.Known
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(w, "%d messages...\n", total.Imported+total.Known)
		}
	}
}

// importer reads the messages of files and folders.
type importer struct {
	mailbox string
	stderr  io.Writer
	boxes   []ImportBox
	sources []importSource

	reading mailfile.Reader // of sources[0]
}

// importSource is a file or folder whose messages go into a mailbox.
type importSource struct {
	path string
	box  int // its index
	open func() (mailfile.Reader, error)
}

// plan looks at all that is to be imported.
func (im *importer) plan(paths []string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = im.planFolder(path)
		} else {
			err = im.planFile(path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w; nothing was imported", path, err)
		}
	}
	return nil
}

func (im *importer) planFile(path string) error {
	open := func() (mailfile.Reader, error) { return mailfile.OpenFile(path) }
	r, err := open()
	if errors.Is(err, mailfile.ErrNoMail) {
		err = fmt.Errorf("%w; mbox files, Maildirs and files of one message are mail", err)
	}
	if err != nil {
		return err
	}
	r.Close()
	return im.add(importSource{path: path, open: open}, ImportBox{Name: im.mailbox})
}

func (im *importer) planFolder(dir string) error {
	folders, err := mailfile.Folders(dir)
	if err != nil {
		return err
	}
	if len(folders) == 0 {
		return errors.New("this folder is no Maildir: it has no folder \"cur\"; the files in it can be named, like FOLDER/*.eml")
	}
	for _, f := range folders {
		name := im.mailbox
		switch {
		case f.Name == "":
		case im.mailbox == imap.Inbox:
			name = imap.CanonicalName(f.Name)
		default:
			name = im.mailbox + "/" + f.Name
		}
		open := func() (mailfile.Reader, error) {
			m, err := f.Open()
			if err != nil {
				return nil, err
			}
			for _, warning := range m.Warnings() {
				fmt.Fprintf(im.stderr, "restante: warning: %s\n", terminal.Clean(warning))
			}
			return m, nil
		}
		if err := im.add(importSource{path: f.Dir, open: open}, ImportBox{Name: name, Subscribed: f.Subscribed}); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(f.Dir), err)
		}
	}
	return nil
}

// add adds a source, and the mailbox for it unless an earlier one goes there too.
func (im *importer) add(s importSource, box ImportBox) error {
	if err := checkBox(box); err != nil {
		return err
	}
	for s.box = range im.boxes {
		if im.boxes[s.box].Name == box.Name {
			im.sources = append(im.sources, s)
			return nil
		}
	}
	s.box = len(im.boxes)
	im.boxes = append(im.boxes, box)
	im.sources = append(im.sources, s)
	return nil
}

// checkBox refuses a name that no mailbox can have.
func checkBox(box ImportBox) error {
	if err := mailbox.CheckName(box.Name); err != nil {
		return fmt.Errorf("%q cannot be the name of a mailbox: each level has to have a name, without *, %% and control characters, and all of it %d octets and %d levels at most",
			terminal.Clean(box.Name), mailbox.MaxNameLen, mailbox.MaxNameDepth)
	}
	return nil
}

// next returns the next message and the index of its mailbox; io.EOF after the last.
func (im *importer) next() (int, *mailfile.Message, error) {
	for len(im.sources) > 0 {
		s := im.sources[0]
		if im.reading == nil {
			r, err := s.open()
			if err != nil {
				return 0, nil, fmt.Errorf("%s: %w", s.path, err)
			}
			im.reading = r
		}
		m, err := im.reading.Next()
		if err == nil {
			return s.box, m, nil
		}
		if err != io.EOF {
			return 0, nil, fmt.Errorf("%s: %w", s.path, err)
		}
		im.close()
		im.sources = im.sources[1:]
	}
	return 0, nil, io.EOF
}

// close closes what is being read.
func (im *importer) close() {
	if im.reading != nil {
		im.reading.Close()
		im.reading = nil
	}
}
