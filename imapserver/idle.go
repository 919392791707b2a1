package imapserver

import (
	"errors"
	"strings"
	"time"

	"restante/imap"
	"restante/imapwire"
)

var idleExtension = extension{
	name: "IDLE", rfc: "RFC 2177",
	capabilities: always(string(imap.CapIdle)),
	commands: map[string]command{
		"IDLE": {in: loggedIn, flags: ownsInput, run: handler(runIdle)},
	},
}

// runIdle is IDLE, RFC 2177 and RFC 9051 §6.3.13: until the client says DONE it hears at once of
// every change.
func runIdle(c *conn, _ *imapwire.Idle) error {
	if c.sel != nil {
		if err := c.refresh(); err != nil {
			return err
		}
		if err := c.sync(false); err != nil {
			return err
		}
	}
	c.work.told = time.Time{} // a client that idles does not wait for the end
	c.out = append(c.out, "+ idling\r\n"...)
	if err := c.flush(); err != nil {
		return err
	}
	c.release()
	err := c.wait(func() error {
		err := c.checkAccount()
		if err == nil && c.sel != nil {
			err = c.sync(false)
		}
		if err == nil {
			err = c.tell()
		}
		return err
	}, c.bells()...)
	if err != nil {
		return err
	}
	line, err := c.r.ReadLine()
	if errors.Is(err, imapwire.ErrLineTooLong) || err == nil && !strings.EqualFold(strings.TrimSpace(string(line)), "DONE") {
		return bad("IDLE ends with DONE")
	}
	return err
}
