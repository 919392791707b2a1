package imapserver

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/message"
	"restante/store"
)

// objectIDExtension tells the identifiers of mailboxes, messages and threads. Those of mailboxes and
// messages are the store's. A letter in front tells the kinds apart (RFC 8474 §8.1).
var objectIDExtension = extension{
	name: "OBJECTID", rfc: "RFC 8474",
	capabilities: afterLogin(string(imap.CapObjectID)),
	fetchItems: map[string]fetchItem{
		"EMAILID":  {needs: needsSummary, value: objectIDValue((*openMessage).emailID), unreadable: "NIL"},
		"THREADID": {needs: needsSummary, value: objectIDValue((*openMessage).threadID), unreadable: "NIL"},
	},
	searchKeys: map[imap.SearchOp]searchKey{
		imap.SearchEmailID:  objectIDKey((*openMessage).emailID),
		imap.SearchThreadID: objectIDKey((*openMessage).threadID),
	},
	statusItems: map[imap.StatusItems]statusItem{
		imap.StatusMailboxID: func(_ *conn, box mailbox.Entry, _ *mailbox.Counts, s *imap.Status) error {
			s.MailboxID = mailboxID(box.ID)
			return nil
		},
	},
}

func mailboxID(id mailbox.ID) string { return fmt.Sprintf("F%016x", uint64(id)) }

// mailboxIDCode is the response code of CREATE and SELECT (RFC 8474 §4.1, §4.2).
func mailboxIDCode(id mailbox.ID) reply {
	return reply{code: imap.CodeMailboxID, args: string(imapwire.AppendObjectID(nil, mailboxID(id)))}
}

// objectIDValue is an item whose value is an identifier.
func objectIDValue(id func(*openMessage) (string, error)) func(*fetcher, *imap.FetchItem) error {
	return func(f *fetcher, _ *imap.FetchItem) error {
		id, err := id(f.msg)
		if err == nil {
			f.c.out = imapwire.AppendObjectID(f.c.out, id)
		}
		return err
	}
}

// objectIDKey asks for messages that have exactly that identifier (RFC 8474 §6).
func objectIDKey(id func(*openMessage) (string, error)) searchKey {
	return func(_ *searchCompiler, k *imap.SearchKey) (criterion, error) {
		want := k.Text
		return criterion{cost: fromSummary, match: func(m *openMessage) (bool, error) {
			id, err := id(m)
			return err == nil && id == want, unreadable(err)
		}}, nil
	}
}

// emailID returns the identifier of the message and its copies (RFC 8474 §5.1).
func (m *openMessage) emailID() (string, error) {
	if m.details.EmailID == 0 {
		return "", store.ErrGone
	}
	return fmt.Sprintf("M%016x", uint64(m.details.EmailID)), nil
}

// threadFields say which conversation a message belongs to.
var threadFields = []string{"References", "In-Reply-To", "Message-ID"}

// threadID returns the identifier of the conversation that the message belongs to (RFC 8474 §5.2), or
// "" when there is none to be known. Where the store does not know one it is made of the Message-ID of
// the conversation's first message: the first of References (RFC 5322 §3.6.4), of In-Reply-To, or the
// message's own. So it takes nothing that must be kept, is the same in every mailbox, in whatever order
// messages arrive, and for ever. A reply to a reply that names only its parent starts a conversation of
// its own.
func (m *openMessage) threadID() (string, error) {
	if m.details.ThreadID != 0 {
		return fmt.Sprintf("T%016x", uint64(m.details.ThreadID)), nil
	}
	header, err := m.headerFields(threadFields)
	if err != nil {
		return "", err
	}
	block := string(header)
	for _, name := range threadFields {
		for value := range message.HeaderValues(block, name) {
			if id := firstMessageID(value); id != "" {
				hash := sha256.Sum256([]byte(id))
				return fmt.Sprintf("T%016x", binary.BigEndian.Uint64(hash[:])), nil
			}
		}
	}
	return "", nil
}

// firstMessageID returns what is between the first "<" and the ">" behind it, without white space.
func firstMessageID(value string) string {
	_, rest, _ := strings.Cut(value, "<")
	id, _, ok := strings.Cut(rest, ">")
	if !ok {
		return ""
	}
	return strings.Join(strings.Fields(id), "")
}
