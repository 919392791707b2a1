package imapserver

import (
	"strings"

	"restante/imapwire"
	"restante/store"
)

// createParam serves a parameter of CREATE besides USE (RFC 4466 §2.2): it changes what is asked of
// the store.
type createParam func(c *conn, option imapwire.Option, op *store.Create) error

// runCreate is CREATE, RFC 9051 §6.3.4, with the special uses of RFC 6154 §3. A trailing
// hierarchy delimiter only says that inferiors are to come; every mailbox can have them.
func runCreate(c *conn, cmd *imapwire.Create) error {
	name := cmd.Mailbox
	if len(name) > 1 {
		name = strings.TrimSuffix(name, "/")
	}
	if err := checkUse(cmd.Use); err != nil {
		return err
	}
	op := &store.Create{Account: c.account.ID(), Name: name, Use: cmd.Use}
	for _, o := range cmd.Params {
		apply, ok := c.s.features.createParams[o.Name()]
		if !ok {
			return noOption(cmd, o)
		}
		if err := apply(c, o, op); err != nil {
			return err
		}
	}
	out, err := c.change(op)
	if err == nil {
		c.completion = mailboxIDCode(out.Created.ID)
	}
	return err
}
