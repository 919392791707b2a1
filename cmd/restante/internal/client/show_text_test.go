package client

import "testing"

func TestTidy(t *testing.T) {
	if got, want := collapseBlankLines("\n \n a  \n\n \n\u00a0\nb\n\n"), " a\n\nb\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
