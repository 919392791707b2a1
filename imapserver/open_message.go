package imapserver

import (
	"io"

	"restante/imap"
	"restante/mailbox"
	"restante/message"
	"restante/store"
	"restante/summary"
)

// openMessage is one message while FETCH or SEARCH looks at it. What it needs is opened when it is
// needed.
type openMessage struct {
	c       *conn
	box     store.Mailbox // the message is in
	seq     imap.SeqNum
	row     mailbox.Row
	details store.Details // without the summary
	sum     summary.Summary
	body    store.Body
	read    countedBody        // body, for those who read it
	st      *message.Structure // where its parts are
	full    *message.Structure // all of that, when the message has been scanned
}

// reset makes it another message. Its details are empty when they have not been read.
func (m *openMessage) reset(seq imap.SeqNum, row *mailbox.Row, details store.Details) {
	m.close()
	m.seq, m.row, m.sum, m.st, m.full = seq, *row, summary.Summary(details.Summary), nil, nil
	m.details = details
	m.details.Summary = nil
}

func (m *openMessage) close() {
	if m.body != nil {
		m.body.Close()
		m.body, m.read = nil, countedBody{}
	}
}

// countedBody counts what is read of a message as work. What goes to the client with WriteRange is
// none: the client is waited for.
type countedBody struct {
	store.Body
	c *conn
}

func (b *countedBody) ReadAt(p []byte, off int64) (int, error) {
	if err := b.c.step(len(p)); err != nil {
		return 0, err
	}
	return b.Body.ReadAt(p, off)
}

// open returns the message's octets.
func (m *openMessage) open() (store.Body, error) {
	if m.body == nil {
		body, err := m.box.Body(m.c.ctx, &m.row)
		if err != nil {
			return nil, err
		}
		m.body, m.read = body, countedBody{body, m.c}
	}
	return &m.read, nil
}

// summary returns the message's summary. One that is missing, or that another version wrote, is
// made again from the message.
func (m *openMessage) summary() (summary.Summary, error) {
	if m.sum.Valid() {
		return m.sum, nil
	}
	st, err := m.scan()
	if err != nil {
		return nil, err
	}
	m.sum = summary.Build(st)
	return m.sum, nil
}

// scan reads the message from its start to its end and returns what is to be known of it.
func (m *openMessage) scan() (*message.Structure, error) {
	if m.full == nil {
		body, err := m.open()
		if err != nil {
			return nil, err
		}
		if m.full, err = message.Parse(io.NewSectionReader(body, 0, body.Size())); err != nil {
			return nil, err
		}
	}
	return m.full, nil
}

// structure returns where the message's parts are.
func (m *openMessage) structure() (*message.Structure, error) {
	if m.st == nil {
		sum, err := m.summary()
		if err != nil {
			return nil, err
		}
		if m.full == nil {
			m.st = sum.Structure()
		}
		if m.st == nil {
			if m.st, err = m.scan(); err != nil {
				return nil, err
			}
		}
	}
	return m.st, nil
}

// maxHeader is how many octets of a header are searched for fields.
const maxHeader = 16 << 20

// headerFields returns the header fields of the given names, as they are in the message, and perhaps
// others.
func (m *openMessage) headerFields(names []string) ([]byte, error) {
	sum, err := m.summary()
	if err != nil {
		return nil, err
	}
	if block, ok := sum.HeaderFields(nil, names, false); ok {
		return block, nil
	}
	return m.readHeader(message.Range{Len: sum.HeaderLen()})
}

// readHeader returns the octets of a header, or the first of one that is too long.
func (m *openMessage) readHeader(r message.Range) ([]byte, error) {
	body, err := m.open()
	if err != nil {
		return nil, err
	}
	header := make([]byte, min(r.Len, maxHeader))
	if _, err := body.ReadAt(header, r.Off); err != nil && err != io.EOF {
		return nil, err
	}
	return header, nil
}
