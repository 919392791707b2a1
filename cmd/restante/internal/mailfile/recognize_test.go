package mailfile

import (
	"strings"
	"testing"
)

func TestRecognize(t *testing.T) {
	for text, want := range map[string]error{
		"":                                  ErrEmpty,
		"Subject: x\n\n":                    nil,
		"Subject:\r\n":                      nil,
		"X-Foo : obsolete\n":                nil,
		"From: ann@example.org\n":           nil,
		"From ann@example.org Mon Jan  1\n": ErrMbox,
		"%PDF-1.4\n":                        ErrNoMail,
		"Dear Ann,\nthe time is: now\n":     ErrNoMail,
		"\nSubject: x\n":                    ErrNoMail,
		": x\n":                             ErrNoMail,
		"\x89PNG\r\n\x1a\n:":                ErrNoMail,
		strings.Repeat("a", 10<<10) + ": x": ErrNoMail,
		"Betreff\xc3\xa4: x\n":              ErrNoMail,
		"root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n": ErrNoMail,
		"name: site\non: push\n":                              ErrNoMail,
		"Precedence: bulk\nsubject: x\n\nhi":                  nil,
		"Precedence: bulk\n\nSubject: x\n":                    ErrNoMail,
		"Received: " + strings.Repeat("a", 9):                 nil,
	} {
		if got := Recognize(strings.NewReader(text)); got != want {
			t.Errorf("%.30q: %v, want %v", text, got, want)
		}
	}
}
