package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	"restante/cmd/restante/internal/account"
	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
)

// explainedError is an error with a text for people; the error itself is still there for errors.Is.
type explainedError struct {
	text string
	err  error
}

func (e *explainedError) Error() string { return e.text }
func (e *explainedError) Unwrap() error { return e.err }

// explain says what an error of the client library means for somebody at a terminal, and what can
// be done about it. What the server wrote is made safe to print.
func explain(err error, a *account.Account) error {
	var done *explainedError
	var usage cli.UsageError
	if err == nil || errors.As(err, &done) || errors.As(err, &usage) || errors.Is(err, context.Canceled) {
		return err
	}
	return &explainedError{explanation(err, a), err}
}

func explanation(err error, a *account.Account) string {
	text := terminal.Clean(err.Error())
	var refused *imap.Error
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var mismatch *account.MismatchError
	switch {
	case errors.As(err, &mismatch):
		return fmt.Sprintf("%s %s", a.URL, terminal.Clean(mismatch.Error()))
	case errors.Is(err, imap.ErrAuth):
		return fmt.Sprintf("%s refuses the login of %s: check user and password (%s)", a.URL, terminal.Clean(a.User), serverText(err))
	case errors.Is(err, imap.ErrInsecure):
		return fmt.Sprintf("%s encrypts nothing, and the password would be readable on the way; "+
			"use imaps://, or --allow-plaintext (allow_plaintext = true) if you want that", a.URL)
	case errors.As(err, &unknown):
		return fmt.Sprintf("%s has a certificate that nobody vouches for; if it is the right one, "+
			"give its file with --cafile (cafile = in the configuration)", a.URL)
	case errors.As(err, &wrongName):
		return fmt.Sprintf("%s: %s; use a host name that the certificate is for", a.URL, terminal.Clean(wrongName.Error()))
	case errors.As(err, &refused) && refused.Code == imap.CodeBadCharset:
		return "the server can only search for text in plain ASCII"
	case errors.As(err, &dns):
		return fmt.Sprintf("%s: the host is not known: %s", a.URL, terminal.Clean(dns.Error()))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("%s: nothing listens there: %s", a.URL, text)
	}
	return text
}

// serverText returns what the server said.
func serverText(err error) string {
	var e *imap.Error
	if errors.As(err, &e) {
		return terminal.Clean(e.Text)
	}
	return terminal.Clean(err.Error())
}
