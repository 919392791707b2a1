package imapserver

import (
	"time"

	"restante/imap"
	"restante/imapwire"
)

var unauthenticateExtension = extension{
	name: "UNAUTHENTICATE", rfc: "RFC 8437",
	capabilities: func(c *conn) []string {
		if c.state == notAuthenticated || !c.mayUnauthenticate() {
			return nil
		}
		return []string{string(imap.CapUnauthenticate)}
	},
	commands: map[string]command{
		"UNAUTHENTICATE": {in: loggedIn, flags: noSync, run: handler(runUnauthenticate)},
	},
}

// runUnauthenticate is UNAUTHENTICATE, RFC 8437 §3: all that is left is TLS. Commands may have been sent
// behind it, but not behind one that ends compression (RFC 8437 §4.1): they would still be compressed.
func runUnauthenticate(c *conn, cmd *imapwire.Unauthenticate) error {
	if !c.mayUnauthenticate() {
		return &imapwire.UnknownCommand{Name: cmd.Name()}
	}
	if !c.compressing() {
		c.leave()
		return nil
	}
	if c.r.Buffered() > 0 {
		return protocolError("What is sent behind UNAUTHENTICATE must not be compressed")
	}
	c.leave()
	c.out = imapwire.AppendStatusResponse(c.out, c.tag, "OK", "", "", "UNAUTHENTICATE completed")
	if err := c.flush(); err != nil {
		return err
	}
	c.nc.(*deflateConn).end()
	return errAnswered
}

// mayUnauthenticate reports whether the login may end: not on a pipe, where nobody else could log in.
func (c *conn) mayUnauthenticate() bool { return !c.s.NoUnauthenticate && c.preauth == nil }

// leave ends the login: nothing that belongs to it is there for whoever logs in next.
func (c *conn) leave() {
	c.endTurn()
	c.unselect()
	if c.account == nil {
		return
	}
	c.account.Close()
	c.s.leaveUser(c.user.ID)
	c.log.Info("logged out")
	c.login = login{}
	c.state = notAuthenticated
	c.log = c.s.log.With("conn", c.id)
	c.start, c.commands, c.errors = time.Now(), 0, 0
	c.r.SetLimits(c.readerOptions())
}
