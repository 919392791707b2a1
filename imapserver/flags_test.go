package imapserver

import (
	"strings"
	"testing"

	"restante/mailbox"
)

// The texts of very many sets of long keywords do not pile up.
func TestFlagTextsBounded(t *testing.T) {
	var texts flagTexts
	for i := range 10_000 {
		flags := mailbox.FlagBits(i)
		text := strings.Repeat("x", 59*maxKeyword)
		texts.keep(flags, text)
		if texts.of[flags] != text {
			t.Fatal("a text is not kept until the next")
		}
		octets := 0
		for _, kept := range texts.of {
			octets += len(kept)
		}
		if octets > maxFlagTexts {
			t.Fatalf("after %d texts %d octets are held", i+1, octets)
		}
	}
	texts = flagTexts{}
	for i := range 10_000 {
		texts.keep(mailbox.FlagBits(i), "()")
		if len(texts.of) > 1024 {
			t.Fatalf("%d short texts are held", len(texts.of))
		}
	}
}
