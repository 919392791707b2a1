package imapserver

import "restante/imap"

// literalPlusExtension lets clients send literals without waiting (RFC 7888 §4), which is the
// framer's matter: all of them, or with LITERAL- small ones (RFC 7888 §5).
var literalPlusExtension = extension{
	name: "LITERAL+", rfc: "RFC 7888",
	capabilities: func(c *conn) []string {
		if c.s.LiteralMinus {
			return []string{string(imap.CapLiteralMinus)}
		}
		return []string{string(imap.CapLiteralPlus)}
	},
}

// maxLiteralMinus is how many octets a literal may have that does not wait, with LITERAL-.
const maxLiteralMinus = 4096

// maxNonSync is that limit; 0: there is none.
func (c *conn) maxNonSync() int64 {
	if c.s.LiteralMinus {
		return maxLiteralMinus
	}
	return 0
}
