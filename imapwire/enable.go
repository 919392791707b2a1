package imapwire

import "restante/imap"

func init() {
	commands.add("ENABLE", command{parse: parseEnable})
	responses.add("ENABLED", (*scanner).enabled)
}

// Enable turns extensions on (RFC 9051 §6.3.1).
type Enable struct{ Caps []imap.Cap }

// Name returns "ENABLE".
func (*Enable) Name() string { return "ENABLE" }

// AppendArgs appends the capabilities.
func (c *Enable) AppendArgs(e *Encoder) {
	for _, x := range c.Caps {
		e.SP()
		e.Atom(string(x))
	}
	if len(c.Caps) == 0 {
		e.fail("ENABLE of nothing", "")
	}
}

// parseEnable parses
//
//	enable = "ENABLE" 1*(SP capability)
func parseEnable(l *lexer, _ bool) Command {
	c := new(Enable)
	for l.err == nil && (len(c.Caps) == 0 || !l.atEnd()) {
		l.sp("enable")
		c.Caps = append(c.Caps, imap.Cap(l.atom("capability")))
	}
	return c
}

// EnabledData is an untagged ENABLED (RFC 9051 §7.2.1).
type EnabledData struct{ Caps []imap.Cap }

func (*EnabledData) response() {}

// enabled parses
//
//	enable-data = "ENABLED" *(SP capability)
func (p *scanner) enabled(string) Response { return &EnabledData{p.caps()} }

// AppendEnabled appends ENABLED (RFC 9051 §7.2.1).
func AppendEnabled(dst []byte, caps []imap.Cap) []byte {
	return appendCRLF(appendCaps(append(dst, "* ENABLED"...), caps))
}
