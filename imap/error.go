package imap

import (
	"errors"
	"time"
)

// Code is the name of a response code (RFC 9051 §7.1), upper case: "TRYCREATE".
type Code string

// The response codes of RFC 9051 §7.1, RFC 5530 and RFC 4315; UNSEEN is of RFC 3501 §7.1.
const (
	CodeAlert                Code = "ALERT"
	CodeAlreadyExists        Code = "ALREADYEXISTS"
	CodeAppendUID            Code = "APPENDUID"
	CodeAuthenticationFailed Code = "AUTHENTICATIONFAILED"
	CodeAuthorizationFailed  Code = "AUTHORIZATIONFAILED"
	CodeBadCharset           Code = "BADCHARSET"
	CodeBadEvent             Code = "BADEVENT" // with the events that there are, RFC 5465 §5
	CodeBadURL               Code = "BADURL"   // RFC 4469 §4.1
	CodeCannot               Code = "CANNOT"
	CodeCapability           Code = "CAPABILITY"
	CodeClientBug            Code = "CLIENTBUG"
	CodeClosed               Code = "CLOSED"
	CodeCompressionActive    Code = "COMPRESSIONACTIVE" // RFC 4978 §3
	CodeContactAdmin         Code = "CONTACTADMIN"
	CodeCopyUID              Code = "COPYUID"
	CodeCorruption           Code = "CORRUPTION"
	CodeExpired              Code = "EXPIRED"
	CodeExpungeIssued        Code = "EXPUNGEISSUED"
	CodeHasChildren          Code = "HASCHILDREN"
	CodeHighestModSeq        Code = "HIGHESTMODSEQ" // RFC 7162 §3.1.2.1
	CodeInProgress           Code = "INPROGRESS"    // RFC 9585 §4
	CodeInUse                Code = "INUSE"
	CodeLimit                Code = "LIMIT"
	CodeModified             Code = "MODIFIED"  // RFC 7162 §3.1.3
	CodeMailboxID            Code = "MAILBOXID" // RFC 8474 §4.1
	CodeMetadata             Code = "METADATA"  // with LONGENTRIES, MAXSIZE, TOOMANY or NOPRIVATE, RFC 5464 §5
	CodeNonExistent          Code = "NONEXISTENT"
	CodeNoPerm               Code = "NOPERM"
	CodeNotificationOverflow Code = "NOTIFICATIONOVERFLOW" // RFC 5465 §5.8
	CodeNotSaved             Code = "NOTSAVED"
	CodeNoUpdate             Code = "NOUPDATE" // RFC 5267 §4.3.1
	CodeOverQuota            Code = "OVERQUOTA"
	CodeParse                Code = "PARSE"
	CodePermanentFlags       Code = "PERMANENTFLAGS"
	CodePrivacyRequired      Code = "PRIVACYREQUIRED"
	CodeReadOnly             Code = "READ-ONLY"
	CodeReadWrite            Code = "READ-WRITE"
	CodeServerBug            Code = "SERVERBUG"
	CodeTooBig               Code = "TOOBIG" // RFC 7889 §4
	CodeTryCreate            Code = "TRYCREATE"
	CodeUIDNext              Code = "UIDNEXT"
	CodeUIDNotSticky         Code = "UIDNOTSTICKY"
	CodeUIDRequired          Code = "UIDREQUIRED" // RFC 9586 §3
	CodeUIDValidity          Code = "UIDVALIDITY"
	CodeUnavailable          Code = "UNAVAILABLE"
	CodeUnknownCTE           Code = "UNKNOWN-CTE"
	CodeUnseen               Code = "UNSEEN"
	CodeUseAttr              Code = "USEATTR" // RFC 6154 §6
)

// Error is a NO, BAD or BYE that a server answered with (RFC 9051 §7.1).
type Error struct {
	Op      string // the command, "SELECT"
	Mailbox string // the mailbox it was about, when there was one
	Status  string // "NO", "BAD" or "BYE"
	Code    Code   // "" when none
	Args    string // the code's arguments, unparsed
	Text    string
	// RetryAfter is how long the server asks to wait, when it says so in its code or text.
	RetryAfter time.Duration
	// Kind is one of the Err values below, or nil; errors.Is finds it.
	Kind error
}

// Error says what failed and what the server said of it.
func (e *Error) Error() string {
	s := e.Op
	if e.Mailbox != "" {
		s += " " + e.Mailbox
	}
	if s != "" {
		s += ": "
	}
	s += e.Status
	if e.Code != "" {
		s += " [" + string(e.Code) + "]"
	}
	if e.Text != "" {
		s += " " + e.Text
	}
	return s
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Kinds of errors, for errors.Is. They are derived from the response code and, for servers that
// send none, from known texts.
var (
	ErrAuth        = errors.New("authentication failed")
	ErrNotFound    = errors.New("no such mailbox")
	ErrExists      = errors.New("mailbox exists")
	ErrOverQuota   = errors.New("over quota")
	ErrTooBig      = errors.New("message too big")
	ErrThrottled   = errors.New("throttled")
	ErrTooMany     = errors.New("too many connections")
	ErrUnavailable = errors.New("temporarily unavailable")
	ErrReadOnly    = errors.New("mailbox is read-only")
	ErrExpunged    = errors.New("message expunged")
	ErrUnsupported = errors.New("not supported by this server")
	ErrNotSelected = errors.New("mailbox is no longer selected")
	ErrUIDValidity = errors.New("UIDVALIDITY has changed: UIDs mean other messages now")
	ErrClosed      = errors.New("connection closed")
	ErrProtocol    = errors.New("protocol error")
	ErrMissing     = errors.New("server did not send the section")
	ErrStale       = errors.New("body is read after its iteration went on; Message.Keep keeps it")
	ErrUncertain   = errors.New("connection lost; the command may or may not have been executed")
	ErrWouldBlock  = errors.New("reply is behind a stream nobody reads")
	ErrInsecure    = errors.New("refusing to send a password without TLS")
)
