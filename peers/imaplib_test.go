package peers

import (
	"net"
	"path/filepath"
	"testing"

	"restante/internal/servertest"
)

// TestImaplibTutorial runs the tutorial as it stands.
func TestImaplibTutorial(t *testing.T) {
	python := servertest.Need(t, "python3", "python3")
	s := start(t)
	eml := writeFile(t, filepath.Join(t.TempDir(), "m.eml"), message("the tutorial"))
	run(t, s.Binary, "import", "--data", s.Data, "--user", user, eml, eml)
	host, port, _ := net.SplitHostPort(s.IMAPSAddr)
	out := run(t, python, "testdata/tutorial.py", host, port, s.CertFile, user, password)
	contains(t, out, "Message b'1'", "Message b'2'", "Subject: the tutorial", `Gr\xc3\xbc\xc3\x9fe,\r\n.a line with a dot\r\n`)
}

// TestImaplibMethods calls every method of imaplib that the base protocol serves.
func TestImaplibMethods(t *testing.T) {
	python := servertest.Need(t, "python3", "python3")
	s := start(t)
	host, port, _ := net.SplitHostPort(s.IMAPAddr)
	_, tlsPort, _ := net.SplitHostPort(s.IMAPSAddr)
	out := run(t, python, "testdata/imaplib_all.py", host, port, tlsPort, s.CertFile, user, password)
	contains(t, out, "calls of imaplib answered as they should be")
}
