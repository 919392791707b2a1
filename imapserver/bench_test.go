package imapserver_test

import (
	"testing"
	"time"

	"restante/store/memstore"
)

// BenchmarkStoreAll is STORE 1:* .SILENT on 100,000 messages, without a disk.
func BenchmarkStoreAll(b *testing.B) {
	ts := startServer(b, memstore.New(), nil)
	user := ts.target(b, false)
	for range 100_000 {
		if err := user.Seed("INBOX", []byte("Subject: x\r\n\r\n"), nil, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
	w := dialUser(b, ts, user)
	w.ok("SELECT INBOX")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.ok([]string{"STORE 1:* +FLAGS.SILENT (\\Flagged)", "STORE 1:* -FLAGS.SILENT (\\Flagged)"}[i%2])
	}
}
