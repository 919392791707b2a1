package peers

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"restante/internal/servertest"
)

// npmInstalls is the environment variable that, set to 1, allows tests to install packages from
// the npm registry into a temporary folder.
const npmInstalls = "RESTANTE_NPM"

// npmInstall installs packages into a new folder, and returns it with the path of node. The test
// is skipped unless RESTANTE_NPM is 1: the other tests need no network.
func npmInstall(t *testing.T, packages ...string) (dir, node string) {
	t.Helper()
	if os.Getenv(npmInstalls) != "1" {
		t.Skipf("%v must be installed from the npm registry, which %s=1 allows", packages, npmInstalls)
	}
	node = servertest.Need(t, "node", "nodejs")
	npm := servertest.Need(t, "npm", "npm")
	dir = t.TempDir()
	run(t, npm, append([]string{"install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts"}, packages...)...)
	return dir, node
}

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
	dir, node := npmInstall(t, "imapflow@2")
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
