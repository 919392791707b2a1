package client

import (
	"testing"

	"restante/imap"
)

func TestNewestOf(t *testing.T) {
	var set imap.UIDSet
	set.AddRange(1, 10)
	set.AddRange(20, 22)
	set.Add(4_294_967_295)
	for n, want := range map[int]string{0: "", 1: "4294967295", 2: "22,4294967295", 4: "20:22,4294967295", 6: "9:10,20:22,4294967295", 99: "1:10,20:22,4294967295"} {
		if got := newestOf(set, n).String(); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
