package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
	"restante/message"
)

// showOptions say what show prints.
type showOptions struct {
	uid      imap.UID
	raw      bool
	part     string
	headers  bool
	save     string // folder
	markSeen bool
}

func newShow() *cobra.Command {
	var c accountFlags
	var o showOptions
	cmd := &cobra.Command{
		Use:     "show MAILBOX UID",
		GroupID: cli.GroupClient,
		Short:   "Show a message, or a part of it, or save its attachments",
		Long: `Show a message: who, when, what about, its text, and which attachments it has. Only
those are downloaded, not the attachments. A message stays unseen unless
--mark-seen is given. A message in HTML alone is shown as text.

With --raw the message, or the part, is printed exactly as the server has it;
on a terminal, control characters in it are made harmless.

` + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante show INBOX 17
  restante show INBOX 17 --raw > message.eml
  restante show INBOX 17 --part 2 > report.pdf
  restante show INBOX 17 --save-attachments ~/Downloads
  restante show INBOX 17 --json | jq -r .text`,
		Args: cli.Exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			uids, err := imap.ParseUIDSet(args[1])
			if err != nil || uids.Len() != 1 || uids.Dynamic() {
				return cli.Usagef("%q is no UID: 'restante list %s' shows them", args[1], args[0])
			}
			o.uid = uids.Min()
			if c.json && (o.raw || o.part != "") {
				return cli.Usagef("--json does not go with --raw and --part")
			}
			if o.save != "" && (o.raw || o.part != "" || o.headers) {
				return cli.Usagef("--save-attachments does not go with --raw, --part and --headers")
			}
			if o.part != "" && !validPart(o.part) {
				return cli.Usagef("--part %s: a part is a number like 2 or 1.2", o.part)
			}
			return c.forMessages(cmd, func(ctx context.Context, s *session) error { return s.show(ctx, args[0], o) })
		},
	}
	c.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.raw, "raw", false, "print the message or part as it is")
	f.StringVar(&o.part, "part", "", "print this `PART` alone, like 1.2, decoded")
	f.BoolVar(&o.headers, "headers", false, "show all header fields")
	f.StringVar(&o.save, "save-attachments", "", "save the attachments in this `FOLDER`")
	f.BoolVar(&o.markSeen, "mark-seen", false, "mark the message as seen")
	return cmd
}

func validPart(s string) bool {
	for _, n := range strings.Split(s, ".") {
		if n == "" || len(n) > 9 || strings.Trim(n, "0123456789") != "" || n[0] == '0' {
			return false
		}
	}
	return true
}

// show does what the options say with one message.
func (s *session) show(ctx context.Context, name string, o showOptions) error {
	open := s.examine
	if o.markSeen {
		open = s.open
	}
	mb, err := open(ctx, name)
	if err != nil {
		return err
	}
	v := &messageView{session: s, mb: mb, o: o}
	switch {
	case o.raw && o.part == "":
		err = v.stream(ctx, "", nil)
	case o.part != "":
		err = v.showPart(ctx)
	case o.save != "":
		err = v.saveAttachments(ctx)
	default:
		err = v.showMessage(ctx)
	}
	if errors.Is(err, imap.ErrExpunged) {
		return &explainedError{s.noMessages(mb, imap.UIDs(o.uid)).Error(), err}
	}
	if err == nil && o.markSeen {
		err = mb.Store(ctx, imap.UIDs(o.uid), imap.StoreAdd, imap.Seen)
	}
	return err
}

// messageView is one message on its way to the screen.
type messageView struct {
	*session
	mb *imapclient.Mailbox
	o  showOptions
}

// fetch gets what there is to know of the message without its text.
func (v *messageView) fetch(ctx context.Context, items ...imap.FetchItem) (*imap.Message, error) {
	var got *imap.Message
	for m, err := range v.mb.Fetch(ctx, imap.UIDs(v.o.uid), items...) {
		if err != nil {
			return nil, err
		}
		if m.UID == v.o.uid {
			if err := m.Keep(); err != nil {
				return nil, err
			}
			got = m
		}
	}
	if got == nil {
		return nil, imap.ErrExpunged
	}
	return got, nil
}

// stream writes a section to standard output: its octets as they are, unless that is a terminal.
func (v *messageView) stream(ctx context.Context, section string, part *imap.Part) error {
	w := io.WriteCloser(nopCloser{v.out.W})
	if v.out.Width > 0 {
		w = terminal.NewCleanWriter(v.out.W)
	}
	var err error
	switch {
	case part == nil || v.o.raw:
		_, err = v.mb.Download(ctx, v.o.uid, section, w, nil)
	case part.Is("text", ""):
		_, err = v.mb.Download(ctx, v.o.uid, section, w, &imapclient.DownloadOptions{Decode: true})
	default:
		err = v.decode(ctx, part, w)
	}
	return errors.Join(err, w.Close())
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// decode writes a part without its transfer encoding; unlike text for people it keeps its charset.
func (v *messageView) decode(ctx context.Context, part *imap.Part, w io.Writer) error {
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := v.mb.Download(ctx, v.o.uid, partID(part), pw, nil)
		pw.CloseWithError(err)
		done <- err
	}()
	r, err := message.DecodeTransfer(part.Encoding, pr)
	if err != nil {
		r, err = pr, nil // an encoding that nobody knows: as it is
	}
	_, err = io.Copy(w, r)
	pr.CloseWithError(err)
	if down := <-done; down != nil && err == nil {
		err = down
	}
	return err
}

// showPart prints one part.
func (v *messageView) showPart(ctx context.Context) error {
	m, err := v.fetch(ctx, imap.FetchStructure)
	if err != nil {
		return err
	}
	part := findPart(m.Structure, v.o.part)
	if part == nil {
		return fmt.Errorf("the message has no part %s; it has %s", v.o.part, partList(m.Structure))
	}
	if v.out.Width > 0 && !v.o.raw && !part.Is("text", "") && !part.Is("message", "") && !part.Multipart() {
		return cli.Usagef("part %s is %s/%s, which is nothing for a terminal; write it into a file with > or --save-attachments",
			v.o.part, terminal.Clean(part.Type), terminal.Clean(part.Subtype))
	}
	return v.stream(ctx, v.o.part, part)
}

func findPart(root *imap.Part, id string) *imap.Part {
	if root == nil {
		return nil
	}
	for p := range root.Walk() {
		if p != root && p.ID == id || p == root && !p.Multipart() && id == "1" {
			return p
		}
	}
	return nil
}

// partList names the parts of a message that can be shown.
func partList(root *imap.Part) string {
	var ids []string
	if root != nil {
		for p := range root.Walk() {
			if !p.Multipart() {
				ids = append(ids, fmt.Sprintf("%s (%s/%s)", partID(p), strings.ToLower(terminal.Clean(p.Type)), strings.ToLower(terminal.Clean(p.Subtype))))
			}
		}
	}
	return orNone(ids)
}
