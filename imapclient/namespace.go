package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["NAMESPACE"] = spec{hazard: mayExpunge, needs: imap.CapNamespace} }

// Namespace asks for the prefixes of the user's own, other users' and shared mailboxes
// (RFC 9051 §6.3.10). A server that does not know the command is asked for its hierarchy
// delimiter instead, and has one personal name space.
func (c *Conn) Namespace(ctx context.Context) *Pending[*imap.Namespace] {
	v := new(*imap.Namespace)
	*v = &imap.Namespace{}
	if !c.offers("NAMESPACE") {
		cmd := c.newCommand(ctx, &imapwire.List{Patterns: []string{""}})
		cmd.data = func(r imapwire.Response) bool {
			d, ok := r.(*imapwire.ListData)
			if ok && d.Name == "LIST" {
				(*v).Personal = []imap.NamespaceDesc{{Delim: d.Info.Delim}}
			}
			return ok && d.Name == "LIST"
		}
		return send(cmd, v)
	}
	cmd := c.newCommand(ctx, &imapwire.Namespace{})
	cmd.data = func(r imapwire.Response) bool {
		d, ok := r.(*imapwire.NamespaceData)
		if ok {
			**v = d.Namespace
		}
		return ok
	}
	return send(cmd, v)
}

// Namespace returns the prefixes of the user's own, other users' and shared mailboxes.
func (c *Client) Namespace(ctx context.Context) (*imap.Namespace, error) {
	return do(ctx, c, func(k *Conn) waiter[*imap.Namespace] { return k.Namespace(ctx) })
}
