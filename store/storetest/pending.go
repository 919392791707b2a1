package storetest

import (
	"maps"
	"math/rand/v2"
	"restante/imap"
	"slices"
	"strings"
	"testing"
)

func testModel(t *testing.T, o Opener)                                       {}
func testCrash(t *testing.T, o Opener, tear func(string, *rand.Rand) string) {}
func testCorrupt(t *testing.T, o Opener)                                     {}
func runChild(o Opener) bool                                                 { return false }
func pick[T any](rnd *rand.Rand, from []T) T                                 { return from[rnd.IntN(len(from))] }
func changeFlags(old string, op imap.StoreOp, flags []imap.Flag) string {
	set := map[string]bool{}
	if op != imap.StoreSet {
		for _, f := range strings.Fields(old) {
			set[f] = true
		}
	}
	for _, f := range strings.Fields(flagString(flags)) {
		if delete(set, f); op != imap.StoreRemove {
			set[f] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), " ")
}
