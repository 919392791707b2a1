package peers

import (
	"net"
	"testing"

	"restante/internal/servertest"
)

// TestMailIMAPClient runs the Perl module that imapsync is built on, and migrates an account from
// one server to another with it.
func TestMailIMAPClient(t *testing.T) {
	perl := servertest.NeedPerl(t, "Mail::IMAPClient", "libmail-imapclient-perl")
	servertest.NeedPerl(t, "IO::Socket::SSL", "libio-socket-ssl-perl")
	args := []string{"testdata/mail_imapclient.pl", user, password}
	for _, s := range []*servertest.Server{start(t), start(t)} {
		_, port, _ := net.SplitHostPort(s.IMAPAddr)
		_, tlsPort, _ := net.SplitHostPort(s.IMAPSAddr)
		args = append(args, port, tlsPort, s.CertFile)
	}
	contains(t, run(t, perl, args...), "\n1..")
}
