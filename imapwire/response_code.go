package imapwire

import (
	"strconv"
	"strings"

	"restante/imap"
)

// codes are the response codes that say which kind of error it is: one of imap's Err values. The
// file of an extension adds its own:
//
//	func init() { codes.add(string(imap.CodeUseAttr), imap.ErrUnsupported) }
//
// The arguments of a code are a method of StatusResponse, and a function that appends them, in the
// file of what the code is about: StatusResponse.CopyUID and CopyUIDArgs in copy.go.
var codes table[error]

// Those of RFC 9051 §7.1 and RFC 5530 §3.
func init() {
	for code, kind := range map[imap.Code]error{
		imap.CodeAlreadyExists:        imap.ErrExists,
		imap.CodeAuthenticationFailed: imap.ErrAuth,
		imap.CodeAuthorizationFailed:  imap.ErrAuth,
		imap.CodeClosed:               imap.ErrNotSelected,
		imap.CodeExpired:              imap.ErrAuth,
		imap.CodeExpungeIssued:        imap.ErrExpunged,
		imap.CodeInUse:                imap.ErrUnavailable,
		imap.CodeNonExistent:          imap.ErrNotFound,
		imap.CodeOverQuota:            imap.ErrOverQuota,
		imap.CodePrivacyRequired:      imap.ErrInsecure,
		imap.CodeReadOnly:             imap.ErrReadOnly,
		imap.CodeServerBug:            imap.ErrUnavailable,
		imap.CodeTryCreate:            imap.ErrNotFound,
		imap.CodeUnavailable:          imap.ErrUnavailable,
		"THROTTLED":                   imap.ErrThrottled,
		"WEBALERT":                    imap.ErrAuth,
	} {
		codes.add(string(code), kind)
	}
}

// cutCode splits a response code from the text behind it at the bracket that closes it, which is
// not one in a string or a list. Brackets that come in pairs belong to the code.
func cutCode(s string) (code, rest string, ok bool) {
	depth, list, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '(':
			list++
		case c == ')':
			list--
		case c == '[' && list <= 0:
			depth++
		case c == ']' && list <= 0:
			if depth == 0 {
				return s[:i], s[i+1:], true
			}
			depth--
		}
	}
	// Something in it is not closed: any bracket will do.
	return strings.Cut(s, "]")
}

// num returns the first number of the arguments. Zero is what some servers send when they do not
// know, and no code that has a number can mean it.
func (r *StatusResponse) num(code imap.Code, bits int) (uint64, bool) {
	if r.Code != code {
		return 0, false
	}
	w, _, _ := strings.Cut(r.Args, " ")
	n, err := strconv.ParseUint(w, 10, bits)
	return n, err == nil && n > 0
}
