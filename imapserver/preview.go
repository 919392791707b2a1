package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/summary"
)

// previewExtension is the item PREVIEW of FETCH. With LAZY the message is not read for it.
var previewExtension = extension{
	name: "PREVIEW", rfc: "RFC 8970",
	capabilities: afterLogin("PREVIEW"),
	fetchItems: map[string]fetchItem{
		"PREVIEW": {needs: needsSummary, value: fetchPreview, unreadable: `""`},
	},
}

// lazyPreview is the name of the item with its modifier (RFC 8970 §4.1).
const lazyPreview = "PREVIEW (LAZY)"

func fetchPreview(f *fetcher, item *imap.FetchItem) error {
	if item.Name == lazyPreview {
		text, ok := f.msg.sum.Preview() // a summary that is missing is not made either
		f.c.out = imapwire.AppendNString(f.c.out, text, ok)
		return nil
	}
	text, err := f.msg.preview()
	if err != nil {
		return err
	}
	f.c.out = imapwire.AppendString(f.c.out, text)
	return nil
}

// preview returns the beginning of the message's text.
func (m *openMessage) preview() (string, error) {
	sum, err := m.summary()
	if err != nil {
		return "", err
	}
	if text, ok := sum.Preview(); ok {
		return text, nil
	}
	st, err := m.structure()
	if err != nil {
		return "", err
	}
	body, err := m.open()
	if err != nil {
		return "", err
	}
	return summary.Preview(body, st)
}
