package sasl

import (
	"errors"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
	"golang.org/x/text/secure/precis"
)

// ErrPassword says that a password is empty or holds characters that none may hold, such as
// control characters. It says nothing more, for errors are logged.
var ErrPassword = errors.New("sasl: password is empty or has characters that are not allowed")

// PreparePassword returns the form of a password that keys are derived from and that is compared:
// SASLprep (RFC 4013), as SCRAM demands. That profile ends with Unicode 3.2; what it does not
// know, emoji for instance, is prepared as an OpaqueString (RFC 8265 §4.2).
func PreparePassword(password string) (string, error) {
	if !utf8.ValidString(password) {
		return "", ErrPassword
	}
	prepared, err := stringprep.SASLprep.Prepare(password)
	if err != nil {
		prepared, err = precis.OpaqueString.String(password)
	}
	if err != nil || prepared == "" {
		return "", ErrPassword
	}
	return prepared, nil
}

// prepareUser returns the form of a user name that SCRAM sends (RFC 5802 §5.1). A name that
// SASLprep refuses is sent as it is; the server knows best.
func prepareUser(user string) string {
	if prepared, err := stringprep.SASLprep.Prepare(user); err == nil && prepared != "" {
		return prepared
	}
	return user
}
