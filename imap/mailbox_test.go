package imap

import "testing"

func TestCanonicalName(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "inbo": "inbo", "inbox": "INBOX", "InBoX/": "INBOX/", "inbox/Sub/inbox": "INBOX/Sub/inbox",
		"inboxes": "inboxes", "inbox.sub": "inbox.sub", "a/inbox": "a/inbox", "/inbox": "/inbox",
	} {
		if got := CanonicalName(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}
