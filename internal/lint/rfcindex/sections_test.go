package main

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const text = `
Table of Contents

   1.  Introduction
   1.1.  Words ............................... 3
2.  The Thing .................. 4

1.  Introduction

   1.  A numbered list
   2.  of things

5.1.  Out of turn

2.  The Thing

2.1  Part
2.1.1.  Detail

Appendix A.  More

A.1.  Even More

   x
`
	want := "1 Introduction|2 The Thing|2.1 Part|2.1.1 Detail|A More|A.1 Even More"
	if got := titles(text); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	wrapped := "1.  One\n\n1.1.  Words and Their Meanings in the Context of This Rather Long\n      Document\n\n   Text\n"
	if got := titles(wrapped); got != "1 One|1.1 Words and Their Meanings in the Context of This Rather Long Document" {
		t.Error(got)
	}
	amendment := "6.3.11.  APPEND Command\n\n   Text\n"
	if got := titles(amendment); got != "6.3.11 APPEND Command" {
		t.Error(got)
	}
}

func titles(text string) string {
	var out []string
	for _, s := range parse("1", text) {
		out = append(out, s.Number+" "+s.Title)
	}
	return strings.Join(out, "|")
}
