package imap

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Message is one message as far as it was fetched (RFC 9051 §7.5.2). Items, or Has, tells what
// arrived.
type Message struct {
	Seq   SeqNum
	UID   UID
	Items MessageItems

	Flags        []Flag
	InternalDate time.Time // zero when it cannot be parsed; a Defect keeps the text
	Size         int64     // RFC822.SIZE, octets
	ModSeq       ModSeq    // 0 when the server does not know it
	Envelope     *Envelope
	Structure    *Part

	EmailID  string    // OBJECTID (RFC 8474 §5), else X-GM-MSGID
	ThreadID string    // OBJECTID, else X-GM-THRID
	Labels   []string  // X-GM-LABELS
	Preview  string    // RFC 8970 §3
	SaveDate time.Time // RFC 8514 §4.2

	Bodies      []*BodySection // in the order in which they arrived; see Message.Body
	BinarySizes []BinarySize   // BINARY.SIZE

	Values  Values    // items of extensions that have no field
	Extra   []RawItem // items that this module does not know, or that cannot be parsed
	Defects []Defect  // what had to be tolerated; empty for a conforming server
}

// MessageItems is a set of FETCH data items that have a field of their own in Message.
type MessageItems uint16

const (
	ItemUID MessageItems = 1 << iota
	ItemFlags
	ItemDate
	ItemSize
	ItemModSeq
	ItemEnvelope
	ItemBody      // Structure without extension data
	ItemStructure // Structure with extension data
	ItemEmailID
	ItemThreadID
	ItemLabels
	ItemPreview
	ItemSaveDate
)

// BinarySize is the size in octets of a section once its transfer encoding is removed
// (RFC 9051 §7.5.2).
type BinarySize struct {
	Section string
	Size    int64
}

// Values are data items of extensions, by name in upper case, each of the type that its extension
// documents.
type Values map[string]any

// Set sets the value of an item.
func (v *Values) Set(name string, value any) {
	if *v == nil {
		*v = make(Values)
	}
	(*v)[name] = value
}

// RawItem is a FETCH item as text, value unparsed.
type RawItem struct{ Name, Value string }

// Defect is something that a server got wrong and that was repaired or skipped.
type Defect struct {
	Quirk string // what is wrong: "unescaped quote"
	Where string // the item or response: "ENVELOPE"
	Raw   string // the text that was wrong, possibly shortened
}

// itemsByName has the items with a field of their own.
var itemsByName = map[string]MessageItems{
	"UID": ItemUID, "FLAGS": ItemFlags, "INTERNALDATE": ItemDate, "RFC822.SIZE": ItemSize,
	"MODSEQ": ItemModSeq, "ENVELOPE": ItemEnvelope, "BODYSTRUCTURE": ItemStructure,
	"EMAILID": ItemEmailID, "X-GM-MSGID": ItemEmailID, "THREADID": ItemThreadID,
	"X-GM-THRID": ItemThreadID, "X-GM-LABELS": ItemLabels, "PREVIEW": ItemPreview,
	"SAVEDATE": ItemSaveDate,
}

// Has reports whether the server sent the item.
func (m *Message) Has(item FetchItem) bool {
	name := strings.ToUpper(item.Name)
	switch name {
	case "BODY", "BINARY":
		if item.Section != nil {
			section := item.Section.String()
			for _, b := range m.Bodies {
				if b.is(section, name == "BINARY") && (item.Partial == nil || b.Origin == item.Partial.Offset) {
					return true
				}
			}
			return false
		}
		return m.Items&(ItemBody|ItemStructure) != 0
	case "BINARY.SIZE":
		for _, s := range m.BinarySizes {
			if item.Section != nil && s.Section == item.Section.PartNumber() {
				return true
			}
		}
		return false
	case "RFC822":
		return m.find("", false) != nil
	case "RFC822.HEADER":
		return m.find("HEADER", false) != nil
	case "RFC822.TEXT":
		return m.find("TEXT", false) != nil
	}
	name, _, _ = strings.Cut(name, " ") // arguments of an extension
	if bit, ok := itemsByName[name]; ok {
		return m.Items&bit != 0
	}
	if _, ok := m.Values[name]; ok {
		return true
	}
	for _, x := range m.Extra {
		if strings.EqualFold(x.Name, name) {
			return true
		}
	}
	return false
}

// Body returns the first body section that arrived, or the named one: "", "1.2", "HEADER",
// "1.HEADER.FIELDS (SUBJECT)", without regard to case. It never returns nil: a section that did
// not arrive reads as ErrMissing. A body can be read until the next step of the iteration that
// yielded the message, unless Keep was called; later it is ErrStale, if it was not so small that it
// was copied.
func (m *Message) Body(section ...string) *BodySection {
	if len(section) == 0 {
		if len(m.Bodies) > 0 {
			return m.Bodies[0]
		}
		return &BodySection{Origin: -1, err: ErrMissing}
	}
	b := m.find(section[0], false)
	if b == nil {
		b = m.find(section[0], true)
	}
	if b == nil {
		b = &BodySection{Section: section[0], Origin: -1, err: ErrMissing}
	}
	return b
}

func (m *Message) find(section string, binary bool) *BodySection {
	for _, b := range m.Bodies {
		if b.is(section, binary) {
			return b
		}
	}
	return nil
}

func (b *BodySection) is(section string, binary bool) bool {
	return b.Binary == binary && strings.EqualFold(b.Section, section)
}

// Merge adds what other brought to m: servers may send the data of one message in several FETCH
// responses. Where both have an item, other's counts.
func (m *Message) Merge(other *Message) {
	if other.Seq != 0 {
		m.Seq = other.Seq
	}
	got := other.Items
	if got&ItemUID != 0 {
		m.UID = other.UID
	}
	if got&ItemFlags != 0 {
		m.Flags = other.Flags
	}
	if got&ItemDate != 0 {
		m.InternalDate = other.InternalDate
	}
	if got&ItemSize != 0 {
		m.Size = other.Size
	}
	if got&ItemModSeq != 0 {
		m.ModSeq = other.ModSeq
	}
	if got&ItemEnvelope != 0 {
		m.Envelope = other.Envelope
	}
	if got&ItemStructure != 0 || got&ItemBody != 0 && m.Items&ItemStructure == 0 {
		m.Structure = other.Structure
	}
	if got&ItemEmailID != 0 {
		m.EmailID = other.EmailID
	}
	if got&ItemThreadID != 0 {
		m.ThreadID = other.ThreadID
	}
	if got&ItemLabels != 0 {
		m.Labels = other.Labels
	}
	if got&ItemPreview != 0 {
		m.Preview = other.Preview
	}
	if got&ItemSaveDate != 0 {
		m.SaveDate = other.SaveDate
	}
	m.Items |= got
	for name, value := range other.Values {
		m.Values.Set(name, value)
	}
next:
	for _, b := range other.Bodies {
		for i, a := range m.Bodies {
			if a.is(b.Section, b.Binary) && a.Origin == b.Origin {
				m.Bodies[i] = b
				continue next
			}
		}
		m.Bodies = append(m.Bodies, b)
	}
	m.BinarySizes = append(m.BinarySizes, other.BinarySizes...)
	m.Extra = append(m.Extra, other.Extra...)
	m.Defects = append(m.Defects, other.Defects...)
}

// Keep copies the bodies, so that the message outlives the iteration that yielded it. A body that
// is still on its way is read to its end, into memory.
func (m *Message) Keep() error {
	for _, b := range m.Bodies {
		if _, err := b.Bytes(); err != nil {
			return err
		}
	}
	return nil
}

// Expire takes back the octets of bodies that lie in a read buffer, which is about to be used again.
// It reports false when one of them is being read at this moment; that one keeps its octets.
func (m *Message) Expire() bool {
	all := true
	for _, b := range m.Bodies {
		all = b.expire() && all
	}
	return all
}

// BodySection is a body section in flight, a literal or a string. Small ones are in memory, large
// ones are read from the connection. One that is not read is skipped.
type BodySection struct {
	Section string // as in BODY[...]: "1.2", "HEADER", "" for the whole message
	Binary  bool   // BINARY[...]: the server has removed the transfer encoding
	Origin  int64  // first octet of a partial fetch; -1: the section was not cut
	Nil     bool   // NIL instead of a string: there is no such section, or the message is gone

	mu   sync.Mutex // held while the body is read: what lies in a read buffer may be taken back
	size int64
	data []byte    // what is not read yet, when r is nil
	own  bool      // data is ours, not the read buffer's
	r    io.Reader // gives left octets
	left int64
	err  error
}

// NewBody returns a body in memory. It keeps data, which may be a piece of a read buffer.
func NewBody(section string, data []byte) *BodySection {
	return &BodySection{Section: section, Origin: -1, size: int64(len(data)), data: data}
}

// Stream makes b read its size octets from r. It is for whoever parses a response up to a literal
// and then learns where the literal's octets come from. When r is an io.WriterTo its WriteTo must
// write just those octets.
func (b *BodySection) Stream(size int64, r io.Reader) {
	b.size, b.left, b.r, b.data, b.own, b.Nil = size, size, r, nil, false, false
}

// SetBytes makes b a body in memory with the given octets, as NewBody would have.
func (b *BodySection) SetBytes(data []byte) {
	b.size, b.left, b.r, b.data, b.own, b.Nil = int64(len(data)), 0, nil, data, false, false
}

// Len returns the size in octets as announced, however much has been read.
func (b *BodySection) Len() int64 { return b.size }

// expire is Message.Expire for one body.
func (b *BodySection) expire() bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	if b.r == nil && !b.own && len(b.data) > 0 {
		b.data, b.err = nil, ErrStale
	}
	return true
}

// Read reads the next octets. A connection that ends early is io.ErrUnexpectedEOF, a section that
// did not arrive ErrMissing, one whose time is over ErrStale.
func (b *BodySection) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return 0, b.err
	case b.r == nil:
		if len(b.data) == 0 {
			return 0, io.EOF
		}
		n := copy(p, b.data)
		b.data = b.data[n:]
		return n, nil
	case b.left <= 0:
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err == io.EOF {
		err = nil
		if b.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	b.err = err
	return n, err
}

// WriteTo writes what is not read yet, without copying it where it lies in memory.
func (b *BodySection) WriteTo(w io.Writer) (n int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.writeTo(w)
}

func (b *BodySection) writeTo(w io.Writer) (n int64, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.r == nil {
		var k int
		if len(b.data) > 0 {
			k, err = w.Write(b.data)
			b.data = b.data[k:]
		}
		return int64(k), err
	}
	want := b.left
	if wt, ok := b.r.(io.WriterTo); ok {
		n, err = wt.WriteTo(w)
	} else {
		n, err = io.Copy(w, io.LimitReader(b.r, want))
	}
	b.left -= n
	if err == nil && n < want {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, err
}

// Bytes returns what is not read yet; it stays unread. What is still on its way is read into
// memory, what lies in a read buffer is copied: the octets stay what they are.
func (b *BodySection) Bytes() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, b.err
	}
	if b.r != nil {
		var buf bytes.Buffer
		if b.left < 1<<20 { // do not believe more before it is there
			buf.Grow(int(b.left))
		}
		if _, err := b.writeTo(&buf); err != nil {
			return nil, err
		}
		b.r, b.data, b.own = nil, buf.Bytes(), true
	}
	if !b.own {
		b.data, b.own = bytes.Clone(b.data), true
	}
	return b.data, nil
}

// String returns what Bytes returns, as far as it can be read.
func (b *BodySection) String() string {
	data, _ := b.Bytes()
	return string(data)
}

// String returns the section as it stands between the brackets of BODY[...].
func (s *Section) String() string {
	t := s.PartNumber()
	if s.Text == "" {
		return t
	}
	if t != "" {
		t += "."
	}
	t += s.Text
	if strings.HasPrefix(s.Text, "HEADER.FIELDS") {
		t += " (" + strings.Join(s.Fields, " ") + ")"
	}
	return t
}

// String returns the set as names, "UID FLAGS".
func (i MessageItems) String() string {
	names := [...]string{"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "ENVELOPE", "BODY",
		"BODYSTRUCTURE", "EMAILID", "THREADID", "X-GM-LABELS", "PREVIEW", "SAVEDATE"}
	var out []string
	for bit := range 16 {
		if i&(1<<bit) == 0 {
			continue
		}
		if bit < len(names) {
			out = append(out, names[bit])
		} else {
			out = append(out, strconv.Itoa(bit))
		}
	}
	return strings.Join(out, " ")
}
