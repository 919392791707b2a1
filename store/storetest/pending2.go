package storetest

import (
	"maps"
	"restante/imap"
	"slices"
	"strings"
)

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
