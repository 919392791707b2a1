package imapserver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"restante/auth"
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// reply is the code and text of a tagged response. An empty text means the usual one.
type reply struct {
	code imap.Code
	args string
	text string
}

// failure is an error that says itself how it is answered.
type failure struct {
	status string // NO or BAD
	reply
}

func (f *failure) Error() string { return f.status + " " + f.text }

// no is a NO with a code, or without when it is "".
func no(code imap.Code, format string, args ...any) error {
	return &failure{"NO", reply{code: code, text: fmt.Sprintf(format, args...)}}
}

// bad is a BAD: the command is not what the grammar or the state allows.
func bad(format string, args ...any) error {
	return &failure{"BAD", reply{text: fmt.Sprintf(format, args...)}}
}

// fail answers a command that failed. It is the one place that turns errors into NO and BAD. It
// returns an error when the connection must end.
func (c *conn) fail(err error, result *string) error {
	f := c.failure(err)
	if f == nil {
		return err
	}
	*result = f.status
	c.out = imapwire.AppendStatusResponse(c.out, c.tag, f.status, f.code, f.args, f.text)
	// Before the login errors add up whatever is between them, and a failed login is one, so that
	// who guesses has to connect again.
	if f.status != "BAD" && !errors.Is(err, auth.ErrFailed) && !errors.Is(err, auth.ErrThrottled) {
		c.resetErrors()
		return nil
	}
	c.errors++
	limit := c.s.limits.Errors
	if c.state == notAuthenticated {
		limit = c.s.limits.ErrorsBeforeAuth
	}
	if c.errors >= limit {
		return protocolError("Too many errors")
	}
	return nil
}

// resetErrors is for a command that was no error. Before the login it changes nothing.
func (c *conn) resetErrors() {
	if c.state != notAuthenticated {
		c.errors = 0
	}
}

// failure says how err is answered; nil: not at all, the connection ends.
func (c *conn) failure(err error) *failure {
	answer := func(status string, code imap.Code, text string) *failure {
		return &failure{status, reply{code: code, text: text}}
	}
	var (
		f       *failure
		syntax  *imapwire.SyntaxError
		unknown *imapwire.UnknownCommand
		big     *imapwire.LiteralTooBig
	)
	switch {
	case c.writeErr != nil, c.readErr != nil, errors.Is(err, errProtocol), errors.Is(err, imapwire.ErrEndlessLine), errors.Is(err, errAccountDeleted):
		return nil
	case errors.Is(err, store.ErrMoved):
		return nil // whoever connects again finds it
	case errors.As(err, &f):
		return f
	case errors.As(err, &syntax):
		return answer("BAD", "", fmt.Sprintf("%s at octet %d: %s", syntax.Production, syntax.Offset, syntax.Msg))
	case errors.As(err, &unknown):
		return answer("BAD", "", "Unknown command "+printable(unknown.Name))
	case errors.As(err, &big) && big.Fatal:
		return nil
	case errors.As(err, &big) && big.NonSync && c.s.LiteralMinus:
		return answer("BAD", imap.CodeTooBig, fmt.Sprintf("A literal that does not wait may have %d octets", maxLiteralMinus))
	case errors.As(err, &big):
		return answer("BAD", imap.CodeTooBig, fmt.Sprintf("The literals of a command may have %d octets", c.readerOptions().MaxLiteral))
	case errors.Is(err, imapwire.ErrLineTooLong):
		return answer("BAD", imap.CodeLimit, fmt.Sprintf("A line may have %d octets", c.readerOptions().MaxLine))
	case errors.Is(err, auth.ErrFailed):
		return answer("NO", imap.CodeAuthenticationFailed, "Wrong user name or password")
	case errors.Is(err, auth.ErrThrottled):
		return answer("NO", imap.CodeUnavailable, "Too many failed logins, try again later")
	case errors.Is(err, mailbox.ErrNotFound):
		return answer("NO", imap.CodeNonExistent, "No such mailbox")
	case errors.Is(err, mailbox.ErrExists):
		return answer("NO", imap.CodeAlreadyExists, "The mailbox exists already")
	case errors.Is(err, mailbox.ErrBadName):
		return answer("NO", imap.CodeCannot, "This name is not allowed for a mailbox")
	case errors.Is(err, mailbox.ErrInbox):
		return answer("NO", imap.CodeCannot, "This cannot be done with INBOX")
	case errors.Is(err, mailbox.ErrHasChildren):
		return answer("NO", imap.CodeNonExistent, "There is no such mailbox, only mailboxes below this name")
	case errors.Is(err, mailbox.ErrUseTaken):
		return answer("NO", imap.CodeUseAttr, "Another mailbox has this special use")
	case errors.Is(err, mailbox.ErrTooMany):
		return answer("NO", imap.CodeLimit, "The account has too many mailboxes or subscriptions, or their names are too long")
	case errors.Is(err, mailbox.ErrBadEntry):
		return answer("BAD", "", "This is no name of an entry")
	case errors.Is(err, mailbox.ErrMetadataTooBig):
		return &failure{"NO", reply{imap.CodeMetadata, fmt.Sprintf("MAXSIZE %d", mailbox.MaxMetadataValue), "The value is too big"}}
	case errors.Is(err, mailbox.ErrTooManyMetadata):
		return &failure{"NO", reply{imap.CodeMetadata, "TOOMANY", "There are too many entries, or too many octets in them"}}
	case errors.Is(err, mailbox.ErrBadQuota):
		return answer("NO", imap.CodeCannot, "This resource cannot be limited")
	case errors.Is(err, mailbox.ErrTooManyKeywords):
		return answer("NO", imap.CodeLimit, fmt.Sprintf("A mailbox can have %d different keywords", mailbox.MaxKeywords))
	case errors.Is(err, store.ErrOverQuota):
		return answer("NO", imap.CodeOverQuota, "This would be more than you may have; see GETQUOTAROOT")
	case errors.Is(err, store.ErrForbidden):
		return answer("NO", imap.CodeNoPerm, "You do not have the right to do this")
	case errors.Is(err, store.ErrNoUIDs):
		return answer("NO", imap.CodeLimit, "The mailbox has used up its UIDs; its messages can be moved to another")
	case errors.Is(err, store.ErrTooBig):
		return answer("NO", imap.CodeTooBig, "The message is too big")
	case errors.Is(err, store.ErrGone):
		return answer("NO", imap.CodeExpungeIssued, "Some messages have been expunged")
	case errors.Is(err, store.ErrNoSpace):
		c.log.Warn("no space for a change", "err", err)
		return answer("NO", imap.CodeUnavailable, "The disk is full")
	case errors.Is(err, store.ErrUnavailable):
		c.log.Warn("the store does not answer", "err", err)
		return answer("NO", imap.CodeUnavailable, "The mail store does not answer; try again later, and look whether it was done")
	case errors.Is(err, store.ErrApart):
		return answer("NO", imap.CodeCannot, "These mailboxes are not kept together; fetch the messages and append them")
	case errors.Is(err, store.ErrFailed), errors.Is(err, store.ErrClosed), errors.Is(err, context.Canceled):
		c.log.Error("store failed", "err", err)
		return answer("NO", imap.CodeUnavailable, "The mail store cannot be changed at the moment")
	}
	c.log.Error("command failed", "err", err)
	return answer("NO", imap.CodeServerBug, "Internal error; the log has more about it")
}

// printable returns s with what is not printable ASCII replaced, for use in a text.
func printable(s string) string {
	if len(s) > 100 {
		s = s[:100] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
