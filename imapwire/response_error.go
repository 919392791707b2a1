package imapwire

import (
	"strconv"
	"strings"
	"time"

	"restante/imap"
)

// NewError returns the error that a NO, BAD or BYE means. op is the command that it answers and
// mailbox the one that it was about; both may be "".
func NewError(op, mailbox string, r *StatusResponse) *imap.Error {
	return &imap.Error{Op: op, Mailbox: mailbox, Status: r.Status, Code: r.Code, Args: r.Args, Text: r.Text,
		RetryAfter: RetryAfter(r.Code, r.Args, r.Text), Kind: ErrorKind(r.Code, r.Text)}
}

// ErrorKind returns the kind of error that a response code and, for servers that send none or a
// misleading one, a known text stand for: one of imap's Err values, or nil.
func ErrorKind(code imap.Code, text string) error {
	text = strings.ToLower(text)
	for _, k := range kindsByText {
		if strings.Contains(text, k.text) && (k.code == "" || k.code == code) {
			return k.kind
		}
	}
	if kind := codes.find(string(code)); kind != nil {
		return *kind
	}
	return nil
}

// kindsByText are texts of servers in use, in lower case, with the code beside which they stand
// when another code would say otherwise. The first that is found counts.
var kindsByText = []struct {
	text string
	code imap.Code
	kind error
}{
	{"throttl", "", imap.ErrThrottled},                            // Office 365, Yahoo
	{"backoff time", "", imap.ErrThrottled},                       // Office 365
	{"command or bandwidth limits", "", imap.ErrThrottled},        // Gmail, with OVERQUOTA
	{"rate limit", "", imap.ErrThrottled},                         //
	{"too many login", "", imap.ErrThrottled},                     //
	{"maximum number of connections", "", imap.ErrTooMany},        // Dovecot, with UNAVAILABLE
	{"too many simultaneous connections", "", imap.ErrTooMany},    // Gmail, with ALERT
	{"too many connections", "", imap.ErrTooMany},                 //
	{"too many open connections", "", imap.ErrTooMany},            //
	{"connection limit", "", imap.ErrTooMany},                     //
	{"authenticated but not connected", "", imap.ErrAuth},         // Exchange: a wrong password shows late
	{"log in via your web browser", "", imap.ErrAuth},             // Gmail, with ALERT
	{"web login required", "", imap.ErrAuth},                      // Gmail
	{"application-specific password", "", imap.ErrAuth},           // Gmail, with ALERT
	{"invalid credentials", "", imap.ErrAuth},                     // Gmail
	{"authentication failed", "", imap.ErrAuth},                   // Dovecot, Exchange
	{"login failed", "", imap.ErrAuth},                            // Exchange, Courier
	{"unsafe login", "", imap.ErrAuth},                            // Coremail
	{"session expired", "", imap.ErrClosed},                       // Gmail
	{"connection is closed", "", imap.ErrClosed},                  // Office 365
	{"no longer exist", "", imap.ErrExpunged},                     // Dovecot
	{"messages have been expunged", "", imap.ErrExpunged},         // Dovecot
	{"mailbox is read-only", "", imap.ErrReadOnly},                // Dovecot
	{"read-only mailbox", "", imap.ErrReadOnly},                   //
	{"message too large", "", imap.ErrTooBig},                     // Exchange
	{"message size exceeds", "", imap.ErrTooBig},                  //
	{"maximum message size", "", imap.ErrTooBig},                  // Gmail
	{"quota exceeded", "", imap.ErrOverQuota},                     // Dovecot, Cyrus
	{"over quota", "", imap.ErrOverQuota},                         //
	{"mailbox is full", "", imap.ErrOverQuota},                    //
	{"mailbox already exists", "", imap.ErrExists},                // Dovecot, Cyrus
	{"folder already exists", "", imap.ErrExists},                 //
	{"mailbox doesn't exist", "", imap.ErrNotFound},               // Dovecot
	{"mailbox does not exist", "", imap.ErrNotFound},              // Cyrus
	{"doesn't exist", imap.CodeCannot, imap.ErrNotFound},          //
	{"unknown mailbox", "", imap.ErrNotFound},                     // Gmail
	{"no such mailbox", "", imap.ErrNotFound},                     // UW
	{"temporarily unavailable", "", imap.ErrUnavailable},          //
	{"unrecognised command", "", imap.ErrUnsupported},             // mail.ru, with CLIENTBUG
	{"unrecognized command", "", imap.ErrUnsupported},             //
	{"unknown command", "", imap.ErrUnsupported},                  //
	{"command not implemented", "", imap.ErrUnsupported},          //
	{"unsupported command", "", imap.ErrUnsupported},              //
	{"no mailbox selected", "", imap.ErrNotSelected},              // Dovecot
	{"plaintext authentication disallowed", "", imap.ErrInsecure}, // Dovecot
	{"cleartext authentication disallowed", "", imap.ErrInsecure}, // Dovecot
	{"server shutting down", "", imap.ErrUnavailable},             //
}

// RetryAfter returns how long a server asks to wait, 0 when it does not. Office 365 writes
// "Suggested Backoff Time: 92415 milliseconds", others "try again in 30 seconds" or
// [THROTTLED 30], which is in seconds.
func RetryAfter(code imap.Code, args, text string) time.Duration {
	text = strings.ToLower(text)
	for _, hint := range [...]string{"backoff time", "retry after", "try again in", "try again after", "wait"} {
		_, rest, ok := strings.Cut(text, hint)
		if !ok {
			continue
		}
		rest = strings.TrimLeft(rest, ": for")
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseUint(rest[:digits], 10, 32)
		if err != nil {
			continue
		}
		return time.Duration(n) * unit(strings.TrimLeft(rest[digits:], " "))
	}
	if code == "THROTTLED" {
		if n, err := strconv.ParseUint(args, 10, 32); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return 0
}

func unit(word string) time.Duration {
	switch {
	case strings.HasPrefix(word, "ms"), strings.HasPrefix(word, "milli"):
		return time.Millisecond
	case strings.HasPrefix(word, "min"):
		return time.Minute
	case strings.HasPrefix(word, "hour"):
		return time.Hour
	}
	return time.Second
}
