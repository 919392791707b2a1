package imapwire

import (
	"unicode/utf8"

	"restante/imap"
)

// The functions of this file append whole responses with their line end, as a server sends them.

func appendCRLF(dst []byte) []byte { return append(dst, '\r', '\n') }

// AppendStatusResponse appends a status response (RFC 9051 §7.1). tag is "*" for an untagged one;
// code and args may be "". Text that is not allowed in a line, or missing, is replaced: the grammar
// of RFC 3501 wants some.
func AppendStatusResponse(dst []byte, tag, status string, code imap.Code, args, text string) []byte {
	dst = append(append(dst, tag...), ' ')
	dst = append(append(dst, status...), ' ')
	if code != "" {
		dst = append(append(dst, '['), code...)
		if args != "" {
			dst = append(append(dst, ' '), args...)
		}
		dst = append(dst, "] "...)
	} else if text != "" && text[0] == '[' {
		dst = append(dst, "- "...) // it would be read as a code
	}
	return appendCRLF(appendLine(dst, text))
}

// appendLine appends text without line ends and NUL, "." when there is none.
func appendLine(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, '.')
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\r' || c == '\n' || c == 0 {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// AppendContinuation appends a continuation request (RFC 9051 §7.6).
func AppendContinuation(dst []byte, text string) []byte {
	dst = append(dst, "+ "...)
	if text != "" {
		dst = appendLine(dst, text)
	}
	return appendCRLF(dst)
}

// AppendCapability appends CAPABILITY (RFC 9051 §7.2.2).
func AppendCapability(dst []byte, caps []imap.Cap) []byte {
	return appendCRLF(appendCaps(append(dst, "* CAPABILITY"...), caps))
}

// AppendEnabled appends ENABLED (RFC 9051 §7.2.1).
func AppendEnabled(dst []byte, caps []imap.Cap) []byte {
	return appendCRLF(appendCaps(append(dst, "* ENABLED"...), caps))
}

func appendCaps(dst []byte, caps []imap.Cap) []byte {
	for _, c := range caps {
		dst = append(append(dst, ' '), c...)
	}
	return dst
}

// AppendID appends ID (RFC 2971 §3.2); nil params are NIL, as is an empty value.
func AppendID(dst []byte, params imap.Params) []byte {
	dst = append(dst, "* ID "...)
	if params == nil {
		return append(dst, "NIL\r\n"...)
	}
	dst = append(dst, '(')
	for i, x := range params {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(AppendString(dst, x.Name), ' ')
		dst = appendNString(dst, x.Value)
	}
	return append(dst, ")\r\n"...)
}

// AppendList appends LIST (RFC 9051 §7.3.1). Name is sent, Raw is not looked at; utf8 says that
// the client takes names in UTF-8.
func AppendList(dst []byte, m *imap.MailboxInfo, utf8 bool) []byte {
	dst = appendListLine(append(dst, "* LIST "...), m, utf8)
	if len(m.ChildInfo) > 0 || m.OldName != "" {
		dst = append(dst, " ("...)
		if len(m.ChildInfo) > 0 {
			dst = append(dst, `"CHILDINFO" (`...)
			for i, x := range m.ChildInfo {
				if i > 0 {
					dst = append(dst, ' ')
				}
				dst = AppendString(dst, x)
			}
			dst = append(dst, ')')
		}
		if m.OldName != "" {
			if len(m.ChildInfo) > 0 {
				dst = append(dst, ' ')
			}
			dst = append(dst, `"OLDNAME" (`...)
			dst = append(AppendMailbox(dst, m.OldName, utf8), ')')
		}
		dst = append(dst, ')')
	}
	return appendCRLF(dst)
}

// AppendLSub appends LSUB (RFC 3501 §7.2.3).
func AppendLSub(dst []byte, m *imap.MailboxInfo, utf8 bool) []byte {
	return appendCRLF(appendListLine(append(dst, "* LSUB "...), m, utf8))
}

func appendListLine(dst []byte, m *imap.MailboxInfo, utf8 bool) []byte {
	dst = append(dst, '(')
	for i, a := range m.Attrs {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, a...)
	}
	dst = append(appendDelim(append(dst, ") "...), m.Delim), ' ')
	return AppendMailbox(dst, m.Name, utf8)
}

func appendDelim(dst []byte, delim rune) []byte {
	switch delim {
	case 0:
		return append(dst, "NIL"...)
	case '"', '\\':
		return append(dst, '"', '\\', byte(delim), '"')
	}
	return append(utf8.AppendRune(append(dst, '"'), delim), '"')
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

// AppendStatus appends STATUS (RFC 9051 §7.3.3) with the fields in s.Items.
func AppendStatus(dst []byte, s *imap.Status, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "* STATUS "...), s.Mailbox, utf8)
	dst = append(dst, " ("...)
	sep := false
	for _, x := range statusNames {
		if !s.Items.Has(x.item) {
			continue
		}
		if sep {
			dst = append(dst, ' ')
		}
		sep = true
		dst = AppendNumber(append(append(dst, x.name...), ' '), statusValue(s, x.item))
	}
	return append(dst, ")\r\n"...)
}

func statusValue(s *imap.Status, item imap.StatusItems) uint64 {
	switch item {
	case imap.StatusMessages:
		return uint64(s.Messages)
	case imap.StatusRecent:
		return uint64(s.Recent)
	case imap.StatusUnseen:
		return uint64(s.Unseen)
	case imap.StatusDeleted:
		return uint64(s.Deleted)
	case imap.StatusUIDNext:
		return uint64(s.UIDNext)
	case imap.StatusUIDValidity:
		return uint64(s.UIDValidity)
	case imap.StatusHighestModSeq:
		return uint64(s.HighestModSeq)
	case imap.StatusSize:
		return uint64(max(s.Size, 0))
	case imap.StatusAppendLimit:
		return uint64(max(s.AppendLimit, 0))
	}
	return 0
}

// AppendFlagsResponse appends FLAGS (RFC 9051 §7.3.5).
func AppendFlagsResponse(dst []byte, flags []imap.Flag) []byte {
	return appendCRLF(AppendFlags(append(dst, "* FLAGS "...), flags))
}

// AppendExists appends EXISTS (RFC 9051 §7.4.1).
func AppendExists(dst []byte, n uint32) []byte { return appendNumbered(dst, n, " EXISTS\r\n") }

// AppendRecent appends RECENT (RFC 3501 §7.3.2).
func AppendRecent(dst []byte, n uint32) []byte { return appendNumbered(dst, n, " RECENT\r\n") }

// AppendExpunge appends EXPUNGE (RFC 9051 §7.5.1).
func AppendExpunge(dst []byte, n imap.SeqNum) []byte {
	return appendNumbered(dst, uint32(n), " EXPUNGE\r\n")
}

func appendNumbered(dst []byte, n uint32, name string) []byte {
	return append(AppendNumber(append(dst, "* "...), n), name...)
}

// AppendSearch appends SEARCH (RFC 3501 §7.2.5).
func AppendSearch[N imap.Num | ~uint32](dst []byte, nums []N) []byte {
	dst = append(dst, "* SEARCH"...)
	for _, n := range nums {
		dst = AppendNumber(append(dst, ' '), uint32(n))
	}
	return appendCRLF(dst)
}

// AppendESearch appends ESEARCH (RFC 9051 §7.3.4) with the return data in d.Items. ALL is left out
// when nothing matches, as the RFC wants.
func AppendESearch(dst []byte, d *ESearchData) []byte {
	dst = append(dst, "* ESEARCH"...)
	if d.Tag != "" {
		dst = append(AppendString(append(dst, " (TAG "...), d.Tag), ')')
	}
	if d.UID {
		dst = append(dst, " UID"...)
	}
	if d.Items&ESearchMin != 0 {
		dst = AppendNumber(append(dst, " MIN "...), d.Min)
	}
	if d.Items&ESearchMax != 0 {
		dst = AppendNumber(append(dst, " MAX "...), d.Max)
	}
	if d.Items&ESearchCount != 0 {
		dst = AppendNumber(append(dst, " COUNT "...), d.Count)
	}
	if d.Items&ESearchAll != 0 && d.All != nil {
		n := len(dst)
		dst = append(dst, " ALL "...)
		from := len(dst)
		if dst = d.All.AppendTo(dst); len(dst) == from {
			dst = dst[:n]
		}
	}
	if d.Items&ESearchModSeq != 0 {
		dst = AppendNumber(append(dst, " MODSEQ "...), d.ModSeq)
	}
	for _, x := range d.Extra {
		dst = append(append(append(dst, ' '), x.Name...), ' ')
		dst = append(dst, x.Value...)
	}
	return appendCRLF(dst)
}

// AppendVanished appends VANISHED (RFC 7162 §3.2.10).
func AppendVanished(dst []byte, uids imap.UIDSet, earlier bool) []byte {
	dst = append(dst, "* VANISHED "...)
	if earlier {
		dst = append(dst, "(EARLIER) "...)
	}
	return appendCRLF(uids.AppendTo(dst))
}

// AppendUIDArgs returns the arguments of APPENDUID (RFC 4315 §3).
func AppendUIDArgs(r imap.AppendResult) string {
	return string(r.UIDs.AppendTo(append(AppendNumber(nil, r.UIDValidity), ' ')))
}

// CopyUIDArgs returns the arguments of COPYUID (RFC 4315 §3).
func CopyUIDArgs(r imap.CopyResult) string {
	b := AppendNumber(nil, r.UIDValidity)
	for _, set := range [...][]imap.Range[imap.UID]{r.Source, r.Dest} {
		sep := byte(' ')
		for _, x := range set {
			b = AppendNumber(append(b, sep), uint32(x.First))
			if x.First != x.Last {
				b = AppendNumber(append(b, ':'), uint32(x.Last))
			}
			sep = ','
		}
	}
	return string(b)
}
