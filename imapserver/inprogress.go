package imapserver

import (
	"fmt"
	"strings"
	"time"

	"restante/imap"
	"restante/imapwire"
)

// inProgressExtension tells how far a command is that works for long, so that its client goes on waiting.
var inProgressExtension = extension{
	name: "INPROGRESS", rfc: "RFC 9585",
	capabilities: afterLogin(string(imap.CapInProgress)),
}

// inProgressEvery is the time between two notifications: every 10 to 15 seconds is recommended
// (RFC 9585 §4).
const inProgressEvery = 10 * time.Second

// now returns the time by the server's clock.
func (s *Server) now() time.Time {
	if s.clock != nil {
		return s.clock()
	}
	return time.Now()
}

// tellProgress tells the client that the command is still at work, and sends what has been answered so far. It is
// called between two responses.
func (c *conn) tellProgress() error {
	c.work.due, c.work.told = false, c.s.now()
	if c.work.beforeSending != nil {
		if err := c.work.beforeSending(); err != nil {
			return err
		}
	}
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeInProgress, c.progressArgs(), "Still working")
	return c.flush()
}

// progressArgs returns the details: the command's tag, and how many messages of how many are done, as
// far as they are known. A tag with "]" would end the code.
func (c *conn) progressArgs() string {
	tag := "NIL"
	if !strings.Contains(c.tag, "]") {
		tag = string(imapwire.AppendQuoted(nil, c.tag))
	}
	if c.work.progress == nil {
		return fmt.Sprintf("(%s NIL NIL)", tag)
	}
	done, goal := c.work.progress()
	if goal <= done {
		return fmt.Sprintf("(%s %d NIL)", tag, done)
	}
	return fmt.Sprintf("(%s %d %d)", tag, done, goal)
}
