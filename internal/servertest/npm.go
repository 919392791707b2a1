package servertest

import (
	"os"
	"os/exec"
	"testing"
)

// NPMInstalls is the environment variable that, set to 1, lets tests install packages from the npm
// registry. The other tests need no network.
const NPMInstalls = "RESTANTE_NPM"

// NPM installs npm packages into a new folder, and returns it with the path of node. The test is
// skipped unless RESTANTE_NPM is 1.
func NPM(t testing.TB, packages ...string) (dir, node string) {
	t.Helper()
	if os.Getenv(NPMInstalls) != "1" {
		t.Skipf("%v must be installed from the npm registry, which %s=1 allows", packages, NPMInstalls)
	}
	node = Need(t, "node", "nodejs")
	npm := Need(t, "npm", "npm")
	dir = t.TempDir()
	args := append([]string{"install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts"}, packages...)
	if out, err := exec.Command(npm, args...).CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	return dir, node
}
