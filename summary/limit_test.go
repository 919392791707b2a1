package summary

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"restante/message"
)

// maxSummary is how long a summary may be, in octets.
const maxSummary = 64 << 10

// manyParts is a message of so many parts without anything.
func manyParts(n int) []byte {
	return []byte("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\n", n) + "--b--\n")
}

// TestSummaryIsSmall builds the summaries of messages of which there is much to tell.
func TestSummaryIsSmall(t *testing.T) {
	var attachments strings.Builder
	for i := range 100 {
		fmt.Fprintf(&attachments, "--b\r\nContent-Type: image/jpeg; name=\"DSC%05d.jpg\"\r\nContent-Transfer-Encoding: base64\r\n\r\nabcd\r\n", i)
	}
	var recipients strings.Builder
	for i := range 500 {
		fmt.Fprintf(&recipients, " Person %d <person%d@example.org>,\r\n", i, i)
	}
	for name, tt := range map[string]struct {
		msg                            []byte
		envelope, body, bodyStructures bool // are kept
	}{
		"empty parts":  {manyParts(10_000), true, false, false},
		"fewer parts":  {manyParts(300), true, true, false},
		"few parts":    {manyParts(100), true, true, true},
		"attachments":  {[]byte("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + attachments.String() + "--b--\r\n"), true, true, true},
		"recipients":   {[]byte("Subject: x\r\nTo:" + recipients.String() + " x@x\r\n\r\n"), true, true, true},
		"addresses":    {[]byte("Subject: x\r\nTo: x" + strings.Repeat(",x", 20_000) + "\r\n\r\n"), false, true, true},
		"long subject": {[]byte("Subject: " + strings.Repeat("x", 100_000) + "\r\n\r\n"), false, true, true},
		"all of it":    {append([]byte("To: x"+strings.Repeat(",x", 20_000)+"\r\nReferences: "+strings.Repeat("x", 16_000)+"\r\n"), manyParts(10_000)...), false, false, false},
	} {
		s := build(tt.msg)
		if !s.Valid() || len(s) > maxSummary {
			t.Errorf("%s: %d octets for a message of %d", name, len(s), len(tt.msg))
		}
		st := message.ParseBytes(tt.msg)
		for _, x := range []struct {
			what      string
			kept      bool
			got, want []byte
		}{
			{"ENVELOPE", tt.envelope, s.Envelope(), AppendEnvelope(nil, st)},
			{"BODY", tt.body, s.Body(), AppendBody(nil, st)},
			{"BODYSTRUCTURE", tt.bodyStructures, s.BodyStructure(), AppendBodyStructure(nil, st)},
		} {
			if x.kept && !bytes.Equal(x.got, x.want) || !x.kept && len(x.got) > 0 {
				t.Errorf("%s: %s of %d octets has %d in the summary", name, x.what, len(x.want), len(x.got))
			}
		}
		if s.HeaderLen() != st.Root.BodyStart {
			t.Errorf("%s: a header of %d octets", name, s.HeaderLen())
		}
	}
}
