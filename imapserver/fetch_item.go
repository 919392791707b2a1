package imapserver

import (
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/message"
	"restante/summary"
)

// fetchItem serves a data item of FETCH: a row of the table.
type fetchItem struct {
	needs fetchNeeds
	// value appends the value for f.msg to the output; its name stands there already. An error says
	// that the message cannot be read: what value has written is taken back then.
	value func(f *fetcher, item *imap.FetchItem) error
	// unreadable stands for the value of a message that cannot be read, when a part of the response
	// has been sent already.
	unreadable string
	// asked is called when a command has the item; nil: nothing is.
	asked func(*conn)
}

// fetchNeeds is what serving an item takes, or does. None: the message's row is enough.
type fetchNeeds uint8

const (
	// needsSummary: the value comes from the summary, or is found with it. For an item with a section
	// it does not matter when the section is the whole message.
	needsSummary fetchNeeds = 1 << iota
	// setsSeen: the message becomes \Seen, unless the item has .PEEK.
	setsSeen
	// tellsFlags: the value are the flags, so that new ones need not be told besides.
	tellsFlags
)

// needsOf returns what an item of a command needs.
func (row *fetchItem) needsOf(item *imap.FetchItem) fetchNeeds {
	needs := row.needs
	if item.Peek {
		needs &^= setsSeen
	}
	if s := item.Section; s != nil && len(s.Part) == 0 && s.Text == "" {
		needs &^= needsSummary
	}
	return needs
}

// fetchItemName returns an item's name without its arguments, "PREVIEW" of "PREVIEW (LAZY)".
func fetchItemName(item *imap.FetchItem) string {
	name, _, _ := strings.Cut(item.Name, " ")
	return name
}

// fetchItemKey returns the name of an item's row: items with a section are others than those without.
func fetchItemKey(item *imap.FetchItem) string {
	if item.Section != nil {
		return item.Name + "[]"
	}
	return fetchItemName(item)
}

// baseFetchItems are the items of RFC 9051 §6.4.5 and, in the end, those of RFC 3501 §6.4.5.
var baseFetchItems = map[string]fetchItem{
	"UID": {value: func(f *fetcher, _ *imap.FetchItem) error {
		f.c.out = imapwire.AppendNumber(f.c.out, f.msg.row.UID)
		return nil
	}},
	"FLAGS": {needs: tellsFlags, value: func(f *fetcher, _ *imap.FetchItem) error {
		f.c.out = f.c.appendFlags(f.c.out, &f.msg.row)
		return nil
	}},
	"INTERNALDATE": {value: func(f *fetcher, _ *imap.FetchItem) error {
		f.c.out = imapwire.AppendDateTime(f.c.out, f.msg.row.Date.Time())
		return nil
	}},
	"RFC822.SIZE": {value: func(f *fetcher, _ *imap.FetchItem) error {
		f.c.out = imapwire.AppendNumber(f.c.out, f.msg.row.Size)
		return nil
	}},
	"ENVELOPE": {
		needs: needsSummary, value: summaryValue(summary.Summary.Envelope, summary.AppendEnvelope),
		unreadable: "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
	},
	"BODY":          {needs: needsSummary, value: summaryValue(summary.Summary.Body, summary.AppendBody), unreadable: noStructure},
	"BODYSTRUCTURE": {needs: needsSummary, value: summaryValue(summary.Summary.BodyStructure, summary.AppendBodyStructure), unreadable: noStructure},
	"BODY[]": {needs: needsSummary | setsSeen, unreadable: "NIL", value: func(f *fetcher, item *imap.FetchItem) error {
		return f.section(item.Section, item.Partial)
	}},

	"RFC822":        {needs: setsSeen, value: sectionValue(""), unreadable: "NIL"},
	"RFC822.HEADER": {needs: needsSummary, value: sectionValue("HEADER"), unreadable: "NIL"},
	"RFC822.TEXT":   {needs: needsSummary | setsSeen, value: sectionValue("TEXT"), unreadable: "NIL"},
}

// noStructure is the structure of a message of which nothing is known: it cannot be NIL.
const noStructure = `("APPLICATION" "OCTET-STREAM" NIL NIL NIL "7BIT" 0)`

// summaryValue is a value that the summary holds as it is sent, or when it is too long for that the
// message makes.
func summaryValue(get func(summary.Summary) []byte, render func([]byte, *message.Structure) []byte) func(*fetcher, *imap.FetchItem) error {
	return func(f *fetcher, _ *imap.FetchItem) error {
		sum, err := f.msg.summary()
		if err != nil {
			return err
		}
		if value := get(sum); len(value) > 0 {
			f.c.out = append(f.c.out, value...)
			return nil
		}
		st, err := f.msg.scan()
		if err != nil {
			return err
		}
		f.c.out = render(f.c.out, st)
		return nil
	}
}

// sectionValue is a section that has a name of its own.
func sectionValue(text string) func(*fetcher, *imap.FetchItem) error {
	s := &imap.Section{Text: text}
	return func(f *fetcher, _ *imap.FetchItem) error { return f.section(s, nil) }
}
