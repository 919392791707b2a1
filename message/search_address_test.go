package message

import (
	"slices"
	"testing"
)

func TestAddressValues(t *testing.T) {
	for _, c := range []struct {
		field string
		want  []string
	}{
		{"From: ann@example.org\r\n", []string{"ann@example.org"}},
		{"From: Ann\r\n   B.  Smith<ann@example.org>\r\n", []string{"Ann B. Smith <ann@example.org>"}},
		{"From: ann (her comment) @ example.org\r\n", []string{"her comment <ann@example.org>"}},
		{"from: ann\r\n @\r\n (a (nested \\) one)) example\r\n .org\r\n", []string{"a (nested ) one) <ann@example.org>"}},
		{"From: \"O'Neill, \\\"Bob\\\"\" <bob(x)@example.org>\r\n", []string{`O'Neill, "Bob" <bob@example.org>`}},
		{"From: =?utf-8?q?J=C3=BCrgen?= (home) <j . m @ example . org>\r\n", []string{"Jürgen <j.m@example.org>"}},
		{"From: (=?utf-8?q?J=C3=BCrgen?=) j@example.org\r\n", []string{"Jürgen <j@example.org>"}},
		{"From: \"The \\\"Team\\\"\": Ann <ann@example.org>, bob (Bob) @example.org;, cy@example.org\r\n",
			[]string{`The "Team"`, "Ann <ann@example.org>", "Bob <bob@example.org>", "cy@example.org"}},
		{"From: \"ann smith\"@example.org\r\n", []string{"ann smith@example.org"}},
		{"From: (nobody)\r\nFrom: ann @example.org\r\nTo: bob @example.org\r\n", []string{"ann@example.org"}},
	} {
		if got := slices.Collect(AddressValues(c.field, "FROM")); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.field, got, c.want)
		}
	}
	for range AddressValues("From: \"a\", b, c\r\nFrom: \"d\"\r\n", "From") {
		break
	}
}
