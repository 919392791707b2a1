package blob_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/blob"
)

func TestKey(t *testing.T) {
	g := blob.GenerationAt(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	if g != 20782 || g != blob.GenerationAt(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)) || g+1 != blob.GenerationAt(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("generation %d", g)
	}
	seen := map[blob.Key]bool{}
	for _, account := range []uint64{0, 1, 1<<64 - 1} {
		for _, g := range []blob.Generation{0, g, 1<<32 - 1} {
			key := blob.NewKey(g, account)
			gotG, gotAccount, err := key.Parse()
			if err != nil || gotG != g || gotAccount != account || !strings.HasPrefix(string(key), g.Prefix()) || seen[key] {
				t.Errorf("%s: %d, %d, %v", key, gotG, gotAccount, err)
			}
			seen[key] = true
		}
	}
	good := "0000512e/0000000000000007/00112233445566778899aabbccddeeff"
	for _, bad := range []string{"", "/", "//", good + "/", good + "0", good[1:], strings.ToUpper(good), good[:9] + "+" + good[10:], "+" + good[1:],
		strings.Replace(good, "/", "_", 1), good[:len(good)-1] + "g", "0x" + good[2:], good[:9] + "0_0" + good[12:], strings.Repeat("x", 1<<20)} {
		if _, _, err := blob.Key(bad).Parse(); !errors.Is(err, blob.ErrBadKey) || len(err.Error()) > 200 {
			t.Errorf("%.80s: %.300v", bad, err)
		}
	}
}

// What Parse accepts is written in one way only.
func FuzzKey(f *testing.F) {
	f.Add("0000512e/0000000000000007/00112233445566778899aabbccddeeff")
	f.Add("../../etc/passwd")
	f.Add("0000512E/0000000000000007/00112233445566778899aabbccddeeff")
	f.Add("+000512e/+000000000000007/00112233445566778899aabbccddeeff")
	f.Fuzz(func(t *testing.T, s string) {
		g, account, err := blob.Key(s).Parse()
		if err != nil {
			if !errors.Is(err, blob.ErrBadKey) {
				t.Error(err)
			}
			return
		}
		if again := fmt.Sprintf("%s%016x/%s", g.Prefix(), account, s[26:]); again != s {
			t.Errorf("%q is %q", s, again)
		}
	})
}
