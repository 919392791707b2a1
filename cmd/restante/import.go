package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"restante/imap"
	"restante/imapclient"
)

func newImport() *cobra.Command {
	var (
		a             adminFlags
		user, mailbox string
	)
	cmd := &cobra.Command{
		Use:     "import --user NAME [--mailbox M] FILE|MAILDIR...",
		GroupID: "server",
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
				return usageError{fmt.Errorf("usage: %s\nSee '%s --help'.", cmd.UseLine(), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			adm, err := a.open(false)
			if err != nil {
				return err
			}
			total := 0
			err = importAll(cmd.Context(), adm, user, imap.CanonicalName(mailbox), args, progress(cmd.ErrOrStderr(), &total))
			fmt.Fprintf(cmd.OutOrStdout(), "%d messages imported\n", total)
			return errors.Join(err, adm.Close())
		},
	}
	a.add(cmd)
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

func importAll(ctx context.Context, adm admin, user, mailbox string, paths []string, done func(int)) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = importMaildir(ctx, adm, user, mailbox, path, done)
		} else {
			err = importFile(ctx, adm, user, mailbox, path, done)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// importFile imports an mbox file or a single message.
func importFile(ctx context.Context, adm admin, user, mailbox, path string, done func(int)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := newMboxReader(f)
	if r.isMbox() {
		return adm.Import(ctx, user, mailbox, r.next, done)
	}
	first := true
	return adm.Import(ctx, user, mailbox, func() (*importMessage, error) {
		if !first {
			return nil, io.EOF
		}
		first = false
		return fileMessage(f, nil)
	}, done)
}

// fileMessage is the message that a file holds, with the line ends of the Internet. It was received
// when the file was last changed. The file must stay open until the message has been read.
func fileMessage(f *os.File, flags []imap.Flag) (*importMessage, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	size, err := imapclient.CRLFSize(f)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, errors.New("the file is empty")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return &importMessage{Flags: flags, Date: info.ModTime(), Size: size, Body: imapclient.NewCRLF(f)}, nil
}

// crlf returns text with every bare LF as CRLF.
func crlf(text []byte) []byte {
	lf := bytes.Count(text, []byte("\n"))
	if lf == bytes.Count(text, []byte("\r\n")) {
		return text
	}
	out := make([]byte, 0, len(text)+lf)
	for line := range bytes.Lines(text) {
		body, ok := bytes.CutSuffix(line, []byte("\n"))
		out = append(out, bytes.TrimSuffix(body, []byte("\r"))...)
		if ok {
			out = append(out, "\r\n"...)
		}
	}
	return out
}

// importMaildir imports a Maildir and its subfolders.
func importMaildir(ctx context.Context, adm admin, user, mailbox, dir string, done func(int)) error {
	if !isMaildir(dir) {
		return errors.New("this folder is no Maildir: it has no folder \"cur\"")
	}
	if err := importFolder(ctx, adm, user, mailbox, dir, done); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), ".") || !isMaildir(sub) {
			continue
		}
		name := strings.ReplaceAll(e.Name()[1:], ".", "/")
		if mailbox != imap.Inbox {
			name = mailbox + "/" + name
		}
		if err := importFolder(ctx, adm, user, name, sub, done); err != nil {
			return err
		}
	}
	return nil
}

func isMaildir(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "cur"))
	return err == nil && info.IsDir()
}

// importFolder imports the messages of one folder of a Maildir, oldest first.
func importFolder(ctx context.Context, adm admin, user, mailbox, dir string, done func(int)) error {
	var files []maildirFile
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
				files = append(files, maildirFile{filepath.Join(dir, sub, e.Name()), info.ModTime()})
			}
		}
	}
	sortMaildir(files)
	var open *os.File // until the next message is asked for
	closeLast := func() {
		if open != nil {
			open.Close()
			open = nil
		}
	}
	defer closeLast()
	return adm.Import(ctx, user, mailbox, func() (_ *importMessage, err error) {
		closeLast()
		if len(files) == 0 {
			return nil, io.EOF
		}
		file := files[0]
		files = files[1:]
		if open, err = os.Open(file.path); err != nil {
			return nil, err
		}
		m, err := fileMessage(open, maildirFlags(file.path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.path, err)
		}
		return m, nil
	}, done)
}
