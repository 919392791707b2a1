package imapserver_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/imapserver"
	"restante/store/memstore"
)

// TestImaginaryExtension drives an extension that is nothing but a row (imaginary_test.go).
func TestImaginaryExtension(t *testing.T) {
	ts := startServer(t, memstore.New(), imapserver.OfferImaginary)
	user := ts.target(t, false)
	for _, msg := range []string{"Subject: x\r\n\r\n", "Subject: a longer subject\r\n\r\nhello"} {
		if err := user.Seed("INBOX", []byte(msg), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, user)
	w.ok("CREATE Far")
	for _, step := range []struct {
		command string
		want    []string // lines that are in the answer, the tagged one without its tag
	}{
		{`LIST "" * RETURN (CHILDREN)`, []string{"BAD ENABLE XIMAGINARY first"}},
		{`ENABLE ximaginary`, []string{"* ENABLED XIMAGINARY XIMPLIED", "OK ENABLE completed"}},
		{`ENABLE XIMAGINARY`, []string{"* ENABLED", "OK ENABLE completed"}},
		{`ENABLE XIMPLIED`, []string{"* ENABLED", "OK ENABLE completed"}},
		{`STATUS INBOX (MESSAGES HIGHESTMODSEQ)`, []string{"* STATUS INBOX (MESSAGES 2 HIGHESTMODSEQ 4711)"}},
		{`LIST "" * RETURN (CHILDREN)`, []string{`* LIST (\HasNoChildren \Imaginary) "/" INBOX`, "* XIMAGINARY INBOX", "* XIMAGINARY Far"}},
		{`LIST (REMOTE) "" *`, []string{`* LIST (\HasNoChildren) "/" Far`, "OK LIST completed"}},
		{`LIST "" Far RETURN (STATUS (HIGHESTMODSEQ))`, []string{"* STATUS Far (HIGHESTMODSEQ 4711)"}},
		{`SELECT INBOX (XIMAGINARY)`, []string{"BAD XIMAGINARY needs a value"}},
		{`SELECT INBOX (NONSENSE)`, []string{"BAD SELECT has no option NONSENSE here"}},
		{`SELECT INBOX (XIMAGINARY (1 2))`, []string{"* OK [XIMAGINARY (1 2)] Selected so", "OK [READ-WRITE] Selected"}},
		{`FETCH 1:2 BINARY.SIZE[1]`, []string{"* 1 FETCH (BINARY.SIZE[1] 14)", "* 2 FETCH (BINARY.SIZE[1] 29)"}},
		{`FETCH 1 BINARY.PEEK[1]`, []string{"BAD Unknown data item BINARY"}},
		{`SEARCH OLD`, []string{"* SEARCH 2"}},
		{`SEARCH NOT OLD`, []string{"* SEARCH 1"}},
		{`SEARCH RETURN (COUNT) OLD`, []string{`* ESEARCH (TAG "t18") XIMAGINARY 1`}},
		{`CLOSE`, []string{`* 2 FETCH (FLAGS (\Recent ximaginary-2))`, `* 2 FETCH (XIMAGINARY "XIMAGINARY (BIG)" UID 2)`, `* ESEARCH (TAG "t19") MAX 2`, `* LIST (\HasNoChildren \Chosen) "/" INBOX`, "OK [MAILBOXID (F0000000000000003)] CLOSE completed"}},
		{`LIST "" Made`, []string{`* LIST (\HasNoChildren \Flagged) "/" Made`}},
		{`CHECK`, []string{"BAD SEARCH has no option UNKNOWN here"}},
		{`UNSELECT`, []string{"OK [XIMAGINARY] Still selected"}},
		{`FETCH 1 UID`, []string{"* 1 FETCH (UID 1)"}},
	} {
		got := w.cmd(step.command)
		last := len(got) - 1
		_, got[last], _ = strings.Cut(got[last], " ")
		for _, want := range step.want {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", step.command, got, want)
			}
		}
	}
	caps := strings.Fields(w.ok("CAPABILITY")[0])
	if slices.Contains(caps, "BINARY") || slices.Contains(caps, "UNSELECT") || !slices.Contains(caps, "XIMAGINARY=ENABLED") {
		t.Errorf("the capabilities are %q", caps)
	}
}

// TestExtensionsHaveTranscripts looks for a transcript that cites the RFC of every extension.
func TestExtensionsHaveTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.imap")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for name, rfc := range imapserver.ExtensionRFCs() {
		if !strings.Contains(all.String(), rfc+" §") {
			t.Errorf("no transcript cites %s for %s", rfc, name)
		}
	}
}
