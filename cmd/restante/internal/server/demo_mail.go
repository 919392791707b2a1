package server

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"

	"restante/cmd/restante/internal/admin"
	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
	"restante/internal/maildate"
	"restante/message"
)

//go:embed demo/*.eml
var demoFiles embed.FS

// demoMessage is a message of the demonstration: a file in demo/ and its flags.
type demoMessage struct {
	file  string
	flags []imap.Flag
}

// demoMailboxes is the mail of the demonstration, the oldest first.
var demoMailboxes = []struct {
	name     string
	messages []demoMessage
}{
	{imap.Inbox, []demoMessage{
		{"welcome", nil},
		{"html-alternative", []imap.Flag{imap.Seen}},
		{"html-only", []imap.Flag{imap.Seen, imap.Flagged}},
		{"attachments", []imap.Flag{imap.Flagged}},
		{"german-latin1", []imap.Flag{imap.Seen, imap.Answered}},
		{"russian-koi8r", []imap.Flag{imap.Seen}},
		{"japanese-iso2022jp", nil},
		{"chinese-gb18030", []imap.Flag{imap.Seen}},
		{"arabic", []imap.Flag{imap.Seen}},
		{"hebrew", nil},
		{"french-qp", []imap.Flag{imap.Seen, imap.Forwarded}},
		{"emoji", []imap.Flag{imap.Seen, "lunch"}},
		{"thread-1", []imap.Flag{imap.Seen, imap.Answered}},
		{"thread-3", []imap.Flag{imap.Seen}},
		{"thread-4", nil},
		{"forwarded", nil},
		{"invitation", []imap.Flag{imap.Flagged}},
		{"signed", nil},
	}},
	{"Archive", []demoMessage{{"archived", []imap.Flag{imap.Seen}}}},
	{"Drafts", []demoMessage{{"draft", []imap.Flag{imap.Seen, imap.Draft}}}},
	{"Junk", []demoMessage{{"junk", []imap.Flag{imap.Junk}}}},
	{"Sent", []demoMessage{
		{"sent-reply", []imap.Flag{imap.Seen}},
		{"thread-2", []imap.Flag{imap.Seen}},
	}},
	{"Lists/Go", []demoMessage{
		{"newsletter", nil},
		{"list-post", []imap.Flag{imap.Seen}},
	}},
	{"Reisen/Köln", []demoMessage{{"travel", []imap.Flag{imap.Seen}}}},
}

// importDemoMail puts the mail of the demonstration into a user's mailboxes.
func importDemoMail(ctx context.Context, api admin.API, user string) error {
	boxes := make([]admin.ImportBox, len(demoMailboxes))
	for i, box := range demoMailboxes {
		boxes[i].Name = box.name
	}
	box, at := 0, 0
	err := api.Import(ctx, user, boxes, func() (int, *mailfile.Message, error) {
		for box < len(demoMailboxes) && at == len(demoMailboxes[box].messages) {
			box, at = box+1, 0
		}
		if box == len(demoMailboxes) {
			return 0, nil, io.EOF
		}
		m, err := demoMailboxes[box].messages[at].load()
		at++
		return box, m, err
	}, func(admin.ImportProgress) {})
	if err != nil {
		return fmt.Errorf("filling the mailboxes: %w", err)
	}
	return nil
}

// load reads the message. It was received when it was sent.
func (m demoMessage) load() (*mailfile.Message, error) {
	text, err := demoFiles.ReadFile("demo/" + m.file + ".eml")
	if err != nil {
		return nil, err
	}
	text = mailfile.CRLF(text)
	out := &mailfile.Message{Flags: m.flags, Size: int64(len(text)), Body: bytes.NewReader(text)}
	out.Date, _ = maildate.Parse(message.ParseBytes(text).Envelope.RawDate)
	return out, nil
}
