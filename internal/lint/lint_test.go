package lint

import (
	"strings"
	"testing"
)

const root = "../.."

// TestModule checks the module.
func TestModule(t *testing.T) {
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tree.goFiles()); n < 100 {
		t.Errorf("only %d Go files: is %s the module?", n, root)
	}
	for _, rule := range Rules {
		t.Run(rule.Name, func(t *testing.T) {
			for _, found := range rule.Check(tree) {
				t.Error(found)
			}
		})
	}
}

// cases are code that breaks the rules, with what is found, or keeps them.
var cases = []struct {
	rule, path, src string
	want            string // "" when the rule is kept
}{
	{"imports run one way", "imap/x.go", "package imap\nimport _ \"restante/imapwire\"", "imap/x.go:2: imap may not import imapwire"},
	{"imports run one way", "imapserver/x.go", "package imapserver\nimport _ \"restante/imapclient\"", "may not import imapclient"},
	{"imports run one way", "imapserver/x.go", "package imapserver\nimport _ \"restante/store/memstore\"", "may not import store/memstore"},
	{"imports run one way", "imapserver/x_test.go", "package imapserver\nimport _ \"restante/imapclient\"", ""},
	{"imports run one way", "cmd/restante/x.go", "package main\nimport _ \"restante/imapclient\"", ""},
	{"imports run one way", "cmd/restante/internal/client/x.go", "package client\nimport _ \"restante/store\"", "may not import store"},
	{"imports run one way", "nowhere/x.go", "package nowhere", "nowhere/x.go:1: package nowhere is not in the table"},
	{"drivers keep their libraries to themselves", "imapserver/x.go", "package imapserver\nimport _ \"github.com/cockroachdb/pebble/v2\"", "for store/localstore only"},
	{"drivers keep their libraries to themselves", "store/localstore/x.go", "package localstore\nimport _ \"github.com/cockroachdb/pebble/v2\"", ""},
	{"cited RFC sections exist", "imap/x.go", "package imap\n\n// See RFC 9051 §6.4.99.", "imap/x.go:3: RFC 9051 has no section 6.4.99"},
	{"cited RFC sections exist", "imap/x.go", "package imap\n\n// See RFC 9051 §6.4.1, §6.4.98.", "no section 6.4.98"},
	{"cited RFC sections exist", "imap/x.go", "package imap\n\n// See RFC\n// 9051 §6.4.97.", "no section 6.4.97"},
	{"cited RFC sections exist", "x.imap", "# RFC 1 §1", "x.imap:1: RFC 1 has no section 1"},
	{"cited RFC sections exist", "imap/testdata/fuzz/FuzzX/rfc9051-6.4.96-x", "go test fuzz v1", "no section 6.4.96"},
	{"cited RFC sections exist", "imap/testdata/fuzz/FuzzX/rfc9051-6.4.1", "go test fuzz v1", ""},
	{"cited RFC sections exist", "message/testdata/rfc2231.eml", "Subject: x", ""},
	{"cited RFC sections exist", "x.imap", "# RFC 9051 Appendix Z", "no section Z"},
	{"cited RFC sections exist", "imap/x.go", "package imap\n\n// See RFC 9051 §6.4.1, §2 and appendix A.", ""},
	{"packages are named after what they are for", "imap/util/x.go", "package util", "imap/util/x.go:1: \"util\""},
	{"packages are named after what they are for", "imap/helpers.go", "package imap", "\"helpers\""},
	{"packages are named after what they are for", "imap/flag.go", "package imap", ""},
	{"locks are released where they are taken", "imap/x.go", "package imap\nfunc (c *c) take() { c.mu.Lock() }", "imap/x.go:2: c.mu.Lock without Unlock in take"},
	{"locks are released where they are taken", "imap/x.go", "package imap\nfunc (c *c) give() { c.mu.RUnlock() }", "c.mu.RUnlock without RLock in give"},
	{"locks are released where they are taken", "imap/x.go", "package imap\nfunc f() { a.Lock(); b.Unlock() }", "a.Lock without Unlock"},
	{"locks are released where they are taken", "imap/x.go", "package imap\nfunc f() { a.Lock(); defer a.Unlock() }", ""},
	{"locks are released where they are taken", "imap/x.go", "package imap\nfunc f() { if a.TryLock() { defer a.Unlock() } }", ""},
	{"locks are released where they are taken", "imap/x.go", "package imap\nfunc f() { if a.TryLock() { g() } }", "a.Lock without Unlock"},
	{"locks are released where they are taken", "imap/x.go", "package imap\nfunc f() { a.Lock(); t.Cleanup(a.Unlock) }", ""},
	{"stores know nothing of the protocol", "store/x.go", "package store\nimport \"restante/imap\"\nvar _ imap.SeqNum", "store/x.go:3: a store does not know of imap.SeqNum"},
	{"stores know nothing of the protocol", "store/memstore/x.go", "package memstore\nimport \"restante/imap\"\nvar _ = imap.CodeLimit", "imap.CodeLimit"},
	{"stores know nothing of the protocol", "store/x.go", "package store\nimport \"restante/imap\"\nvar _ imap.UIDSet", ""},
	{"exported names are documented", "imap/x.go", "package imap\n\nfunc F() {}", "imap/x.go:3: F has no comment"},
	{"exported names are documented", "imap/x.go", "package imap\n\ntype T struct{}", "T has no comment"},
	{"exported names are documented", "imap/x.go", "package imap\n\n// T is.\ntype T struct{}\n\nfunc (t *T) M() {}", "M has no comment"},
	{"exported names are documented", "imap/x.go", "package imap\n\nvar V = 1", "V has no comment"},
	{"exported names are documented", "imap/x.go", "package imap\n\n// T is.\ntype T struct{}\n\nfunc (t *T) String() string { return \"\" }\nfunc (t *t) M() {}", ""},
	{"exported names are documented", "imap/x.go", "package imap\n\n// F and G do.\nfunc F() {}\nfunc G() {}\n\nconst (\n\tA = 1\n)", ""},
	{"stores know nothing of the protocol", "store/storetest/x.go", "package storetest\nimport \"restante/imap\"\nvar _ imap.SeqNum", ""},
	{"code is formatted", "imap/x.go", "package imap\nvar  x = 1\n", "imap/x.go:1: not formatted"},
	{"code is formatted", "imap/x.go", "package imap\n\nvar x = 1\n", ""},
	{"nothing is left to do", "imap/x.go", "package imap\n\n// TODO: more", "imap/x.go:3: \"TODO\""},
	{"nothing is left to do", "imap/x.go", "package imap\n\nvar x = errors.New(\"Not implemented\")", "is left to do"},
	{"nothing is left to do", "imap/x.go", "package imap\n\nvar x = \"not implemented\" // what others say", ""},
	{"nothing is left to do", "imap/x_test.go", "package imap\n\n// TODO: more", ""},
	{"no file knows a machine", "x.md", "see /home/ann/mail", "x.md:1: \"/home/ann/mail\""},
	{"no file knows a machine", "imap/x.go", "package imap\n\nvar x = \"/work/data\"", "/work/data"},
	{"no file knows a machine", "x.md", "see https://example.org/home/ and /var/lib and work/x", ""},
	{"files can be read in one sitting", "imap/x.go", "package imap\n" + strings.Repeat("//\n", 900), "imap/x.go:800: 901 lines"},
	{"files can be read in one sitting", "imap/x.go", "// Code generated by x. DO NOT EDIT.\n\npackage imap\n" + strings.Repeat("//\n", 900), ""},
	{"tests are skipped by one helper", "imap/x_test.go", "package imap\nfunc f(t *testing.T) { t.Skip(\"no time\") }", "imap/x_test.go:2: a test is skipped"},
	{"tests are skipped by one helper", "imap/x_test.go", "package imap\nfunc f(t *testing.T) { t.Skipf(\"no %s\", x) }", "a test is skipped"},
	{"tests are skipped by one helper", "imap/x_test.go", "package imap\nfunc f(t *testing.T) {\n\tif testing.Short() {\n\t\tt.Skip(\"long\")\n\t}\n\tr.Skip(3)\n}", ""},
	{"tests are skipped by one helper", "internal/servertest/x.go", "package servertest\nfunc f(t *testing.T) { t.Skipf(\"no %s\", x) }", ""},
}

// TestRules shows that every rule finds what breaks it, and nothing else.
func TestRules(t *testing.T) {
	byName := map[string]Rule{}
	for _, rule := range Rules {
		byName[rule.Name] = rule
	}
	broken := map[string]bool{}
	for _, tt := range cases {
		tree := &Tree{Index: map[string]bool{"9051 6.4.1": true, "9051 2": true, "9051 A": true}}
		if err := tree.add(tt.path, []byte(tt.src)); err != nil {
			t.Fatal(err)
		}
		found := strings.Join(byName[tt.rule].Check(tree), "\n")
		if tt.want == "" && found != "" || !strings.Contains(found, tt.want) {
			t.Errorf("%s: %q\nfound %q, want %q", tt.rule, tt.src, found, tt.want)
		}
		if tt.want != "" {
			broken[tt.rule] = true
		}
	}
	for _, rule := range Rules {
		if !broken[rule.Name] {
			t.Errorf("nothing shows that %q can fail", rule.Name)
		}
	}
}
