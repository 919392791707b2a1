package peers

import (
	"net"
	"testing"

	"restante/internal/servertest"
)

// TestNetIMAP runs the commands of Ruby's Net::IMAP.
func TestNetIMAP(t *testing.T) {
	ruby := servertest.Need(t, "ruby", "ruby")
	s := start(t)
	_, port, _ := net.SplitHostPort(s.IMAPAddr)
	_, tlsPort, _ := net.SplitHostPort(s.IMAPSAddr)
	contains(t, run(t, ruby, "-W0", "testdata/net_imap.rb", port, tlsPort, s.CertFile, user, password), " checks of Net::IMAP ")
}
