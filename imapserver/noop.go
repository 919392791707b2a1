package imapserver

import "restante/imapwire"

// runNoop is NOOP, RFC 9051 §6.1.2. What has changed is told around every command.
func runNoop(*conn, *imapwire.Noop) error { return nil }

// runCheck is CHECK, RFC 3501 §6.4.1. There is nothing to checkpoint: what was acknowledged is on
// disk.
func runCheck(*conn, *imapwire.Check) error { return nil }
