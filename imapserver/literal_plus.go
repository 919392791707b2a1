package imapserver

import "restante/imap"

// literalPlusExtension lets clients send literals without waiting (RFC 7888 §4), which is the
// framer's matter.
var literalPlusExtension = extension{
	name: "LITERAL+", rfc: "RFC 7888",
	capabilities: always(string(imap.CapLiteralPlus)),
}
