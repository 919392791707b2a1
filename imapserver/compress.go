package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

// compressExtension is offered behind the login only, and ends with it: passwords and what
// mechanisms exchange never are in one stream with text that others may have written, of which the
// length of what is compressed tells (the attack CRIME on TLS; RFC 4978 §6). The server itself sends
// no secrets of the connection afterwards.
var compressExtension = extension{
	name: "COMPRESS=DEFLATE", rfc: "RFC 4978",
	capabilities: func(c *conn) []string {
		if c.state == notAuthenticated || c.compressing() {
			return nil
		}
		return []string{string(imap.CapCompressDeflate)}
	},
	commands: map[string]command{
		"COMPRESS": {in: loggedIn, flags: noSync, run: handler(runCompress)},
	},
}

// compressing reports whether both sides compress.
func (c *conn) compressing() bool {
	d, ok := c.nc.(*deflateConn)
	return ok && d.active
}

// runCompress is COMPRESS, RFC 4978 §3.
func runCompress(c *conn, cmd *imapwire.Compress) error {
	if cmd.Algorithm != "DEFLATE" {
		return bad("The only algorithm is DEFLATE")
	}
	if c.compressing() {
		return no(imap.CodeCompressionActive, "DEFLATE is active already")
	}
	if c.r.Buffered() > 0 {
		return protocolError("Nothing may be sent behind COMPRESS before its answer")
	}
	c.out = imapwire.AppendStatusResponse(c.out, c.tag, "OK", "", "", "DEFLATE is active")
	if err := c.flush(); err != nil {
		return err
	}
	d, ok := c.nc.(*deflateConn)
	if !ok {
		d = &deflateConn{Conn: c.nc}
		c.nc = d
	}
	d.begin()
	return errAnswered
}
