package blobtest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"restante/blob"
)

// faultEnv names the mistake of the driver that TestFaultyDriver runs the suite on.
const faultEnv = "RESTANTE_BLOBTEST_FAULT"

// faults are mistakes of drivers, and the tests of the suite that must notice them.
var faults = []struct{ name, noticedBy string }{
	{"check fails", "Check"},
	{"close fails", "Check"},
	{"put keeps what it has read", "PutFails"},
	{"put keeps what it has read", "PutShort"},
	{"put loses the reader's error", "PutFails"},
	{"put fills up", "PutShort"},
	{"put takes the whole body", "PutShort"},
	{"put cuts off at 5 MiB", "Sizes"},
	{"put loses what is empty", "Sizes"},
	{"put locks while it reads", "PutTogether"},
	{"put reads late", "PutReturns"},
	{"put leaks", ""},
	{"offset ignored", "Offsets"},
	{"offset is one less", "Offsets"},
	{"the end is an error", "Offsets"},
	{"bad keys accepted", "BadKey"},
	{"what is not there is empty", "NotFound"},
	{"not found is another error", "NotFound"},
	{"delete does nothing", "Delete"},
	{"delete removes the first only", "Delete"},
	{"delete removes 1000 only", "ListPages"},
	{"delete fails for what is not there", "Delete"},
	{"delete stops at what is not there", "Delete"},
	{"delete removes the generation", "Delete"},
	{"list ends with the first page", "ListPages"},
	{"list has all generations", "List"},
	{"list has no sizes", "List"},
	{"list repeats", "List"},
	{"list swallows errors", "Context"},
	{"context ignored by Put", "Context"},
	{"context ignored by Open", "Context"},
	{"context ignored by Delete", "Context"},
	{"context ignored by List", "Context"},
	{"context ignored by Check", "Context"},
}

// TestFaults runs the suite, each time on a driver with another mistake, and wants it to fail.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name+" "+f.noticedBy, func(t *testing.T) {
			run := "^TestFaultyDriver$"
			if f.noticedBy != "" {
				run += "/^" + f.noticedBy + "$"
			}
			cmd := exec.Command(os.Args[0], "-test.run="+run)
			cmd.Env = append(os.Environ(), faultEnv+"="+f.name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), strings.TrimSuffix("--- FAIL: TestFaultyDriver/"+f.noticedBy, "/")) || strings.Contains(string(out), "panic:") {
				t.Errorf("not noticed: %v\n%.20000s", err, out)
			}
		})
	}
}

// TestFaultyDriver is run by TestFaults, in a process of its own.
func TestFaultyDriver(t *testing.T) {
	fault := os.Getenv(faultEnv)
	patience = 200 * time.Millisecond // for what blocks for ever
	if fault == "" {
		patience = 30 * time.Second
	}
	Run(t, func(*testing.T) blob.Store { return &faultyDriver{Memory: NewMemory(), fault: fault} })
}
