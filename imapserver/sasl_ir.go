package imapserver

import "restante/imap"

// saslIRExtension lets AUTHENTICATE carry the first response (RFC 4959 §3), which is the grammar's
// matter.
var saslIRExtension = extension{
	name: "SASL-IR", rfc: "RFC 4959",
	capabilities: always(string(imap.CapSASLIR)),
}
