package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

var idExtension = extension{
	name: "ID", rfc: "RFC 2971",
	capabilities: always(string(imap.CapID)),
	commands: map[string]command{
		"ID": {in: anyState, run: handler(runID)},
	},
}

// runID is ID, RFC 2971.
func runID(c *conn, cmd *imapwire.ID) error {
	for _, p := range cmd.Params {
		if p.Name == "name" || p.Name == "version" {
			c.log.Debug("client", printable(p.Name), printable(p.Value))
		}
	}
	params := imap.Params{{Name: "name", Value: "Restante"}}
	if c.s.Version != "" {
		params = append(params, imap.Param{Name: "version", Value: c.s.Version})
	}
	c.out = imapwire.AppendID(c.out, params)
	return nil
}
