package imapserver

import "restante/imapwire"

// runNoop is NOOP, RFC 9051 §6.1.2. What has changed is told around every command; here also what
// another machine has just changed.
func runNoop(c *conn, _ *imapwire.Noop) error { return c.refresh() }

// runCheck is CHECK, RFC 3501 §6.4.1. There is nothing to checkpoint: what was acknowledged is on
// disk.
func runCheck(c *conn, _ *imapwire.Check) error { return c.refresh() }
