package imapserver

import "restante/imapwire"

// runSubscribe is SUBSCRIBE, RFC 9051 §6.3.7. The mailbox need not exist: it may have been deleted
// for a while.
func runSubscribe(c *conn, cmd *imapwire.Subscribe) error {
	return c.account.Subscribe(c.ctx, cmd.Mailbox, true)
}

// runUnsubscribe is UNSUBSCRIBE, RFC 9051 §6.3.8.
func runUnsubscribe(c *conn, cmd *imapwire.Unsubscribe) error {
	return c.account.Subscribe(c.ctx, cmd.Mailbox, false)
}
