package imapserver

import (
	"maps"
	"time"

	"restante/imapwire"
)

// CheckSteps is how much work a command does between two checks.
const CheckSteps = checkSteps

// LimitSearch sets how many keys a search may try on messages.
func LimitSearch(s *Server, keys int) { s.searchKeys = keys }

// OfferWork makes the server answer CHECK with work, which says with step what it does.
func OfferWork(s *Server, work func(user string, step func(int) error) error) {
	base := imap4rev1Extension
	base.commands = maps.Clone(base.commands)
	base.commands["CHECK"] = command{in: loggedIn, run: func(c *conn, _ imapwire.Command) error {
		return work(c.user.Name, c.step)
	}}
	s.extensions = append([]*extension{&base}, extensions[1:]...)
}

// SetClock gives the server a clock.
func SetClock(s *Server, now func() time.Time) { s.clock = now }
