package imapserver

import (
	"strings"

	"restante/imapwire"
	"restante/store"
)

// runCreate is CREATE, RFC 9051 §6.3.4, with the special uses of RFC 6154 §3. A trailing
// hierarchy delimiter only says that inferiors are to come; every mailbox can have them.
func runCreate(c *conn, cmd *imapwire.Create) error {
	if len(cmd.Params) > 0 {
		return noOption(cmd, cmd.Params[0]) // none of the grammar's but USE is offered
	}
	name := cmd.Mailbox
	if len(name) > 1 {
		name = strings.TrimSuffix(name, "/")
	}
	if err := checkUse(cmd.Use); err != nil {
		return err
	}
	_, err := c.change(&store.Create{Account: c.account.ID(), Name: name, Use: cmd.Use})
	return err
}
