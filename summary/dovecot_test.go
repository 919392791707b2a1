package summary

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"restante/internal/dovecottest"
)

// deliberate says in which of the nasty messages we see something else than Dovecot 2.3, and why.
var deliberate = map[string]string{
	"addresses":               "an empty list element is no address; quotes need no literal",
	"bad-addresses":           "addresses are found behind an open quote and without brackets; no MISSING_DOMAIN",
	"bad-content-type":        "RFC 2045 §5.2: an invalid Content-Type means text/plain, not text without a subtype",
	"bare-lf":                 "Dovecot turns bare LF into CRLF when it stores",
	"domain-literal":          "what follows a second @ is not lost",
	"extensions":              "one language is a string",
	"folded-subject":          "what is short is quoted",
	"message-global":          "RFC 9051 §9: message/global has an envelope and a body",
	"multipart-no-boundary":   "the text is not hidden",
	"multipart-without-parts": "the text is not hidden",
	"nested-rfc822":           "RFC 2046 §5.1.1: the line break before a boundary is not part of the message inside",
	"no-semicolon":            "a missing semicolon hides nothing",
	"nul":                     "NUL is replaced by an octet, not by U+FFFD",
	"rfc2231":                 "RFC 9051 §7.5.2: joined values are UTF-8",
	"two-from":                "of two subjects the first counts; an empty Date is NIL",
	"unquoted-filename":       "white space in an unquoted value is kept",
}

// Our ENVELOPE and BODYSTRUCTURE of the nasty messages are Dovecot's, or differ on purpose.
func TestAsDovecot(t *testing.T) {
	d := dovecottest.Start(t)
	nc, err := net.Dial("tcp", d.IMAPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(nc)
	line := func() string {
		s, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// command returns everything before the tagged response, which is last.
	command := func(cmd, literal string) (out, tagged string) {
		fmt.Fprintf(nc, "tag0 %s\r\n", cmd)
		for {
			switch s := line(); {
			case strings.HasPrefix(s, "tag0 "):
				return out, s
			case strings.HasPrefix(s, "+ "):
				io.WriteString(nc, literal+"\r\n")
			default:
				out += s
			}
		}
	}
	line() // the greeting
	for _, cmd := range []string{fmt.Sprintf("LOGIN %q %q", d.User, d.Password), "SELECT INBOX"} {
		if _, tagged := command(cmd, ""); !strings.HasPrefix(tagged, "tag0 OK") {
			t.Fatal(tagged)
		}
	}
	names, msgs := nasty(t)
	for _, name := range names {
		msg := msgs[name]
		if len(msg) == 0 {
			continue // Dovecot stores no empty message
		}
		got := "not stored"
		if _, tagged := command(fmt.Sprintf("APPEND INBOX {%d}", len(msg)), string(msg)); strings.HasPrefix(tagged, "tag0 OK") {
			command("NOOP", "")
			out, _ := command("FETCH * (ENVELOPE BODYSTRUCTURE)", "")
			if i := strings.Index(out, " FETCH ("); i >= 0 {
				got = out[i:]
			}
		}
		s := build(msg)
		want := fmt.Sprintf(" FETCH (ENVELOPE %s BODYSTRUCTURE %s)\r\n", s.Envelope(), s.BodyStructure())
		why, differs := deliberate[name]
		switch {
		case got != want && !differs:
			t.Errorf("%s\nDovecot:%sours:   %s", name, got, want)
		case got == want && differs:
			t.Errorf("%s: there is no difference any more: %s", name, why)
		}
	}
}
