package transcript_test

import (
	"os"
	"testing"

	"restante/internal/dovecottest"
	"restante/internal/transcript"
)

// TestDovecot runs the server's transcripts against Dovecot: what they expect is the RFCs' and not
// our server's. Where Dovecot differs the transcripts say so with the label dovecot.
func TestDovecot(t *testing.T) {
	var modes []transcript.Mode
	if os.Getenv("IMAP_ADDR") == "" {
		d := dovecottest.Start(t, `
passdb {
  driver = static
  args = password=secret
}
namespace inbox {
  mailbox Drafts {
    auto = no
  }
  mailbox Sent {
    auto = no
  }
  mailbox Trash {
    auto = no
  }
}
service anvil {
  # No penalty for addresses from which wrong passwords come.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}`)
		modes = append(modes,
			transcript.Remote(d.IMAPAddr, "user{}", "secret", "dovecot"),
			transcript.Remote("imaps://"+d.IMAPSAddr, "user{}", "secret", "dovecot", "tls"))
	}
	transcript.Run(t, "../../imapserver/testdata", modes)
}
