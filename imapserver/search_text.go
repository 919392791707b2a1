package imapserver

import (
	"restante/imap"
	"restante/message"
)

// textSearch are the BODY and TEXT keys of a search. A message is read once for all of them, when the
// first is tried.
type textSearch struct {
	keys  int
	texts message.Needles
	read  imap.UID // the message that was read last
}

// maxTexts is how many keys of a SEARCH may look at the text: more than anybody asks for.
const maxTexts = 100

// criterion is met when a text is in the body, or with headers in a header.
func (s *textSearch) criterion(text string, headers bool) criterion {
	number := s.texts.Add(text, headers)
	return criterion{cost: fromBody, match: func(m *openMessage) (bool, error) {
		if s.read != m.row.UID {
			s.read = 0
			if err := s.search(m); err != nil {
				return false, unreadable(err)
			}
			s.read = m.row.UID
		}
		return s.texts.Found(number), nil
	}}
}

func (s *textSearch) search(m *openMessage) error {
	st, err := m.structure()
	if err != nil {
		return err
	}
	body, err := m.open()
	if err != nil {
		return err
	}
	s.texts.Reset()
	return s.texts.SearchMessage(body, st)
}
