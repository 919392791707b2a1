package imapwire

import (
	"strconv"
	"strings"

	"restante/imap"
)

// emptyText describes a text part without content. It stands where the grammar wants a body and
// the message has none: in a multipart without parts and in message/rfc822 that was not taken
// apart.
const emptyText = `("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0`

// AppendBodyStructure appends p as it stands in a FETCH response: BODYSTRUCTURE when extended,
// BODY otherwise (RFC 9051 §7.5.2). What the grammar demands and p does not have gets the default
// of RFC 2045: a missing encoding is 7BIT, unknown sizes and line counts are 0.
func AppendBodyStructure(dst []byte, p *imap.Part, extended bool) []byte {
	if p == nil || p.Opaque {
		p = &imap.Part{}
	}
	if p.Multipart() {
		return appendMultipart(dst, p, extended)
	}
	typ, subtype := p.Type, p.Subtype
	if typ == "" {
		typ, subtype = "application", "octet-stream"
	}
	isText := strings.EqualFold(typ, "text")
	if subtype == "" {
		subtype = "octet-stream"
		if isText {
			subtype = "plain"
		}
	}
	dst = append(appendText(append(dst, '('), typ), ' ')
	dst = append(appendText(dst, subtype), ' ')
	dst = append(appendParams(dst, p.Params), ' ')
	dst = append(appendNString(dst, p.ContentID), ' ')
	dst = append(appendNString(dst, p.Description), ' ')
	if p.Encoding == "" {
		dst = append(dst, `"7bit" `...)
	} else {
		dst = append(appendText(dst, p.Encoding), ' ')
	}
	dst = appendCount(dst, p.Size)

	switch {
	case isText:
		dst = appendCount(append(dst, ' '), p.Lines)
	case isMessage(p):
		dst = append(AppendEnvelope(append(dst, ' '), p.Envelope), ' ')
		if len(p.Parts) > 0 {
			dst = AppendBodyStructure(dst, p.Parts[0], extended)
		} else {
			dst = appendEmptyText(dst, extended)
		}
		dst = appendCount(append(dst, ' '), p.Lines)
	}
	if extended {
		dst = appendNString(append(dst, ' '), p.MD5)
		dst = appendExtension(dst, p)
	}
	return append(dst, ')')
}

func appendMultipart(dst []byte, p *imap.Part, extended bool) []byte {
	dst = append(dst, '(')
	for _, child := range p.Parts {
		dst = AppendBodyStructure(dst, child, extended)
	}
	if len(p.Parts) == 0 {
		dst = appendEmptyText(dst, extended)
	}
	dst = append(dst, ' ')
	if p.Subtype == "" {
		dst = append(dst, `"mixed"`...)
	} else {
		dst = appendText(dst, p.Subtype)
	}
	if extended {
		dst = appendParams(append(dst, ' '), p.Params)
		dst = appendExtension(dst, p)
	}
	return append(dst, ')')
}

func appendEmptyText(dst []byte, extended bool) []byte {
	dst = append(dst, emptyText...)
	if extended {
		dst = append(dst, " NIL NIL NIL NIL"...)
	}
	return append(dst, ')')
}

// appendExtension appends the extension data that single parts and multiparts share:
// body-fld-dsp, body-fld-lang, body-fld-loc.
func appendExtension(dst []byte, p *imap.Part) []byte {
	if p.Disposition == "" && len(p.DispParams) == 0 {
		dst = append(dst, " NIL "...)
	} else {
		dst = append(appendText(append(dst, " ("...), p.Disposition), ' ')
		dst = append(appendParams(dst, p.DispParams), ") "...)
	}
	switch len(p.Language) {
	case 0:
		dst = append(dst, "NIL"...)
	case 1:
		dst = appendText(dst, p.Language[0])
	default:
		for i, tag := range p.Language {
			c := byte(' ')
			if i == 0 {
				c = '('
			}
			dst = appendText(append(dst, c), tag)
		}
		dst = append(dst, ')')
	}
	return appendNString(append(dst, ' '), p.Location)
}

func appendParams(dst []byte, params imap.Params) []byte {
	if len(params) == 0 {
		return append(dst, "NIL"...)
	}
	for i, x := range params {
		c := byte(' ')
		if i == 0 {
			c = '('
		}
		dst = append(appendText(append(dst, c), x.Name), ' ')
		dst = appendText(dst, x.Value)
	}
	return append(dst, ')')
}

// isMessage reports whether the grammar wants an envelope and a body inside p: media-message of
// RFC 9051 §9.
func isMessage(p *imap.Part) bool {
	return p.Is("message", "rfc822") || p.Is("message", "global")
}

// appendCount appends a number, 0 when it is not known.
func appendCount(dst []byte, n int64) []byte {
	return strconv.AppendInt(dst, max(n, 0), 10)
}
