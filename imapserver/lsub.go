package imapserver

import (
	"slices"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// runLSub is LSUB, RFC 3501 §6.3.9: subscribed names, existing or not. With "%" at the end a level
// above subscribed names is told of too, as \Noselect.
func runLSub(c *conn, cmd *imapwire.LSub) error {
	ns, err := c.account.Refresh(c.ctx)
	if err != nil {
		return err
	}
	names := slices.Collect(ns.Subscribed())
	if strings.HasSuffix(cmd.Pattern, "%") {
		names = withLevels(names)
	}
	matches, err := c.matching(names, cmd.Ref, []string{cmd.Pattern})
	if err != nil {
		return err
	}
	for i, name := range names {
		if !matches[i] {
			continue
		}
		info := &imap.MailboxInfo{Name: name, Delim: mailbox.Delim}
		if !ns.IsSubscribed(name) {
			info.Attrs = []imap.MailboxAttr{imap.AttrNoselect}
		}
		c.out = imapwire.AppendLSub(c.out, info, c.utf8Names())
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}
