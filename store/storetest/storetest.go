// Package storetest tests store drivers: what package store says of every method and operation,
// random commits in lockstep with memstore, and stores whose process was killed or whose files are
// damaged. A driver's test is one call of Run. That the tests notice what is wrong is tested too:
// on drivers with faults.
//
// Follow makes a store for the tests of those who use one.
package storetest

import (
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"restante/store"
)

// Opener is a driver under test.
type Opener struct {
	// Open opens the store in dir, a directory that exists, and creates it if there is none.
	Open func(dir string) (store.Store, error)
	// Persistent says that a store that is opened again in the same dir holds what it held. Such
	// a driver is tested with reopening and, in a child process, with SIGKILL.
	Persistent bool
	// Tear, if not nil, does to a store whose process was killed what a power loss can do beyond
	// that: it cuts off or garbles what was not synced yet. It says what it did.
	Tear func(dir string, rnd *rand.Rand) (description string)
	// MaxMessage is how many octets a message may have at most, 0 when that is too much to test.
	MaxMessage int64
	// History is how many octets each mailbox remembers of what was removed from it, 0 when that is
	// too much to test.
	History int
	// Check, if not nil, looks at the files of a closed store and returns an error when there is
	// something that nobody needs, such as staged bodies that were not committed.
	Check func(dir string) error
	// Corrupt, if not nil, damages the files of a closed store where they were synced long ago.
	Corrupt func(dir string, rnd *rand.Rand) (description string)
}

// SeedEnv names the environment variable that sets the seed of the random tests; every test logs
// the seed that it used.
const SeedEnv = "RESTANTE_SEED"

// RoundsEnv names the environment variable that sets how often the crash tests kill the store.
const RoundsEnv = "RESTANTE_CRASH_ROUNDS"

// Run tests the driver. For the crash tests it starts the test binary again, with only the test
// that called Run; there Run does not return.
func Run(t *testing.T, o Opener) {
	if runChild(o) {
		return
	}
	others := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, others) })
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) { c.test(newEnv(t, o)) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, o) })
	if !o.Persistent {
		return
	}
	t.Run("Crash", func(t *testing.T) { testCrash(t, o, nil) })
	if o.Tear != nil {
		t.Run("Torn", func(t *testing.T) { testCrash(t, o, o.Tear) })
	}
	if o.Corrupt != nil {
		t.Run("Corrupt", func(t *testing.T) { testCorrupt(t, o) })
	}
}

// conformance are the tests of single methods and invariants.
var conformance = []struct {
	name string
	test func(*env)
}{
	{"Users", testUsers},
	{"DeleteUser", testDeleteUser},
	{"Namespace", testNamespace},
	{"CreateID", testCreateID},
	{"UIDValidity", testUIDValidity},
	{"DeleteMailbox", testDeleteMailbox},
	{"Metadata", testMetadata},
	{"MetadataLimits", testMetadataLimits},
	{"Quota", testQuota},
	{"QuotaRace", testQuotaRace},
	{"Stage", testStage},
	{"StageFails", testStageFails},
	{"StageTooBig", testStageTooBig},
	{"StageStale", testStageStale},
	{"StageSlowly", testStageSlowly},
	{"Append", testAppend},
	{"AppendFails", testAppendFails},
	{"AppendShared", testAppendShared},
	{"AppendConcurrently", testAppendConcurrently},
	{"StoreFlags", testStoreFlags},
	{"UnchangedSince", testUnchangedSince},
	{"MustExist", testMustExist},
	{"Keywords", testKeywords},
	{"ManyKeywords", testManyKeywords},
	{"TooManyKeywords", testTooManyKeywords},
	{"Expunge", testExpunge},
	{"Copy", testCopy},
	{"CopyDetails", testCopyDetails},
	{"CopyKeywords", testCopyKeywords},
	{"CopyToAccount", testCopyToAccount},
	{"Move", testMove},
	{"CopyToSelf", testCopyToSelf},
	{"MoveConcurrently", testMoveConcurrently},
	{"Commit", testCommit},
	{"CommitFails", testCommitFails},
	{"CommitRenameInbox", testCommitRenameInbox},
	{"CommitReplace", testCommitReplace},
	{"CommitDeliver", testCommitDeliver},
	{"StoreRace", testStoreRace},
	{"MustExistRace", testMustExistRace},
	{"Changes", testChanges},
	{"ChangesTooOld", testChangesTooOld},
	{"ChangesDeleted", testChangesDeleted},
	{"Refresh", testRefresh},
	{"Changed", testChanged},
	{"Bell", testBell},
	{"AccountBell", testAccountBell},
	{"Hold", testHold},
	{"HoldGhosts", testHoldGhosts},
	{"HoldOpenBody", testHoldOpenBody},
	{"Recent", testRecent},
	{"Body", testBody},
	{"Details", testDetails},
	{"DetailsLimit", testDetailsLimit},
	{"Context", testContext},
	{"Closed", testClosed},
}
