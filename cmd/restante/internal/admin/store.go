package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"restante/auth"
	"restante/auth/sasl"
	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/localstore"
	"restante/summary"
)

// New administers an open store. It stays open when the API is closed.
func New(s store.Store, a *auth.Authenticator) API { return &storeAPI{store: s, auth: a} }

// openStore opens the store in a folder until the API is closed.
func openStore(dir string) (API, error) {
	s, err := localstore.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	a, err := auth.New(s, nil)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &storeAPI{store: s, auth: a, owned: true}, nil
}

// storeAPI works on a store directly.
type storeAPI struct {
	store store.Store
	auth  *auth.Authenticator
	owned bool // Close closes the store
}

func (a *storeAPI) Close() error {
	if a.owned {
		return a.store.Close()
	}
	return nil
}

// initialMailboxes are what a new user starts with besides INBOX.
var initialMailboxes = []store.InitialMailbox{
	{Name: "Archive", Use: []imap.MailboxAttr{imap.AttrArchive}},
	{Name: "Drafts", Use: []imap.MailboxAttr{imap.AttrDrafts}},
	{Name: "Junk", Use: []imap.MailboxAttr{imap.AttrJunk}},
	{Name: "Sent", Use: []imap.MailboxAttr{imap.AttrSent}},
	{Name: "Trash", Use: []imap.MailboxAttr{imap.AttrTrash}},
}

func (a *storeAPI) AddUser(ctx context.Context, name, password string) error {
	canonical, err := auth.CanonicalName(name)
	if err != nil {
		return fmt.Errorf("%q cannot be the name of a user", name)
	}
	secret, err := auth.NewSecret(password, auth.Params{})
	if err != nil {
		return passwordError(err)
	}
	_, err = a.store.CreateUser(ctx, canonical, secret, initialMailboxes...)
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("there is a user %s already; 'restante user passwd %s' sets a new password", canonical, canonical)
	}
	return err
}

func passwordError(err error) error {
	if errors.Is(err, sasl.ErrPassword) {
		return errors.New("a password may not be empty or contain control characters")
	}
	return err
}

func (a *storeAPI) SetPassword(ctx context.Context, name, password string) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	return passwordError(a.auth.SetPassword(ctx, user.Name, password))
}

// user finds a user by the name that somebody typed.
func (a *storeAPI) user(ctx context.Context, name string) (store.User, error) {
	canonical, err := auth.CanonicalName(name)
	if err != nil {
		return store.User{}, noUser(name)
	}
	user, err := a.store.User(ctx, canonical)
	if errors.Is(err, store.ErrNotFound) {
		return user, noUser(name)
	}
	return user, err
}

func noUser(name string) error {
	return fmt.Errorf("there is no user %q; 'restante user ls' lists them", name)
}

func (a *storeAPI) Users(ctx context.Context) ([]UserInfo, error) {
	users, err := a.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	infos := make([]UserInfo, 0, len(users))
	for _, u := range users {
		account, err := a.store.Account(ctx, u.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue // removed since
		} else if err != nil {
			return nil, err
		}
		info := UserInfo{Name: u.Name}
		for e := range account.Namespace().All() {
			counts, err := account.Status(ctx, e.ID)
			if errors.Is(err, store.ErrNotFound) {
				continue
			} else if err != nil {
				return nil, err
			}
			info.Mailboxes++
			info.Messages += int64(counts.Messages)
			info.Bytes += counts.Size
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (a *storeAPI) RemoveUser(ctx context.Context, name string) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	return a.store.DeleteUser(ctx, user.Name)
}

// Messages are imported in batches, each one change of the store.
const (
	batchMessages = 200
	batchOctets   = 4 << 20
)

func (a *storeAPI) Import(ctx context.Context, name, box string, next func() (*mailfile.Message, error), done func(n int)) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	account, err := a.store.Account(ctx, user.ID)
	if err != nil {
		return err
	}
	entry, ok := account.Namespace().Lookup(box)
	if !ok {
		if entry, err = account.Create(ctx, box, nil); err != nil {
			return fmt.Errorf("creating the mailbox %q: %w", box, err)
		}
		if err := account.Subscribe(ctx, box, true); err != nil {
			return err
		}
	}
	b := batch{account: account, id: entry.ID, done: done}
	for {
		m, err := next()
		if err == io.EOF {
			return b.flush(ctx)
		}
		if err == nil {
			err = b.add(ctx, m)
		}
		if err != nil {
			return errors.Join(err, b.flush(ctx))
		}
	}
}

// batch collects messages and appends them at once.
type batch struct {
	account  store.Account
	id       mailbox.ID
	done     func(int)
	messages []store.NewMessage
	size     int64
}

func (b *batch) add(ctx context.Context, m *mailfile.Message) error {
	w, finish := summary.NewBuilder()
	msg := store.NewMessage{Flags: m.Flags, Date: m.Date, Size: m.Size, Body: io.TeeReader(m.Body, w), Summary: finish}
	if m.Size > batchOctets {
		// It would not fit into memory with others: alone, straight from where it comes.
		if err := b.flush(ctx); err != nil {
			return err
		}
		b.messages = append(b.messages, msg)
		return b.flush(ctx)
	}
	body, err := io.ReadAll(io.LimitReader(msg.Body, m.Size))
	if err != nil {
		return err
	}
	if int64(len(body)) != m.Size {
		return io.ErrUnexpectedEOF
	}
	msg.Body = bytes.NewReader(body)
	b.messages, b.size = append(b.messages, msg), b.size+m.Size
	if len(b.messages) >= batchMessages || b.size >= batchOctets {
		return b.flush(ctx)
	}
	return nil
}

func (b *batch) flush(ctx context.Context) error {
	if len(b.messages) == 0 {
		return nil
	}
	if _, err := b.account.Append(ctx, b.id, b.messages); err != nil {
		return err
	}
	b.done(len(b.messages))
	b.messages, b.size = b.messages[:0], 0
	return nil
}
