package imap

import (
	"reflect"
	"testing"
	"time"
)

// The first are the examples of RFC 5092 §5, RFC 5092 §6 and RFC 4469 §A.
var urls = []struct {
	in   string
	want *URL // nil: none
	out  string
}{
	{"imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
		&URL{Host: "minbari.example.org", Mailbox: "gray-council", UIDValidity: 385759045, UID: 20, Partial: &Partial{0, 1024}}, ""},
	{"imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97",
		&URL{Host: "psicorp.example.org", Mailbox: "~peter/日本語/台北"}, ""},
	{"imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2",
		&URL{Auth: "GSSAPI", Host: "minbari.example.org", Mailbox: "gray-council", UID: 20, Section: "1.2"},
		"imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;UID=20/;SECTION=1.2"},
	{"imap://;AUTH=*@minbari.example.org/gray%20council?SUBJECT%20shadows",
		&URL{Auth: "*", Host: "minbari.example.org", Mailbox: "gray council", Search: "SUBJECT shadows"}, ""},
	{"imap://john;AUTH=*@minbari.example.org/babylon5/personel?charset%20UTF-8%20SUBJECT%20%7B14+%7D%0D%0A%D0%98",
		&URL{User: "john", Auth: "*", Host: "minbari.example.org", Mailbox: "babylon5/personel", Search: "charset UTF-8 SUBJECT {14+}\r\nИ"}, ""},
	{"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
		&URL{Mailbox: "Drafts", UIDValidity: 385759045, UID: 20, Section: "HEADER"}, "/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=HEADER"},

	{"IMAP://h", &URL{Host: "h"}, "imap://h"},
	{"imap://h/", &URL{Host: "h"}, "imap://h"},
	{"imap://h:/", &URL{Host: "h"}, "imap://h"},
	{"imap://a%40b@[::1]:993/x", &URL{User: "a@b", Host: "[::1]", Port: 993, Mailbox: "x"}, ""},
	{"/", &URL{}, ""},
	{"/a/b", &URL{Mailbox: "a/b"}, ""},
	{"/a:b@c", &URL{Mailbox: "a:b@c"}, ""},
	{"/%2Fa/%2E%2E/b%3Bc/;UID=4294967295", &URL{Mailbox: "/a/../b;c", UID: 1<<32 - 1}, ""},
	{"/a/;UID=1/;SECTION=HEADER.FIELDS%20(A/B)/;PARTIAL=5", &URL{Mailbox: "a", UID: 1, Section: "HEADER.FIELDS (A/B)", Partial: &Partial{Offset: 5}}, ""},
	{"/a/;UID=1;EXPIRE=2006-01-02T03:04:05z;URLAUTH=Submit+fred:internal:91354a473744909de610943775f92038",
		&URL{Mailbox: "a", UID: 1, URLAuth: &URLAuth{Expire: time.Date(2006, 1, 2, 3, 4, 5, 0, time.UTC), Access: "submit", User: "fred",
			Mechanism: "INTERNAL", Token: "91354a473744909de610943775f92038"}},
		"/a/;UID=1;EXPIRE=2006-01-02T03:04:05Z;URLAUTH=submit+fred:INTERNAL:91354a473744909de610943775f92038"},
	{"/a/;UID=1/;SECTION=2;URLAUTH=anonymous", &URL{Mailbox: "a", UID: 1, Section: "2", URLAuth: &URLAuth{Access: "anonymous"}}, ""},

	{"", nil, ""}, {"a", nil, ""}, {"a/;UID=1", nil, ""}, {";UID=1", nil, ""}, {"//h/a", nil, ""}, {"http://h/a", nil, ""},
	{"imap://", nil, ""}, {"imap:///a", nil, ""}, {"imap://h:x/a", nil, ""}, {"imap://h:65536/a", nil, ""}, {"imap://a b/c", nil, ""},
	{"imap://@h/a", nil, ""}, {"imap://[]/a", nil, ""}, {"imap://[::1/a", nil, ""},
	{"/;UID=1", nil, ""}, {"//;UID=1", nil, ""}, {"/a;UID=1", nil, ""}, {"/a/;UID=0", nil, ""}, {"/a/;UID=4294967296", nil, ""},
	{"/a/;UID=1/", nil, ""}, {"/a/;UID=1x", nil, ""}, {"/a/;UID=1/;SECTION=", nil, ""}, {"/a/;UID=1/;SECTION=1/", &URL{Mailbox: "a", UID: 1, Section: "1/"}, ""},
	{"/a/;UID=1/;PARTIAL=", nil, ""}, {"/a/;UID=1/;PARTIAL=1.0", nil, ""}, {"/a/;UID=1/;PARTIAL=0/;SECTION=1", nil, ""},
	{"/a;UIDVALIDITY=0/;UID=1", nil, ""}, {"/a;UIDVALIDITY=1/", nil, ""}, {"/a;UIDVALIDITY=1;UID=1", nil, ""},
	{"/a/../b/;UID=1", nil, ""}, {"/./a", nil, ""}, {"/a%2", nil, ""}, {"/a%zz", nil, ""}, {"/a%+1", nil, ""}, {"/a%00", nil, ""}, {"/%FF", nil, ""},
	{"/a b", nil, ""}, {"/é", nil, ""}, {"/a#b", nil, ""}, {"/a?", nil, ""}, {"/a?x;y", nil, ""},
	{"/a/;UID=1;URLAUTH=", nil, ""}, {"/a/;UID=1;EXPIRE=2006-01-02T03:04:05Z", nil, ""}, {"/a/;UID=1;EXPIRE=never;URLAUTH=anonymous", nil, ""},
	{"/a/;UID=1;URLAUTH=user+", nil, ""}, {"/a/;UID=1;URLAUTH=anonymous:INTERNAL:123", nil, ""}, {"/a;URLAUTH=anonymous", nil, ""},
}

func TestURL(t *testing.T) {
	for _, c := range urls {
		u, err := ParseURL(c.in)
		if !reflect.DeepEqual(u, c.want) || err == nil != (c.want != nil) {
			t.Errorf("%q: got %+v, %v", c.in, u, err)
			continue
		}
		want := c.out
		if want == "" {
			want = c.in
		}
		if u != nil && u.String() != want {
			t.Errorf("%q is written %q", c.in, u)
		}
	}
}

// What is read can be written, and reads the same again.
func FuzzParseURL(f *testing.F) {
	for _, c := range urls {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		u, err := ParseURL(in)
		if err != nil {
			return
		}
		out := u.String()
		again, err := ParseURL(out)
		if err != nil {
			t.Fatalf("%q is written %q: %v", in, out, err)
		}
		if u.URLAuth != nil && again.URLAuth != nil && u.URLAuth.Expire.Equal(again.URLAuth.Expire) {
			again.URLAuth.Expire = u.URLAuth.Expire // in the same zone
		}
		if !reflect.DeepEqual(u, again) || again.String() != out {
			t.Fatalf("%q is written %q, which reads as %+v and not %+v", in, out, again, u)
		}
	})
}
