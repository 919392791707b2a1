package imapserver

import (
	"unicode/utf8"

	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// runSubscribe is SUBSCRIBE, RFC 9051 §6.3.7. The mailbox need not exist: it may have been deleted
// for a while.
func runSubscribe(c *conn, cmd *imapwire.Subscribe) error {
	return c.setSubscribed(cmd.Mailbox, true)
}

// runUnsubscribe is UNSUBSCRIBE, RFC 9051 §6.3.8. Of a name that is not subscribed it changes nothing,
// but one that cannot be read is an error.
func runUnsubscribe(c *conn, cmd *imapwire.Unsubscribe) error {
	if !utf8.ValidString(cmd.Mailbox) {
		return mailbox.ErrBadName
	}
	return c.setSubscribed(cmd.Mailbox, false)
}

func (c *conn) setSubscribed(name string, on bool) error {
	_, err := c.change(&store.Subscribe{Account: c.account.ID(), Name: name, On: on})
	return err
}
