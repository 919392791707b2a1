package server

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"restante/cmd/restante/internal/config"
)

// TestStopIsNoFailure stops a server while a client is in the middle of a message, which it never ends.
func TestStopIsNoFailure(t *testing.T) {
	var said bytes.Buffer
	s, err := start(t.Context(), config.Server{Data: t.TempDir(), IMAP: "off", IMAPS: "off", LMTP: "127.0.0.1:0"}, "", slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.admin.AddUser(t.Context(), "ann", "secret"); err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", s.lmtpAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann>\r\nDATA\r\n")
	lines := bufio.NewScanner(nc)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "354 ") {
	}
	s.grace = 1
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !strings.Contains(said.String(), "clients that had not finished were cut off") {
		t.Errorf("the log:\n%s", &said)
	}
}
