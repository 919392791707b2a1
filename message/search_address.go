package message

import (
	"iter"

	"restante/imap"
	"restante/internal/charset"
)

// AddressValues yields the addresses in the fields of a header block that have the given name, as the
// envelope has them, for SEARCH FROM and its relatives (RFC 9051 §6.4.4): each as
// "display name <mailbox@host>", the name decoded, without comments, folds, quotes and the backslashes
// of quoted pairs (RFC 5322 §3.2.1). Of a group its name is yielded, and then its members.
func AddressValues(block, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for f := range Fields(block) {
			if f.Is(name) && !yieldAddresses(f.Value(), yield) {
				return
			}
		}
	}
}

// yieldAddresses parses one address at a time: a field may have very many.
func yieldAddresses(value string, yield func(string) bool) bool {
	p := addressParser{lexer: lexer{s: value}}
	var buf [2]imap.Address
	for p.i < len(p.s) {
		for _, a := range p.address(buf[:0]) {
			if text := addressText(a); text != "" && !yield(text) {
				return false
			}
		}
	}
	return true
}

func addressText(a imap.Address) string {
	name := charset.DecodeHeader(a.RawName)
	switch {
	case a.Group == imap.GroupStart:
		return charset.DecodeHeader(a.Mailbox)
	case name == "":
		return a.Addr()
	case a.Addr() == "":
		return name
	}
	return name + " <" + a.Addr() + ">"
}
