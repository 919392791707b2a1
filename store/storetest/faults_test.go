package storetest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"restante/store"
	"restante/store/memstore"
)

// faultEnv names the fault of the driver that TestFaulty runs the suite on.
const faultEnv = "RESTANTE_STORETEST_FAULT"

// faults are mistakes of drivers, and the tests of the suite that must notice them: always, on a
// machine of any speed.
var faults = []struct{ name, noticedBy string }{
	{"body cut off", "Body"},
	{"context ignored", "Context"},
	{"user stays", "DeleteUser"},
	{"stale version", "Append"},
	{"refresh is old", "Refresh"},

	{"stage loses the reader's error", "StageFails"},
	{"stage cuts off what is too big", "StageTooBig"},
	{"stage locks while it reads", "StageSlowly"},
	{"discard does nothing", "StageStale"},
	{"a body for two commits", "StageStale"},

	{"commit is not atomic", "CommitFails"},
	{"messages one at a time", "AppendFails"},
	{"commit is not atomic", "Model"},
	{"commit blames the first operation", "CommitFails"},
	{"commit blames nobody", "MustExist"},
	{"commit rings before it is known", "CommitFails"},

	{"append loses \\Flagged", "Model"},
	{"append gives one UID twice", "AppendConcurrently"},
	{"append loses a shared body", "AppendShared"},
	{"append loses a shared body", "CommitDeliver"},
	{"append loses a shared body", "Model"},
	{"append loses the saved date", "Append"},
	{"append loses the saved date", "Model"},
	{"append loses far keywords", "ManyKeywords"},
	{"append loses far keywords", "Model"},
	{"append makes an email ID", "Append"},

	{"store touches what stays the same", "StoreFlags"},
	{"store is done to messages that are not there", "StoreFlags"},
	{"store is done to messages that are not there", "StoreRace"},
	{"store learns keywords for no message", "UnchangedSince"},
	{"UNCHANGEDSINCE ignored", "UnchangedSince"},
	{"UNCHANGEDSINCE ignored", "StoreRace"},
	{"UNCHANGEDSINCE ignored", "Model"},
	{"UNCHANGEDSINCE 0 ignored", "UnchangedSince"},
	{"UNCHANGEDSINCE of before the commit", "UnchangedSince"},
	{"modified is empty", "UnchangedSince"},
	{"modified is everything", "UnchangedSince"},
	{"MustExist ignored", "MustExist"},
	{"MustExist ignored", "Model"},

	{"expunge without \\Deleted", "Expunge"},
	{"expunge undeleted ignored", "Expunge"},
	{"copy loses flags", "Copy"},
	{"copy loses flags", "Model"},
	{"copy changes the email ID", "CopyDetails"},
	{"copy changes the email ID", "Model"},
	{"move keeps the source", "Move"},
	{"move keeps the source", "CommitRenameInbox"},
	{"created ID ignored", "CreateID"},

	{"changes lose an expunge", "Changes"},
	{"changes lose an expunge", "Model"},
	{"changes lose a row", "Changes"},
	{"changes lose a row", "Model"},
	{"changes too old are not told", "ChangesTooOld"},
	{"changes too old are told too late", "ChangesTooOld"},
	{"the end of a mailbox is too old", "ChangesDeleted"},
	{"changed forgets a mailbox", "Changed"},
	{"changed forgets a mailbox", "Model"},
	{"changed knows everything", "Changed"},

	{"metadata stays", "Metadata"},
	{"metadata stays", "Model"},
	{"one metadata entry at a time", "Metadata"},
	{"no quota", "Quota"},
	{"no quota", "QuotaRace"},
	{"no quota", "Model"},

	{"no bell", "Bell"},
	{"no bell of the account", "AccountBell"},
	{"hold nothing", "Hold"},
	{"hold nothing", "Model"},
	{"hold no ghosts", "HoldGhosts"},
	{"hold no ghosts", "Model"},
	{"hold for ever", "Hold"},
	{"recent twice", "Recent"},
	{"details are left over", "Details"},
	{"details without a limit", "DetailsLimit"},
	{"details lose the thread", "Details"},

	{"open loses a message", "Crash"},
	{"open loses a flag", "Crash"},
	{"open adds a message", "Crash"},
	{"open loses a mailbox", "Crash"},
	{"open loses everything", "Crash"},
	{"open loses the last append", "Crash"},
	{"open loses what was removed", "Changes"},
	{"operations one at a time", "Crash"},
	{"messages one at a time", "Crash"},
	{"tear loses a message", "Torn"},
	{"corrupt loses a message", "Corrupt"},
}

// TestFaults runs the suite, each time on a driver with another fault, and wants it to fail.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	for _, f := range faults {
		t.Run(f.name+" "+f.noticedBy, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaulty$/^"+f.noticedBy+"$")
			cmd.Env = append(os.Environ(), faultEnv+"="+f.name, RoundsEnv+"=2")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestFaulty/"+f.noticedBy) || strings.Contains(string(out), "panic:") {
				t.Errorf("not noticed: %v\n%.20000s", err, out)
			}
		})
	}
}

// TestFaulty is run by TestFaults, in a process of its own.
func TestFaulty(t *testing.T) {
	fault := os.Getenv(faultEnv)
	if fault == "" {
		t.Skip("there is no fault")
	}
	patience = time.Second // for what is to block
	o := faultyOnDisk(fault)
	if !o.Persistent {
		options := memstore.Options{History: diaryHistory, MaxMessage: diaryMaxMessage}
		o.Open = func(string) (store.Store, error) { return &faulty{Store: memstore.Open(options), fault: fault}, nil }
	}
	o.History, o.MaxMessage = diaryHistory, diaryMaxMessage
	Run(t, o)
}
