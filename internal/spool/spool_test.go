package spool

import (
	"io"
	"os"
	"strings"
	"testing"
)

func TestSpool(t *testing.T) {
	for _, limit := range []int64{0, 3, 5, 6, 100} {
		s := Spool{Dir: t.TempDir(), Limit: limit}
		for _, part := range []string{"ab", "", "cd", "ef"} {
			if n, err := s.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if (s.file == nil) != (limit >= 6) {
			t.Errorf("limit %d: in memory: %v", limit, s.file == nil)
		}
		for range 2 {
			if got, err := io.ReadAll(s.Reader()); string(got) != "abcdef" || err != nil || s.Size() != 6 {
				t.Errorf("limit %d: %q of %d, %v", limit, got, s.Size(), err)
			}
		}
		if got, err := io.ReadAll(io.NewSectionReader(&s, 2, 3)); string(got) != "cde" || err != nil {
			t.Errorf("limit %d: %q %v", limit, got, err)
		}
		if left, err := os.ReadDir(s.Dir); len(left) > 0 || err != nil {
			t.Error(left, err)
		}
		s.Close()
		s.Close()
		if s.Size() != 0 {
			t.Error("not empty")
		}
	}
	s := Spool{Dir: t.TempDir() + "/missing"}
	if _, err := s.Write([]byte("x")); err == nil || !strings.HasPrefix(err.Error(), "spool: ") {
		t.Error(err)
	}
}
