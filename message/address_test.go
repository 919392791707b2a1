package message

import (
	"fmt"
	"strings"
	"testing"

	"restante/imap"
)

func show(list []imap.Address) string {
	var out []string
	for _, a := range list {
		switch a.Group {
		case imap.GroupStart:
			out = append(out, fmt.Sprintf("group(%s", a.Mailbox))
		case imap.GroupEnd:
			out = append(out, ")")
		default:
			out = append(out, fmt.Sprintf("%s|%s|%s|%s", a.RawName, a.Route, a.Mailbox, a.Host))
		}
	}
	return strings.Join(out, " ; ")
}

func parseAddresses(s string) []imap.Address { return appendAddresses(nil, s, len(s)) }

func TestParseAddresses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		// RFC 5322 appendix A.1 to A.6
		{"John Doe <jdoe@machine.example>", "John Doe||jdoe|machine.example"},
		{`"Joe Q. Public" <john.q.public@example.com>`, "Joe Q. Public||john.q.public|example.com"},
		{`Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>`, "Mary Smith||mary|x.test ; ||jdoe|example.org ; Who?||one|y.test"},
		{`<boss@nil.test>, "Giant; \"Big\" Box" <sysservices@example.net>`, `||boss|nil.test ; Giant; "Big" Box||sysservices|example.net`},
		{"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;", "group(A Group ; Ed Jones||c|a.test ; ||joe|where.test ; John||jdoe|one.test ; )"},
		{"Undisclosed recipients:;", "group(Undisclosed recipients ; )"},
		{`Pete(A nice \) chap) <pete(his account)@silly.test(his host)>`, "Pete||pete|silly.test"},
		{"A Group(Some people) :Chris Jones <c@(Chris's host.)public.example>, joe@example.org, John <jdoe@one.test> (my dear friend); (the end of the group)",
			"group(A Group ; Chris Jones||c|public.example ; ||joe|example.org ; John||jdoe|one.test ; )"},
		{"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "group(Hidden recipients ; )"},
		{"Joe Q. Public <john.q.public@example.com>", "Joe Q. Public||john.q.public|example.com"},
		{"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example", "Mary Smith|@node.test|mary|example.net ; ||jdoe|test.example"},
		// RFC 9051 §7.5.2 names the source route; RFC 5322 §4.4 allows several hosts in it.
		{"<@a.test,@b.test:c@d.test>", "|@a.test,@b.test|c|d.test"},

		{"ann@example.org (Ann Example)", "Ann Example||ann|example.org"},
		{"ann@[192.0.2.1]", "||ann|[192.0.2.1]"},
		{"Ann <ann@[IPv6:2001:db8::1]>", "Ann||ann|[IPv6:2001:db8::1]"},
		{`"quoted local"@example.org`, "||quoted local|example.org"},
		{`"a@b"@example.org`, "||a@b|example.org"},
		{"=?utf-8?q?M=C3=BCller?= <m@example.org>", "=?utf-8?q?M=C3=BCller?=||m|example.org"},
		{"Jürgen <jürgen@exämple.org>", "Jürgen||jürgen|exämple.org"},
		{"one:a@b.test;, two:;", "group(one ; ||a|b.test ; ) ; group(two ; )"},

		// What is not allowed, and common.
		{"", ""}, {" ", ""}, {",,;", ""}, {"(comment)", ""}, {"<>", ""},
		{"ann", "||ann|"},
		{"Ann <>", "Ann|||"},
		{"Ann <ann>", "Ann||ann|"},
		{"a@x.test; b@x.test", "||a|x.test ; ||b|x.test"},
		{"a@x.test b@x.test", "a@x.test||b|x.test"},
		{"Ann ann@example.org", "Ann||ann|example.org"},
		{"ann@example.org <ann@example.org>", "ann@example.org||ann|example.org"},
		{"ann@example.org <>", "||ann|example.org"},
		{"Ann <ann@example.org", "Ann||ann|example.org"},
		{"Ann <ann@example.org, Bob <bob@example.org>", "Ann||ann|example.org ; Bob||bob|example.org"},
		{"Ann <ann@example.org> Bob <bob@example.org>", "Ann Bob||ann|example.org ; ||bob|example.org"},
		{"ann@example.org>", "||ann|example.org"},
		{"<<ann@example.org>>", "||ann|example.org"},
		{`"Ann <ann@example.org>`, `"Ann||ann|example.org`},
		{"Ann (x <ann@example.org>", "Ann (x||ann|example.org"},
		{"Smith, John <js@example.org>", "||Smith| ; John||js|example.org"},
		{"a@b@example.org", "||a@b|example.org"},
		{"Ann [work] <ann@example.org>", "Ann [work]||ann|example.org"},
		{"Ann [work <ann@example.org>", "Ann [work||ann|example.org"},
		{"group:a@b.test", "group(group ; ||a|b.test ; )"},
		{`Ann \"The Boss\" <ann@example.org>`, `Ann \"The Boss\"||ann|example.org`},
		{"<Ann ann@example.org>", "Ann||ann|example.org"},
		{`"Ann" "Example" <a@b.test>`, "Ann Example||a|b.test"},
		{"'Ann' <'ann'@b.test>", "'Ann'||'ann'|b.test"},
	} {
		if got := show(parseAddresses(c.in)); got != c.want {
			t.Errorf("%q\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}

// No address is lost, whatever stands around it, and nothing comes to an end early.
func FuzzParseAddresses(f *testing.F) {
	f.Add(`Pete(A nice \) chap) <pete(his account)@silly.test(his host)>`)
	f.Add(`A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;`)
	f.Add(`"Giant; \"Big\" Box" <@a,@b:sysservices@[1.2.3.4]>, , "`)
	f.Fuzz(func(t *testing.T, s string) {
		list := parseAddresses(s)
		depth := 0
		for _, a := range list {
			switch a.Group {
			case imap.GroupStart:
				depth++
			case imap.GroupEnd:
				depth--
			}
			if depth < 0 || depth > 1 {
				t.Fatalf("%q: groups do not pair: %s", s, show(list))
			}
		}
		if depth != 0 {
			t.Fatalf("%q: a group does not end: %s", s, show(list))
		}
		after := parseAddresses("ann@example.org," + s)
		if len(after) == 0 || after[0].Addr() != "ann@example.org" {
			t.Fatalf("%q: the address before it is lost: %s", s, show(after))
		}
	})
}
