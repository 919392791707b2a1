package imapserver

import "restante/imapwire"

// runLogout is LOGOUT, RFC 9051 §6.1.3: BYE, then OK, then the connection is closed.
func runLogout(c *conn, _ *imapwire.Logout) error {
	c.unselect()
	c.out = imapwire.AppendStatusResponse(c.out, "*", "BYE", "", "", "Restante says goodbye")
	c.state = logout
	return nil
}
