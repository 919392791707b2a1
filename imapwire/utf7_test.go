package imapwire

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

func TestUTF7(t *testing.T) {
	for _, c := range []struct{ plain, wire string }{
		{"INBOX", "INBOX"}, {"", ""}, {"a&b", "a&-b"}, {"&", "&-"}, {"&&", "&-&-"},
		{"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"}, // RFC 3501 §5.1.3
		{"Entwürfe", "Entw&APw-rfe"}, {"Приветствие", "&BB8EQAQ4BDIENQRCBEEEQgQyBDgENQ-"},
		{"😀", "&2D3eAA-"}, {"a\tb", "a&AAk-b"}, {"\x7f", "&AH8-"}, {"é&è", "&AOk-&-&AOg-"},
	} {
		if got := EncodeUTF7(c.plain); got != c.wire {
			t.Errorf("encode %q: got %q, want %q", c.plain, got, c.wire)
		}
		if got, err := DecodeUTF7(c.wire); err != nil || got != c.plain {
			t.Errorf("decode %q: got %q, %v, want %q", c.wire, got, err, c.plain)
		}
	}
	for _, bad := range []string{
		"&", "a&", "&AOk", "&AOk", "&A-", "&AO-", "&AO=-", "&AOk=-", "&AOl-x&", // not closed, short, padded
		"&U,BTFw-&ZeVnLIqe-", // a superfluous shift, RFC 3501 §5.1.3
		"&AGE-",              // "a" needs no base64
		"&ACY-",              // nor does "&"
		"&AAA-",              // U+0000
		"&2D0-", "&3gA-", "&2D0AYQ-",
		"é", "a\tb", "\x7f", "\x00", "&AOk/-", "&AO k-",
		"&AOn-", "&AOm-", // stray bits behind the last unit
	} {
		if got, err := DecodeUTF7(bad); err != ErrUTF7 {
			t.Errorf("decode %q: got %q, %v, want ErrUTF7", bad, got, err)
		}
		if got := DecodeUTF7Tolerant(bad); got != bad {
			t.Errorf("tolerant decode %q: got %q", bad, got)
		}
	}
	if got := EncodeUTF7("a\xffb"); got != "a&,,0-b" {
		t.Errorf("invalid UTF-8: got %q", got)
	}
}

// Every name without U+0000 has one form, and that form leads back to it.
func TestUTF7RoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var s string
		for range rnd.IntN(8) {
			switch rnd.IntN(4) {
			case 0:
				s += string(rune(rnd.IntN(0x7f) + 1))
			case 1:
				s += string(rune(rnd.IntN(0xd000) + 0x80))
			case 2:
				s += string(rune(rnd.IntN(0x100000) + 0x10000))
			case 3:
				s += "&"
			}
		}
		wire := EncodeUTF7(s)
		if got, err := DecodeUTF7(wire); err != nil || got != s {
			t.Fatalf("%q: on the wire %q, back %q, %v", s, wire, got, err)
		}
	}
}

func FuzzDecodeUTF7(f *testing.F) {
	for _, s := range []string{"INBOX", "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "&-", "&2D3eAA-", "&AGE-", "&"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, wire string) {
		s, err := DecodeUTF7(wire)
		if err != nil {
			return
		}
		if !utf8.ValidString(s) || EncodeUTF7(s) != wire {
			t.Fatalf("%q decodes to %q, which encodes to %q", wire, s, EncodeUTF7(s))
		}
	})
}
