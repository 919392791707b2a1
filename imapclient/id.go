package imapclient

import (
	"context"
	"maps"
	"slices"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["ID"] = spec{hazard: mayExpunge, needs: imap.CapID} }

// ID tells the server who the client is and returns what the server tells of itself (RFC 2971).
// An empty map tells nothing.
func (c *Conn) ID(ctx context.Context, params map[string]string) *Pending[map[string]string] {
	v := new(map[string]string)
	var list []imap.Param
	for _, k := range slices.Sorted(maps.Keys(params)) {
		list = append(list, imap.Param{Name: k, Value: params[k]})
	}
	cmd := c.newCommand(ctx, &imapwire.ID{Params: list})
	cmd.data = func(r imapwire.Response) bool {
		d, ok := r.(*imapwire.IDData)
		if ok {
			*v = make(map[string]string, len(d.Params))
			for _, p := range d.Params {
				(*v)[p.Name] = p.Value
			}
		}
		return ok
	}
	return send(cmd, v)
}

// ID tells the server who the client is and returns what the server tells of itself.
func (c *Client) ID(ctx context.Context, params map[string]string) (map[string]string, error) {
	return do(ctx, c, func(k *Conn) waiter[map[string]string] { return k.ID(ctx, params) })
}
