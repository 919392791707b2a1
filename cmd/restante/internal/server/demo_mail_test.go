package server

import (
	"io/fs"
	"testing"
	"time"

	"restante/imap"
	"restante/message"
)

// TestDemoMessages checks that every file is used, and is a message with a date, a sender and an
// identity.
func TestDemoMessages(t *testing.T) {
	files, err := fs.Glob(demoFiles, "demo/*.eml")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	total := 0
	for _, box := range demoMailboxes {
		last := time.Time{}
		for _, m := range box.messages {
			used["demo/"+m.file+".eml"] = true
			total++
			msg, err := m.load()
			if err != nil {
				t.Fatal(err)
			}
			if msg.Date.Before(last) {
				t.Errorf("%s: %s is older than the message before it", box.name, m.file)
			}
			last = msg.Date
			st, err := message.Parse(msg.Body)
			if err != nil {
				t.Fatal(err)
			}
			if msg.Date.IsZero() || len(st.Envelope.From) == 0 || st.Envelope.MessageID == "" {
				t.Errorf("%s: date %v, envelope %+v", m.file, msg.Date, st.Envelope)
			}
		}
	}
	if total < 20 || len(used) != total || len(files) != total {
		t.Errorf("%d messages of %d files, and there are %d files", total, len(used), len(files))
	}
	if demoMailboxes[0].name != imap.Inbox {
		t.Error("INBOX is not the first")
	}
}
