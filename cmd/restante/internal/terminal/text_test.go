package terminal

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// dirty has what must not reach a terminal: escapes in both forms, a bell, an override of
// direction, broken UTF-8.
const dirty = "a\x1b[31mb\u009b1mc\ad\u202eevil\u2066f\r\ng\xffh\u2028i\x7f\x00\u200fשלום"

func TestClean(t *testing.T) {
	if got, want := Clean(dirty), "a�[31mb�1mc�devilf g�h i��\u200fשלום"; got != want {
		t.Errorf("Clean: %q, want %q", got, want)
	}
	// In pieces of any size a writer does the same, but keeps lines.
	for size := 1; size < 12; size++ {
		var b bytes.Buffer
		w := NewCleanWriter(&b)
		for i := 0; i < len(dirty); i += size {
			if _, err := w.Write([]byte(dirty[i:min(len(dirty), i+size)])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := b.String(), "a�[31mb�1mc�devilf\ng�h\u2028i��\u200fשלום"; got != want {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(dirty)
	f.Fuzz(func(t *testing.T, s string) {
		out := Clean(s)
		if !utf8.ValidString(out) || strings.IndexFunc(out, unicode.IsControl) >= 0 {
			t.Errorf("Clean(%q) = %q", s, out)
		}
		if again := Clean(out); again != out {
			t.Errorf("cleaning %q again gives %q", out, again)
		}
	})
}
