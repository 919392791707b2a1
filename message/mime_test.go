package message

import (
	"fmt"
	"testing"

	"restante/imap"
)

func TestContentType(t *testing.T) {
	const ascii = "[{charset us-ascii}]"
	for _, c := range []struct{ in, want string }{
		{`text/plain; charset="utf-8"`, "text/plain [{charset utf-8}]"},
		{"TEXT/HTML", "TEXT/HTML " + ascii},
		{"text/plain; charset=us-ascii (Plain text)", "text/plain [{charset us-ascii}]"}, // RFC 2045 §5.1
		{"(a) text (b) / (c) plain (d) ; charset (e) = utf-8", "text/plain [{charset (e) utf-8} {charset us-ascii}]"},
		{"application/pdf; name=My Report.pdf; x=y", "application/pdf [{name My Report.pdf} {x y}]"},
		{`image/png; name="a;b=\"c\\d\".png"`, `image/png [{name a;b="c\d".png}]`},
		{`image/png; name="not closed; x=y`, "image/png [{name not closed} {x y}]"},
		{"multipart/mixed boundary=abc", "multipart/mixed [{boundary abc}]"},
		{"multipart/mixed;;; boundary=abc;", "multipart/mixed [{boundary abc}]"},
		{"multipart/mixed; word; boundary=abc; =x", "multipart/mixed [{boundary abc}]"},
		{"multipart/mixed; boundary==_abc=", "multipart/mixed [{boundary =_abc=}]"},
		{"text", "text/plain " + ascii},
		{"text/", "text/plain " + ascii},
		{"/plain", "text/plain " + ascii},
		{"", "text/plain " + ascii},
		{";charset=utf-8", "text/plain " + ascii},
		{"application/octet-stream", "application/octet-stream []"},
		// RFC 2231 §3 and §4.1
		{`message/external-body; access-type=URL; URL*0="ftp://"; URL*1="cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"`,
			"message/external-body [{access-type URL} {URL ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar}]"},
		{`application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn't it!"`,
			"application/x-stuff [{title* utf-8'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!}]"},
		{"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
			"application/x-stuff [{title* us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A}]"},
	} {
		st := ParseBytes([]byte("Content-Type: " + c.in + "\r\n\r\n"))
		p := st.Root.Part
		if got := fmt.Sprintf("%s/%s %v", p.Type, p.Subtype, p.Params); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestPartFields(t *testing.T) {
	p := ParseBytes([]byte(crlf(`
Content-Type: image/png
Content-Transfer-Encoding: (what) BASE64 ; x
Content-ID: <a@example.org>
Content-Description: =?utf-8?q?=C3=A4?=
 folded
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Disposition: attachment; filename="a b.png"
Content-Language: de-AT (Austria), , en
Content-Location: http://example.org/
Content-ID: <second@example.org>

`))).Root.Part
	want := imap.Part{
		ID: "1", Type: "image", Subtype: "png", Encoding: "BASE64", ContentID: "<a@example.org>",
		Description: "=?utf-8?q?=C3=A4?= folded", MD5: "Q2hlY2sgSW50ZWdyaXR5IQ==", Disposition: "attachment",
		DispParams: imap.Params{{Name: "filename", Value: "a b.png"}}, Language: []string{"de-AT", "en"}, Location: "http://example.org/",
	}
	if got, want := fmt.Sprintf("%+v", *p), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// RFC 9051 §7.5.2: Sender and Reply-To default to From when they are absent or empty.
func TestEnvelopeDefaults(t *testing.T) {
	env := ParseBytes([]byte(crlf(`
From: ann@example.org
Sender:
Subject:
From: bob@example.org
Date: today
Date: tomorrow
Message-ID:  <1@example.org>
In-Reply-To: <2@example.org>
 <3@example.org>

`))).Envelope
	for name, list := range map[string][]imap.Address{"From": env.From, "Sender": env.Sender, "Reply-To": env.ReplyTo} {
		if got := show(list); got != "||ann|example.org ; ||bob|example.org" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if env.RawDate != "today" || !env.HasSubject || env.RawSubject != "" || env.MessageID != "<1@example.org>" ||
		env.InReplyTo != "<2@example.org> <3@example.org>" || env.To != nil {
		t.Errorf("%+v", env)
	}
	if ParseBytes(nil).Envelope.HasSubject {
		t.Error("an empty message has a subject")
	}
}
