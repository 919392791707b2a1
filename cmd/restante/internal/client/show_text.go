package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
	"restante/message"
)

// messageTextJSON is a whole message as show --json prints it.
type messageTextJSON struct {
	messageJSON
	Headers []headerJSON `json:"headers,omitempty"`
	Text    string       `json:"text"`
}

type headerJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// showMessage prints a message for people.
func (v *messageView) showMessage(ctx context.Context) error {
	items := summaryItems
	if v.o.headers {
		items = append(items[:len(items):len(items)], imap.Headers)
	}
	m, err := v.fetch(ctx, items...)
	if err != nil {
		return err
	}
	j := messageTextJSON{messageJSON: newMessageJSON(v.account, v.shownName(v.mb.Name()), m)}
	if v.o.headers {
		for f := range message.Fields(m.Body("HEADER").String()) {
			j.Headers = append(j.Headers, headerJSON{f.Name, f.Text()})
		}
	}
	if v.out.JSON {
		var text bytes.Buffer
		if err := v.text(ctx, m.Structure, &text); err != nil {
			return err
		}
		j.Text = text.String()
		return v.out.PrintJSON(j)
	}
	if err := v.printHeader(&j, m.Envelope); err != nil {
		return err
	}
	w := terminal.NewCleanWriter(v.out.W)
	if err := errors.Join(v.text(ctx, m.Structure, w), w.Close()); err != nil {
		return err
	}
	return v.printAttachments(m.Structure)
}

func (v *messageView) printHeader(j *messageTextJSON, e *imap.Envelope) error {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", terminal.Clean(name), terminal.Clean(value))
		}
	}
	switch {
	case v.o.headers:
		for _, h := range j.Headers {
			field(h.Name, h.Value)
		}
	case e != nil:
		field("From", addressText(e.From))
		field("To", addressText(e.To))
		field("Cc", addressText(e.Cc))
		switch {
		case !j.Date.IsZero():
			field("Date", j.Date.Format(dateLayout))
		case j.BrokenDate != "":
			field("Date", fmt.Sprintf("%s (this is no date; received %s)", j.BrokenDate, j.Received.Format(dateLayout)))
		case !j.Received.IsZero():
			field("Received", j.Received.Format(dateLayout))
		}
		field("Subject", j.Subject)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(v.out.W, b.String())
	return err
}

const dateLayout = "Mon, 2 Jan 2006 15:04:05 -0700"

func addressText(list []imap.Address) string {
	var out []string
	for a := range withoutGroups(list) {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// maxHTML is how much HTML is turned into text, octets.
const maxHTML = 8 << 20

// text writes the readable text of a message to w, as UTF-8 with LF.
func (v *messageView) text(ctx context.Context, root *imap.Part, w io.Writer) error {
	if root == nil {
		return errors.New("the server does not tell how the message is built; try --raw")
	}
	text, html := root.Text(), root.HTML()
	switch {
	case text != nil:
		return v.plainText(ctx, text, w)
	case html != nil:
		var b bytes.Buffer
		_, err := v.mb.Download(ctx, v.o.uid, partID(html), &b, &imapclient.DownloadOptions{Decode: true, Max: maxHTML})
		if errors.Is(err, imap.ErrTooBig) {
			_, err = fmt.Fprintf(w, "[the message is %s of HTML; get it with --part %s]\n", output.Size(html.Size), partID(html))
			return err
		} else if err != nil {
			return err
		}
		_, err = io.WriteString(w, htmlText(b.String()))
		return err
	}
	return nil
}

// collapseBlankLines removes white space at the ends of lines, and more than one empty line in a row.
func collapseBlankLines(text string) string {
	var out []byte
	empty := true // at the start, or behind an empty line
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n\u00a0")
		if line != "" || !empty {
			out = append(append(out, line...), '\n')
		}
		empty = line == ""
	}
	return strings.TrimRight(string(out), "\n") + "\n"
}

// plainText writes a text part with LF at the end of every line, the last one too.
func (v *messageView) plainText(ctx context.Context, part *imap.Part, w io.Writer) error {
	lines := &lfWriter{w: w}
	if _, err := v.mb.Download(ctx, v.o.uid, partID(part), lines, &imapclient.DownloadOptions{Decode: true}); err != nil {
		return err
	}
	return lines.end()
}

// lfWriter turns CRLF into LF.
type lfWriter struct {
	w    io.Writer
	last byte
}

// Write writes p without its CRs.
func (l *lfWriter) Write(p []byte) (int, error) {
	out := bytes.ReplaceAll(p, []byte("\r"), nil)
	if len(out) > 0 {
		l.last = out[len(out)-1]
	}
	_, err := l.w.Write(out)
	return len(p), err
}

// end ends the last line.
func (l *lfWriter) end() error {
	if l.last == '\n' || l.last == 0 {
		return nil
	}
	_, err := io.WriteString(l.w, "\n")
	return err
}

// printAttachments tells what else the message has.
func (v *messageView) printAttachments(root *imap.Part) error {
	if root == nil {
		return nil
	}
	var b strings.Builder
	for _, p := range message.Attachments(root) {
		a := newAttachment(p)
		name := a.Name
		if name == "" && p.Envelope != nil {
			name = p.Envelope.Subject
		}
		if name == "" {
			name = "without a name"
		}
		fmt.Fprintf(&b, "[%s] %s  %s, %s\n", a.Part, terminal.Clean(name), terminal.Clean(a.Type), output.Size(a.Size))
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(v.out.W, "\nAttachments (--part N, --save-attachments DIR):\n%s", b.String())
	return err
}
