package imapserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"restante/imap"
	"restante/imapwire"
	"restante/internal/spool"
	"restante/message"
	"restante/store"
)

// catenateExtension lets the server put messages together, of octets that the client sends and of
// others that it has already.
var catenateExtension = extension{
	name: "CATENATE", rfc: "RFC 4469",
	capabilities: afterLogin(string(imap.CapCatenate)),
}

// maxCatenateURL is how many octets a URL may have.
const maxCatenateURL = 8 << 10

// catenate puts a message together and brings it into the store (RFC 4469 §3). It returns the message
// behind it, nil at the end of the command.
func (in *appendInput) catenate(m *imapwire.Append) (staged store.Staged, summary []byte, next *imapwire.Append, err error) {
	s := spool.Spool{Dir: in.c.s.TempDir, Limit: binaryInMemory}
	defer s.Close()
	binary := false
	for part := m; part != nil; part = in.next {
		for _, url := range part.Catenate.URLs {
			if err := in.appendURL(&s, url); err != nil {
				return nil, nil, nil, err
			}
		}
		next = part.Next
		if part.Catenate.Announced == imapwire.CatNone {
			break
		}
		if err := in.appendLiteral(&s, part); err != nil {
			return nil, nil, nil, err
		}
		binary = binary || part.Binary
	}
	if s.Size() == 0 {
		return nil, nil, nil, errEmptyMessage
	}
	octets := s.Reader()
	if binary {
		encoded, err := in.c.encodeBinary(&s)
		if err != nil {
			return nil, nil, nil, err
		}
		octets = encoded.Reader()
	}
	staged, summary, err = in.c.stageOctets(octets)
	return staged, summary, next, err
}

// checkPart refuses a part that makes the message, or all messages, too long.
func (in *appendInput) checkPart(s *spool.Spool, size int64) error {
	if size > store.MaxMessageSize {
		return in.c.checkAppendLimit(size) // without a sum that is too great
	}
	if err := in.c.checkAppendLimit(s.Size() + size); err != nil {
		return err
	}
	return in.checkTotal(s.Size() + size)
}

// appendLiteral adds the literal that a part announces: octets, or a URL.
func (in *appendInput) appendLiteral(s *spool.Spool, part *imapwire.Append) error {
	if in.literal == nil {
		return bad("A part of the message is missing")
	}
	var url bytes.Buffer
	to := io.Writer(s)
	if part.Catenate.Announced == imapwire.CatURL {
		if part.Size > maxCatenateURL {
			return no(imap.CodeTooBig, "A URL can have %d octets", maxCatenateURL)
		}
		to = &url
	} else if err := in.checkPart(s, part.Size); err != nil {
		return err
	}
	body, err := in.open(part)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, body)
	if notWhole := body.finish(); notWhole != nil {
		return notWhole
	}
	if err != nil {
		return in.c.notReceived(err)
	}
	if to == &url {
		return in.appendURL(s, url.String())
	}
	return nil
}

// appendURL adds what a URL names, as FETCH BODY would return it, without setting \Seen.
func (in *appendInput) appendURL(s *spool.Spool, text string) error {
	if err := in.c.next(fetchItemSteps); err != nil {
		return err
	}
	octets, err := in.source.open(in.c, text)
	if err != nil {
		return err
	}
	if err := in.checkPart(s, octets.Size()); err != nil {
		return err
	}
	if _, err := io.Copy(s, octets); err != nil {
		if in.c.writeErr != nil {
			return err
		}
		return in.c.notReceived(fmt.Errorf("a part of a message: %w", err))
	}
	return nil
}

// urlSource opens messages that URLs name. The mailbox of the last URL stays open for the next.
type urlSource struct {
	box     store.Mailbox // nil: none yet
	message openMessage
}

func (u *urlSource) close() {
	u.message.close()
	if u.box != nil {
		u.box.Close()
		u.box = nil
	}
}

// badURL answers a URL that names no part of a message that the user may read (RFC 4469 §4.1).
func badURL(url, why string) error {
	return &failure{"NO", reply{code: imap.CodeBadURL, args: imapwire.BadURLArgs(url), text: why}}
}

// open returns the octets that a URL names, which are valid until the next call. Only URLs that are
// relative to this server name something (RFC 4469 §3).
func (u *urlSource) open(c *conn, text string) (*io.SectionReader, error) {
	if len(text) > maxCatenateURL {
		return nil, no(imap.CodeTooBig, "A URL can have %d octets", maxCatenateURL)
	}
	url, err := imap.ParseURL(text)
	switch {
	case err != nil:
		return nil, badURL(text, printable(err.Error()))
	case url.Host != "" || url.URLAuth != nil:
		return nil, badURL(text, "Only a URL that begins with / can be used here")
	case url.UID == 0:
		return nil, badURL(text, "The URL names no message")
	}
	section, err := imapwire.ParseSection(url.Section)
	if err != nil {
		return nil, badURL(text, "The URL has a section that was not understood")
	}
	if err := u.openMailbox(c, url.Mailbox); err != nil {
		if noSuchMailbox(err) {
			return nil, badURL(text, "There is no such mailbox")
		}
		return nil, err
	}
	view := u.box.Version()
	_, row, ok := view.Find(url.UID)
	if !ok || url.UIDValidity != 0 && url.UIDValidity != view.UIDValidity {
		return nil, badURL(text, "There is no such message")
	}
	u.message.close()
	u.message = openMessage{c: c, box: u.box, row: row}
	octets, ok, err := u.message.octets(section, url.Partial)
	switch {
	case errors.Is(err, store.ErrGone):
		return nil, badURL(text, "There is no such message")
	case err != nil:
		return nil, err
	case !ok:
		return nil, badURL(text, "The message has no such part")
	}
	return octets, nil
}

// openMailbox opens the mailbox of that name, unless it is open.
func (u *urlSource) openMailbox(c *conn, name string) error {
	entry, err := c.find(imap.CanonicalName(name))
	if err != nil {
		return err
	}
	ref := c.ref(entry.ID)
	if u.box != nil && u.box.Ref() == ref {
		return nil
	}
	u.close()
	box, err := c.s.Mail.Open(c.ctx, c.actor, ref)
	if err != nil {
		return err
	}
	u.box = box
	_, err = box.Refresh(c.ctx)
	return err
}

// octets returns the octets of a section, as FETCH BODY does, or false when there is no such part.
func (m *openMessage) octets(s *imap.Section, partial *imap.Partial) (*io.SectionReader, bool, error) {
	if isHeaderFields(s) {
		header, ok, err := m.filteredHeader(s)
		if err != nil || !ok {
			return nil, false, err
		}
		r := partialRange(message.Range{Len: int64(len(header))}, partial)
		return io.NewSectionReader(bytes.NewReader(header), r.Off, r.Len), true, nil
	}
	r, ok, err := m.sectionRange(s)
	if err != nil || !ok {
		return nil, false, err
	}
	body, err := m.open()
	if err != nil {
		return nil, false, err
	}
	r = partialRange(r, partial)
	return io.NewSectionReader(body, r.Off, r.Len), true, nil
}
