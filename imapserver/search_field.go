package imapserver

import (
	"restante/imap"
	"restante/message"
)

// fieldSearch are the keys of a search that look into header fields. The fields of a name are read
// once for all keys that look into them, when the first is tried on a message; with many names the
// header is read once for all.
type fieldSearch struct {
	list   []*fieldTexts
	byName map[string][]*fieldTexts // by name, in upper case
}

// fieldTexts are the texts that are looked for in fields of one name.
type fieldTexts struct {
	name      string
	names     []string // the one
	addresses bool
	texts     message.Needles
	read      imap.UID // the message whose fields were read last
}

// fewNames is how many names are looked for one by one, in the summary if it has them.
const fewNames = 8

// criterion is met when a field of that name holds the text.
func (s *fieldSearch) criterion(name, text string, addresses bool) criterion {
	f := s.of(name, addresses)
	number := f.texts.Add(text, true)
	return criterion{cost: fromSummary, match: func(m *openMessage) (bool, error) {
		if f.read != m.row.UID {
			if err := s.search(m, f); err != nil {
				return false, unreadable(err)
			}
		}
		return f.texts.Found(number), nil
	}}
}

// of returns the texts for fields of a name.
func (s *fieldSearch) of(name string, addresses bool) *fieldTexts {
	key := upperASCII(name)
	for _, f := range s.byName[key] {
		if f.addresses == addresses {
			return f
		}
	}
	f := &fieldTexts{name: name, names: []string{name}, addresses: addresses}
	if s.byName == nil {
		s.byName = map[string][]*fieldTexts{}
	}
	s.list, s.byName[key] = append(s.list, f), append(s.byName[key], f)
	return f
}

// search looks into the fields of one name, or of all.
func (s *fieldSearch) search(m *openMessage, f *fieldTexts) error {
	if len(s.list) > fewNames {
		return s.searchAll(m)
	}
	block, err := m.headerFields(f.names)
	if err == nil {
		err = m.c.step(len(block) + f.texts.Len())
	}
	if err != nil {
		return err
	}
	f.search(m, string(block))
	return nil
}

func (s *fieldSearch) searchAll(m *openMessage) error {
	sum, err := m.summary()
	if err != nil {
		return err
	}
	header, err := m.readHeader(message.Range{Len: sum.HeaderLen()})
	if err == nil {
		err = m.c.step(len(header) + len(s.list))
	}
	if err != nil {
		return err
	}
	blocks := map[string][]byte{}
	for field := range message.Fields(string(header)) {
		if key := upperASCII(field.Name); key != "" && s.byName[key] != nil {
			blocks[key] = append(blocks[key], field.Raw...)
		}
	}
	for key, all := range s.byName {
		for _, f := range all {
			f.search(m, string(blocks[key]))
		}
	}
	return nil
}

// search looks into the fields of a header block.
func (f *fieldTexts) search(m *openMessage, block string) {
	f.texts.Reset()
	searchFields(&f.texts, block, f.name, f.addresses)
	f.read = m.row.UID
}

// upperASCII returns the same for names of fields that are the same (RFC 9051 §6.4.5.1).
func upperASCII(name string) string {
	b := []byte(name)
	for i, c := range b {
		b[i] = upper(c)
	}
	return string(b)
}
