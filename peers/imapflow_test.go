package peers

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"restante/internal/servertest"
)

// runIn is run in a folder.
func runIn(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
	return string(out)
}

// TestImapflow runs what the Node client imapflow offers, over TLS and STARTTLS.
func TestImapflow(t *testing.T) {
	dir, node := servertest.NPM(t, "imapflow@2")
	s := start(t)
	script, err := filepath.Abs("testdata/imapflow_all.mjs")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(s.IMAPAddr)
	_, tlsPort, _ := net.SplitHostPort(s.IMAPSAddr)
	out := runIn(t, dir, node, script, port, tlsPort, s.CertFile, user, password)
	contains(t, out, "imapflow was answered as it should be")
}
