package admin

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"restante/auth"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
	"restante/store"
	"restante/store/memstore"
)

// NUL, which no literal of IMAP holds, is imported in base64, from short messages and from long ones.
func TestImportNUL(t *testing.T) {
	ctx := context.Background()
	s := memstore.New()
	defer s.Close()
	a, err := auth.New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	user, err := s.CreateUser(ctx, "ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("\x00", batchOctets)
	bodies := []string{"Subject: x\r\n\r\na\x00b", "Subject: y\r\n\r\n" + long, "Subject: z\r\n\r\nplain"}
	left := bodies
	next := func() (int, *mailfile.Message, error) {
		if len(left) == 0 {
			return 0, nil, io.EOF
		}
		body := left[0]
		left = left[1:]
		return 0, &mailfile.Message{Size: int64(len(body)), Body: strings.NewReader(body)}, nil
	}
	into := []ImportBox{{Name: imap.Inbox}}
	if err := New(s, a, nil, config.Quota{}).Import(ctx, "ann", into, next, func(ImportProgress) {}); err != nil {
		t.Fatal(err)
	}
	left = bodies // what is compared is what is stored
	if err := New(s, a, nil, config.Quota{}).Import(ctx, "ann", into, next, func(p ImportProgress) {
		if p != (ImportProgress{Known: 3}) {
			t.Errorf("a second time: %+v", p)
		}
	}); err != nil {
		t.Fatal(err)
	}
	short := func() (int, *mailfile.Message, error) {
		return 0, &mailfile.Message{Size: 10, Body: strings.NewReader("short")}, nil
	}
	if err := New(s, a, nil, config.Quota{}).Import(ctx, "ann", into, short, func(ImportProgress) {}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}

	account, err := s.Account(ctx, store.System, user.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer account.Close()
	inbox, _ := account.Namespace().Lookup(imap.Inbox)
	box, err := s.Open(ctx, store.System, store.Ref{Account: user.ID, Mailbox: inbox.ID})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	var got []string
	for _, r := range box.Version().Rows() {
		body, err := box.Body(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size()))
		if err != nil || int(r.Size) != len(text) {
			t.Fatal(r.Size, len(text), err)
		}
		got = append(got, string(text))
		body.Close()
	}
	const mime = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n"
	if len(got) != 3 || got[0] != mime+"Subject: x\r\n\r\nYQBi\r\n" || got[2] != "Subject: z\r\n\r\nplain" {
		t.Fatalf("got %d messages, %q", len(got), got[0])
	}
	if line := strings.Repeat("A", 76) + "\r\n"; !strings.HasPrefix(got[1], mime+"Subject: y\r\n\r\n"+line+line) || strings.Contains(got[1], "\x00") {
		t.Errorf("the long message is %.200q", got[1])
	}
}
