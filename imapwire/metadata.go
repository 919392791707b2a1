package imapwire

import (
	"strconv"
	"strings"

	"restante/imap"
)

func init() {
	commands.add("GETMETADATA", command{parse: parseGetMetadata})
	commands.add("SETMETADATA", command{parse: parseSetMetadata})
	responses.add("METADATA", (*scanner).metadata)
	listReturns.add("METADATA", parseListMetadata)
	intern("MAXSIZE", "DEPTH")
}

// GetMetadata asks for entries of a mailbox, or of the server when Mailbox is "" (RFC 5464 §4.2).
type GetMetadata struct {
	Mailbox string
	Entries []string
	// MaxSize leaves out values of more octets (RFC 5464 §4.2.1); nil: none.
	MaxSize *int64
	// Depth says which entries below those are meant, too (RFC 5464 §4.2.2).
	Depth MetadataDepth
}

// MetadataDepth says how far below an entry others are meant.
type MetadataDepth int

// The depths of RFC 5464 §4.2.2.
const (
	DepthNone MetadataDepth = iota
	DepthOne
	DepthInfinity
)

// depths are their names, in order.
var depths = []string{"0", "1", "INFINITY"}

// Name returns "GETMETADATA".
func (*GetMetadata) Name() string { return "GETMETADATA" }

// AppendArgs appends the options, if there are any, the mailbox and the entries.
func (c *GetMetadata) AppendArgs(e *Encoder) {
	if c.MaxSize != nil || c.Depth != DepthNone {
		e.raw(" (")
		start := len(e.buf)
		if c.MaxSize != nil {
			e.raw("MAXSIZE ")
			e.Number(*c.MaxSize)
		}
		if c.Depth != DepthNone {
			e.separate(start)
			e.raw("DEPTH " + depths[c.Depth])
		}
		e.raw(")")
	}
	e.SP()
	e.Mailbox(c.Mailbox)
	e.SP()
	e.entries(c.Entries)
}

func (e *Encoder) entries(entries []string) {
	if len(entries) == 0 {
		e.fail("list of no entries", "")
	}
	e.list(len(entries), func(i int) { e.AString(entries[i]) })
}

// parseGetMetadata parses
//
//	getmetadata         = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
//	getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"
//	getmetadata-option  = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")
//	entries             = entry / "(" entry *(SP entry) ")"
//
// and the options behind the mailbox, too, where the examples have them (RFC 5464 §4.2.1).
func parseGetMetadata(l *lexer, _ bool) Command {
	c := new(GetMetadata)
	l.sp("getmetadata")
	options := l.peek() == '('
	if options {
		l.getMetadataOptions(c)
		l.sp("getmetadata")
	}
	c.Mailbox = l.mailbox("mailbox")
	l.sp("getmetadata")
	if l.peek() != '(' {
		c.Entries = []string{string(l.astring("entry"))}
		return c
	}
	if !options && l.optionsFollow() {
		l.getMetadataOptions(c)
		l.sp("getmetadata")
	}
	if l.peek() == '(' {
		c.Entries = l.entries()
	} else {
		c.Entries = []string{string(l.astring("entry"))}
	}
	return c
}

// optionsFollow reports whether a list is one of options: an entry begins with "/".
func (l *lexer) optionsFollow() bool {
	rest := l.buf[l.pos+1:]
	return len(rest) > 0 && (rest[0] == 'M' || rest[0] == 'm' || rest[0] == 'D' || rest[0] == 'd')
}

func (l *lexer) getMetadataOptions(c *GetMetadata) {
	l.list("getmetadata-options", false, func() {
		start := l.pos
		switch l.word("getmetadata-option") {
		case "MAXSIZE":
			l.sp("maxsize-opt")
			n := l.number64("maxsize-opt")
			c.MaxSize = &n
		case "DEPTH":
			l.sp("scope-opt")
			at := l.pos
			for depth, name := range depths {
				if l.keyword(name) {
					c.Depth = MetadataDepth(depth)
					return
				}
			}
			l.failAt(at, "scope-opt", `expected "0", "1" or "infinity"`)
		default:
			l.failAt(start, "getmetadata-option", "no such option")
		}
	})
}

func (l *lexer) entries() (entries []string) {
	l.list("entries", false, func() { entries = append(entries, string(l.astring("entry"))) })
	return entries
}

// SetMetadata changes entries of a mailbox, or of the server when Mailbox is "" (RFC 5464 §4.3).
type SetMetadata struct {
	Mailbox string
	Entries []imap.MetadataEntry
}

// Name returns "SETMETADATA".
func (*SetMetadata) Name() string { return "SETMETADATA" }

// AppendArgs appends the mailbox and the entries.
func (c *SetMetadata) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
	e.SP()
	if len(c.Entries) == 0 {
		e.fail("list of no entries", "")
	}
	e.list(len(c.Entries), func(i int) {
		x := &c.Entries[i]
		e.AString(x.Name)
		e.SP()
		switch {
		case x.Value == nil:
			e.raw("NIL")
		case strings.IndexByte(*x.Value, 0) >= 0:
			e.raw("~")
			e.announce(int64(len(*x.Value)))
			e.raw(*x.Value)
		default:
			e.String(*x.Value)
		}
	})
}

// parseSetMetadata parses
//
//	setmetadata  = "SETMETADATA" SP mailbox SP entry-values
//	entry-values = "(" entry-value *(SP entry-value) ")"
//	entry-value  = entry SP value
//	value        = nstring / literal8
func parseSetMetadata(l *lexer, _ bool) Command {
	c := new(SetMetadata)
	l.sp("setmetadata")
	c.Mailbox = l.mailbox("mailbox")
	l.sp("setmetadata")
	l.list("entry-values", false, func() {
		x := imap.MetadataEntry{Name: string(l.astring("entry"))}
		l.sp("entry-value")
		if l.peek() == '~' {
			value := string(l.literal8("value"))
			x.Value = &value
		} else if b, ok := l.nstring("value"); ok {
			value := string(b)
			x.Value = &value
		}
		c.Entries = append(c.Entries, x)
	})
	return c
}

// ListMetadata is the return option METADATA of LIST (RFC 9590 §3).
type ListMetadata struct{ Entries []string }

// Name returns "METADATA".
func (*ListMetadata) Name() string { return "METADATA" }

// AppendValue appends the entries.
func (o *ListMetadata) AppendValue(e *Encoder) {
	e.SP()
	e.entries(o.Entries)
}

// parseListMetadata parses
//
//	return-option =/ "METADATA" SP "(" entry *(SP entry) ")"
func parseListMetadata(l *lexer) Option {
	l.sp("return-option")
	return &ListMetadata{l.entries()}
}

// MetadataData is METADATA (RFC 5464 §4.4): entries with their values, or, when the server tells of a
// change, only the names.
type MetadataData struct {
	Mailbox string // "" for the server
	Entries []imap.MetadataEntry
	Changed []string
}

func (*MetadataData) response() {}

// metadata parses
//
//	metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list)
//	entry-list    = entry *(SP entry)
func (p *scanner) metadata(string) Response {
	d := &MetadataData{}
	p.space()
	raw, ok := p.astring()
	if !ok {
		return nil
	}
	d.Mailbox = p.mailbox(raw)
	if p.take('(') {
		for !p.take(')') {
			var x imap.MetadataEntry
			if x.Name, ok = p.astring(); !ok {
				return nil
			}
			value, null, ok := p.nstring()
			if !ok {
				return nil
			}
			if !null {
				x.Value = &value
			}
			d.Entries = append(d.Entries, x)
		}
		return d
	}
	for p.space(); !p.atEnd(); p.space() {
		name, ok := p.astring()
		if !ok {
			return nil
		}
		d.Changed = append(d.Changed, name)
	}
	return d
}

// AppendMetadata appends METADATA with values (RFC 5464 §4.4.1).
func AppendMetadata(dst []byte, name string, entries []imap.MetadataEntry, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "* METADATA "...), name, utf8)
	dst = append(dst, " ("...)
	for i, x := range entries {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(AppendAString(dst, x.Name), ' ')
		switch {
		case x.Value == nil:
			dst = append(dst, "NIL"...)
		case strings.IndexByte(*x.Value, 0) >= 0:
			dst = strconv.AppendInt(append(dst, "~{"...), int64(len(*x.Value)), 10)
			dst = append(append(dst, "}\r\n"...), *x.Value...)
		default:
			dst = AppendString(dst, *x.Value)
		}
	}
	return append(dst, ")\r\n"...)
}

// AppendMetadataChanged appends METADATA without values (RFC 5464 §4.4.2).
func AppendMetadataChanged(dst []byte, name string, entries []string, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "* METADATA "...), name, utf8)
	for _, entry := range entries {
		dst = AppendAString(append(dst, ' '), entry)
	}
	return appendCRLF(dst)
}
