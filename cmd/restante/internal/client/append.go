package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/mailfile"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/query"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
	"restante/internal/maildate"
	"restante/message"
)

func newAppend() *cobra.Command {
	var c accountFlags
	var o appendOptions
	var flags []string
	var date string
	cmd := &cobra.Command{
		Use:     "append MAILBOX FILE...|-",
		GroupID: cli.GroupClient,
		Short:   "Put message files into a mailbox",
		Long: `Put messages into a mailbox: each file is one message; "-" is standard input. Line
ends become those that mail has. A file that is no message is left out and told
about, and so is one that the server refuses; the others go in, and the exit status
is 1 then. A message without a usable date gets, with --date header, that of its
arrival, and this is told.

` + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante append INBOX message.eml
  restante append Sent *.eml --flag seen --date header
  restante append Drafts - --flag draft < letter.eml`,
		Args: cli.AtLeast(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range flags {
				f, err := query.ParseFlag(name)
				if err != nil {
					return cli.UsageError{Err: err}
				}
				o.flags = append(o.flags, f)
			}
			switch date {
			case "", "now":
			case "header":
				o.headerDate = true
			default:
				t, err := parseWhen(date)
				if err != nil {
					return cli.Usagef("--date: %w", err)
				}
				o.date = t
			}
			o.stdin = cmd.InOrStdin()
			return c.forOneAccount(cmd, "messages are put into one account", func(ctx context.Context, s *session) error {
				return s.append(ctx, args[0], args[1:], o)
			})
		},
	}
	c.add(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&flags, "flag", nil, "`FLAGS` to have, like seen,flagged")
	f.StringVar(&date, "date", "now", "`DATE` of its arrival: a date, \"header\" for its own, or \"now\"")
	f.BoolVar(&o.create, "create", false, "make the mailbox if it does not exist")
	return cmd
}

// appendOptions go with messages that are put into a mailbox.
type appendOptions struct {
	flags      []imap.Flag
	date       time.Time
	headerDate bool
	create     bool
	stdin      io.Reader
}

// appendJSON is a message that was put into a mailbox.
type appendJSON struct {
	Account string   `json:"account,omitempty"`
	Mailbox string   `json:"mailbox"`
	UID     imap.UID `json:"uid,omitempty"` // when the server tells
	File    string   `json:"file"`
	Size    int64    `json:"size"`
}

// append puts files into a mailbox, one after the other. A file that cannot be does not keep out
// those after it.
func (s *session) append(ctx context.Context, mailbox string, files []string, o appendOptions) error {
	left := 0
	for _, file := range files {
		err := s.appendFile(ctx, mailbox, file, o)
		var bad *fileError
		if errors.As(err, &bad) && len(files) > 1 {
			left++
			fmt.Fprintf(s.stderr, "%s\n", terminal.Clean(err.Error()))
			continue
		}
		if err != nil {
			return err
		}
		o.create = false
	}
	if left > 0 {
		return fmt.Errorf("%d of %s left out", left, output.Plural(len(files), "file"))
	}
	return nil
}

// fileError is an error of one file, of which the next one need not have any.
type fileError struct {
	file string
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// openMessage opens a file. Standard input becomes a temporary file: its size must be known before
// it is sent. remove closes it, and removes what was temporary.
func openMessage(name string, stdin io.Reader) (f *os.File, remove func(), err error) {
	if name != "-" {
		f, err = os.Open(name)
		return f, func() { f.Close() }, err
	}
	if f, err = os.CreateTemp("", "restante-append"); err != nil {
		return nil, nil, err
	}
	remove = func() {
		f.Close()
		os.Remove(f.Name())
	}
	if _, err = io.Copy(f, stdin); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		remove()
	}
	return f, remove, err
}

// messageSize returns how many octets a message has as it is sent, or why it is none.
func messageSize(f *os.File) (int64, error) {
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return 0, errors.New("this is a folder, not a message")
	}
	switch err := mailfile.Recognize(f); {
	case errors.Is(err, mailfile.ErrMbox):
		return 0, fmt.Errorf("%w; 'git mailsplit -oFOLDER FILE' makes a file of each, 'restante import' takes it as it is into a server of your own", err)
	case err != nil:
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	return imapclient.CRLFSize(f)
}

func (s *session) appendFile(ctx context.Context, mailbox, file string, o appendOptions) error {
	f, remove, err := openMessage(file, o.stdin)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return &fileError{file, err}
	}
	defer remove()
	size, err := messageSize(f)
	if err != nil {
		return &fileError{file, err}
	}
	date := o.date
	if o.headerDate {
		if date, err = headerDate(f); err != nil {
			fmt.Fprintf(s.stderr, "%s: %s; it gets the time of its arrival, unless --date gives one\n", terminal.Clean(file), terminal.Clean(err.Error()))
		}
	}
	server, err := s.serverName(ctx, mailbox)
	if err != nil {
		return err
	}
	send := func() (imap.AppendResult, error) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return imap.AppendResult{}, err
		}
		return s.Append(ctx, server, imapclient.NewCRLF(f), size, &imapclient.AppendOptions{Flags: o.flags, Date: date})
	}
	res, err := send()
	if err != nil && missingMailbox(err) {
		if !o.create {
			return noMailbox(mailbox, "--create makes it", err)
		}
		if err := s.create(ctx, mailbox); err != nil {
			return err
		}
		res, err = send()
	}
	var refused *imap.Error
	if errors.As(err, &refused) && refused.Status == "NO" {
		return &fileError{file, err}
	} else if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	j := appendJSON{Account: s.account, Mailbox: s.shownName(server), UID: res.UIDs.Min(), File: file, Size: size}
	if err := s.out.PrintJSON(j); err != nil || s.out.JSON {
		return err
	}
	if j.UID == 0 {
		return s.out.Printf("%s is in %s", file, j.Mailbox)
	}
	return s.out.Printf("%s is in %s, UID %d", file, j.Mailbox, j.UID)
}

// headerDate returns the date in the header of a message, or the zero time and why there is none.
func headerDate(f io.ReadSeeker) (time.Time, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return time.Time{}, err
	}
	r := bufio.NewReader(io.LimitReader(f, message.MaxHeader))
	var header strings.Builder
	for {
		line, err := r.ReadString('\n')
		header.WriteString(line)
		if err != nil || strings.TrimRight(line, "\r\n") == "" {
			break
		}
	}
	for value := range message.HeaderValues(header.String(), "Date") {
		if t, ok := maildate.Parse(value); ok {
			return t, nil
		}
		return time.Time{}, fmt.Errorf("the Date in its header is no date: %q", value)
	}
	return time.Time{}, errors.New("its header has no Date")
}

// parseWhen reads a date of the command line.
func parseWhen(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date; write it like 2026-01-31, 2026-01-31 12:00 or 2026-01-31T12:00:00Z", s)
}
