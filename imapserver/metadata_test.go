package imapserver_test

import (
	"fmt"
	"strings"
	"testing"

	"restante/mailbox"
	"restante/store/memstore"
)

// TestMetadataLimits: what is too much is refused with the codes of RFC 5464 §4.3, and an answer is no
// longer than what is stored, however often it is asked for.
func TestMetadataLimits(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	w := dialUser(t, ts, ts.target(t, false))
	set := func(box, entry, value string) string {
		t.Helper()
		lines := w.cmd(fmt.Sprintf("SETMETADATA %s (%s {%d+}\r\n%s)", box, entry, len(value), value))
		return lines[len(lines)-1]
	}
	refused := func(answer, code string) {
		t.Helper()
		if !strings.Contains(answer, " NO ["+code+"] ") {
			t.Errorf("got %q, want %s", answer, code)
		}
	}
	big := strings.Repeat("x", mailbox.MaxMetadataValue)
	refused(set("INBOX", "/private/x", big+"x"), fmt.Sprintf("METADATA MAXSIZE %d", mailbox.MaxMetadataValue))
	n := mailbox.MaxMetadataOctets/mailbox.MaxMetadataValue - 1
	for i := range n {
		if answer := set("INBOX", fmt.Sprintf("/private/vendor/x/big/%d", i), big); !strings.Contains(answer, " OK ") {
			t.Fatal(answer)
		}
	}
	refused(set(`""`, "/private/x", big), "METADATA TOOMANY")
	for i := range mailbox.MaxMetadataCount - n {
		w.ok(fmt.Sprintf(`SETMETADATA INBOX (/shared/%d "")`, i))
	}
	refused(set("INBOX", "/private/x", ""), "METADATA TOOMANY")
	w.ok(`SETMETADATA INBOX (/shared/0 NIL /private/x "")`)

	// Many names of the same entries.
	specifiers := strings.TrimSuffix(strings.Repeat("/private /PRIVATE /private/vendor ", mailbox.MaxMetadataCount/3), " ")
	octets := 0
	for _, line := range w.ok("GETMETADATA (DEPTH infinity) INBOX (" + specifiers + ")") {
		octets += len(line)
	}
	if octets < n*len(big) || octets > mailbox.MaxMetadataOctets+64<<10 {
		t.Errorf("the answer has %d octets", octets)
	}
	answer := w.cmd("GETMETADATA INBOX (/private/x" + strings.Repeat(" /private/x", mailbox.MaxMetadataCount) + ")")
	refused(answer[len(answer)-1], "LIMIT")
	answer = w.cmd(`LIST "" * RETURN (METADATA (/private/x` + strings.Repeat(" /private/x", mailbox.MaxMetadataCount) + "))")
	refused(answer[len(answer)-1], "LIMIT")
}
