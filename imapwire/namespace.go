package imapwire

import "restante/imap"

func init() {
	commands.add("NAMESPACE", command{parse: bare[Namespace]})
	responses.add("NAMESPACE", (*scanner).namespace)
}

// Namespace asks for the name spaces (RFC 9051 §6.3.10).
//
//	"NAMESPACE"
type Namespace struct{}

// Name returns "NAMESPACE".
func (*Namespace) Name() string { return "NAMESPACE" }

// AppendArgs appends nothing.
func (*Namespace) AppendArgs(*Encoder) {}

// NamespaceData is NAMESPACE (RFC 9051 §7.3.2).
type NamespaceData struct{ imap.Namespace }

func (*NamespaceData) response() {}

// namespace parses
//
//	namespace-response = "NAMESPACE" SP namespace SP namespace SP namespace
//	namespace          = nil / "(" 1*namespace-descr ")"
//	namespace-descr    = "(" string SP (DQUOTE QUOTED-CHAR DQUOTE / nil)
//	                     [namespace-response-extensions] ")"
func (p *scanner) namespace(string) Response {
	d := &NamespaceData{}
	for _, list := range []*[]imap.NamespaceDesc{&d.Personal, &d.Other, &d.Shared} {
		if p.space(); p.atEnd() {
			p.defect("name space missing", "")
			break
		}
		if p.null() || p.emptyList() {
			continue
		}
		if !p.take('(') {
			return nil
		}
		for !p.take(')') {
			desc, ok := p.namespaceDesc()
			if !ok {
				return nil
			}
			*list = append(*list, desc)
		}
	}
	return d
}

func (p *scanner) namespaceDesc() (desc imap.NamespaceDesc, ok bool) {
	if !p.take('(') {
		return desc, false
	}
	prefix, _, ok := p.nstring()
	if !ok {
		return desc, false
	}
	// INBOX in a prefix is part of a name: CanonicalName leaves "INBOX." alone.
	desc.Prefix = p.mailbox(prefix)
	if desc.Delim, ok = p.delimiter(); !ok {
		return desc, false
	}
	for !p.take(')') {
		if !p.skip() {
			return desc, false
		}
	}
	return desc, true
}

// AppendNamespace appends NAMESPACE (RFC 9051 §7.3.2).
func AppendNamespace(dst []byte, n *imap.Namespace, utf8 bool) []byte {
	dst = append(dst, "* NAMESPACE"...)
	for _, list := range [...][]imap.NamespaceDesc{n.Personal, n.Other, n.Shared} {
		if len(list) == 0 {
			dst = append(dst, " NIL"...)
			continue
		}
		dst = append(dst, " ("...)
		for _, d := range list {
			prefix := d.Prefix
			if !utf8 {
				prefix = EncodeUTF7(prefix)
			}
			dst = append(dst, '(')
			if quotable(prefix, utf8) {
				dst = AppendQuoted(dst, prefix)
			} else {
				dst = AppendLiteral(dst, prefix)
			}
			dst = append(appendDelim(append(dst, ' '), d.Delim), ')')
		}
		dst = append(dst, ')')
	}
	return appendCRLF(dst)
}
