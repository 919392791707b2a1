package imap

import (
	"strings"
	"testing"
)

func TestWalk(t *testing.T) {
	p := &Part{Subtype: "a", Parts: []*Part{{Subtype: "b", Parts: []*Part{{Subtype: "c"}}}, {Subtype: "d"}}}
	var got []string
	for p := range p.Walk() {
		if got = append(got, p.Subtype); p.Subtype == "c" {
			break
		}
	}
	if s := strings.Join(got, " "); s != "a b c" {
		t.Errorf("got %q", s)
	}
}
