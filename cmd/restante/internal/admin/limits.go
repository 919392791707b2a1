package admin

import (
	"time"

	"restante/cmd/restante/internal/config"
	"restante/imapserver"
)

// IMAPLimits returns the limits of the IMAP server; what is 0 has its default there.
func IMAPLimits(l config.Limits) imapserver.Limits {
	return imapserver.Limits{
		LineLength: l.LineLength, CommandLiterals: l.CommandLiterals, AppendLimit: l.AppendLimit,
		CommandsBeforeAuth: l.CommandsBeforeAuth, ErrorsBeforeAuth: l.ErrorsBeforeAuth, Errors: l.Errors,
		ConnsPerAddr: l.ConnsPerAddr, ConnsPerUser: l.ConnsPerUser,
		AuthTimeout: time.Duration(l.AuthTimeout), IdleTimeout: time.Duration(l.IdleTimeout),
		WriteTimeout: time.Duration(l.WriteTimeout),
	}
}
