package storetest

import (
	"math/rand/v2"
	"testing"
)

func testCrash(t *testing.T, o Opener, tear func(string, *rand.Rand) string) {}
func testCorrupt(t *testing.T, o Opener)                                     {}
func runChild(o Opener) bool                                                 { return false }
