package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// NeedDisk mounts a filesystem of so many octets for the test, and returns its directory. The test is
// skipped where that is not possible, or fails when RESTANTE_REQUIRE_PEERS is 1.
func NeedDisk(t testing.TB, octets int64) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=0700", octets), "tmpfs", dir).CombinedOutput()
	if err == nil {
		t.Cleanup(func() {
			if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
				t.Errorf("umount %s: %v: %s", dir, err, out)
			}
		})
		return dir
	}
	if os.Getenv(RequirePeers) == "1" {
		t.Fatalf("a filesystem of its own is needed, which takes root: %v: %s", err, out)
	}
	t.Skipf("no filesystem can be mounted, which takes root: %v: %s", err, out)
	return ""
}
