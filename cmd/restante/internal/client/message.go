package client

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"restante/cmd/restante/internal/output"
	"restante/imap"
	"restante/message"
)

// messageJSON is a message as --json prints it.
type messageJSON struct {
	Account     string           `json:"account,omitempty"`
	Mailbox     string           `json:"mailbox"`
	UID         imap.UID         `json:"uid"`
	Date        time.Time        `json:"date,omitzero"`         // its own
	BrokenDate  string           `json:"broken_date,omitempty"` // what stands there when it is no date
	Received    time.Time        `json:"received,omitzero"`     // the server's
	From        []addressJSON    `json:"from,omitempty"`
	To          []addressJSON    `json:"to,omitempty"`
	Cc          []addressJSON    `json:"cc,omitempty"`
	Subject     string           `json:"subject"`
	MessageID   string           `json:"message_id,omitempty"`
	InReplyTo   string           `json:"in_reply_to,omitempty"`
	Flags       []imap.Flag      `json:"flags"`
	Size        int64            `json:"size"`
	Attachments []attachmentJSON `json:"attachments,omitempty"`
}

type addressJSON struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

type attachmentJSON struct {
	Part string `json:"part"`
	Name string `json:"name,omitempty"`
	Type string `json:"type"`
	Size int64  `json:"size"` // octets, about
}

// summaryItems is what lists show of a message. Nothing of it makes the server send a body.
var summaryItems = []imap.FetchItem{imap.FetchUID, imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope, imap.FetchStructure}

func newMessageJSON(account, mailbox string, m *imap.Message) messageJSON {
	j := messageJSON{Account: account, Mailbox: mailbox, UID: m.UID, Received: m.InternalDate, Flags: []imap.Flag{}, Size: m.Size}
	for _, f := range m.Flags {
		if !f.Equal(imap.Recent) { // says something of the session, not of the message
			j.Flags = append(j.Flags, f)
		}
	}
	if e := m.Envelope; e != nil {
		j.Date, j.Subject, j.MessageID, j.InReplyTo = e.Date, e.Subject, e.MessageID, e.InReplyTo
		j.From, j.To, j.Cc = addresses(e.From), addresses(e.To), addresses(e.Cc)
		if j.Date.IsZero() {
			j.BrokenDate = strings.TrimSpace(e.RawDate)
		}
	}
	if m.Structure != nil {
		for _, p := range message.Attachments(m.Structure) {
			j.Attachments = append(j.Attachments, newAttachment(p))
		}
	}
	return j
}

func newAttachment(p *imap.Part) attachmentJSON {
	return attachmentJSON{Part: partID(p), Name: message.Filename(p), Type: strings.ToLower(p.Type + "/" + p.Subtype), Size: decodedSize(p)}
}

// partID returns the number by which a part is fetched: the only part of a message is 1.
func partID(p *imap.Part) string {
	if p.ID == "" {
		return "1"
	}
	return p.ID
}

// decodedSize tells about how many octets a part is without its transfer encoding: base64 makes 57
// octets a line of 78.
func decodedSize(p *imap.Part) int64 {
	if strings.EqualFold(strings.TrimSpace(p.Encoding), "base64") {
		return p.Size * 57 / 78
	}
	return max(0, p.Size)
}

func addresses(list []imap.Address) (out []addressJSON) {
	for a := range withoutGroups(list) {
		out = append(out, addressJSON{a.Name, a.Addr()})
	}
	return out
}

// withoutGroups yields the addresses of a list without the marks of groups.
func withoutGroups(list []imap.Address) iter.Seq[imap.Address] {
	return func(yield func(imap.Address) bool) {
		for _, a := range list {
			if a.Group == imap.NoGroup && !yield(a) {
				return
			}
		}
	}
}

// hasFlag reports whether a message has a flag.
func (j *messageJSON) hasFlag(f imap.Flag) bool { return slices.ContainsFunc(j.Flags, f.Equal) }

// marks returns a message's state in six letters; marksHelp explains them.
func (j *messageJSON) marks() string {
	b := []byte("......")
	for i, m := range []struct {
		on   bool
		mark byte
	}{
		{!j.hasFlag(imap.Seen), 'N'},
		{j.hasFlag(imap.Flagged), '!'},
		{j.hasFlag(imap.Answered), 'R'},
		{j.hasFlag(imap.Forwarded), 'F'},
		{j.hasFlag(imap.Draft), 'd'},
		{len(j.Attachments) > 0, '@'},
	} {
		if m.on {
			b[i] = m.mark
		}
	}
	if j.hasFlag(imap.Deleted) {
		b[4] = 'D'
	}
	return strings.ReplaceAll(string(b), ".", " ")
}

const marksHelp = `Flags: N not seen yet, ! flagged, R replied to, F forwarded, d draft, D deleted,
@ with attachments. A date in parentheses is that of arrival: the message has none.`

// sender returns whom a message is from, by name if there is one.
func (j *messageJSON) sender() string {
	if len(j.From) == 0 {
		return ""
	}
	if j.From[0].Name != "" {
		return j.From[0].Name
	}
	return j.From[0].Address
}

// when writes the date of a message as lists show it: its own, or in parentheses that of its arrival
// when it has none.
func (j *messageJSON) when() string {
	const layout = "2006-01-02 15:04"
	switch {
	case !j.Date.IsZero():
		return j.Date.Local().Format(layout)
	case j.BrokenDate != "":
		return "broken date"
	case !j.Received.IsZero():
		return j.Received.Local().Format("(" + layout + ")")
	}
	return ""
}

// printMessages prints messages as a list. inMailbox shows the mailbox of each.
func (s *session) printMessages(list []messageJSON, showMailbox, heading bool) error {
	if s.out.JSON {
		for _, j := range list {
			if err := s.out.PrintJSON(j); err != nil {
				return err
			}
		}
		return nil
	}
	columns := []output.Column{{Title: "MAILBOX", Max: 24}, {Title: "UID", Right: true}, {Title: "DATE"}, {Title: "FLAGS"},
		{Title: "SIZE", Right: true}, {Title: "FROM", Max: 24}, {Title: "SUBJECT", Stretch: true}}
	rows := make([][]string, 0, len(list))
	for _, j := range list {
		row := []string{j.Mailbox, strconv.FormatUint(uint64(j.UID), 10), j.when(), j.marks(), output.Size(j.Size), j.sender(), j.Subject}
		if !showMailbox {
			row = row[1:]
		}
		rows = append(rows, row)
	}
	if !showMailbox {
		columns = columns[1:]
	}
	return s.out.Table(columns, heading, rows)
}
