package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"restante/auth"
	"restante/auth/sasl"
	"restante/cmd/restante/internal/datadir"
	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
	"restante/internal/spool"
	"restante/message"
	"restante/store"
	"restante/store/localstore"
	"restante/summary"
)

// New administers an open store. It stays open when the API is closed.
func New(s store.Store, a *auth.Authenticator) API { return &storeAPI{store: s, auth: a} }

// openStore opens the store in a folder until the API is closed.
func openStore(dir string, log *slog.Logger) (API, error) {
	if err := datadir.Prepare(dir, log); err != nil {
		return nil, err
	}
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
	canonical, err := newUserName(name)
	if err != nil {
		return err
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

// newUserName returns the form under which the name of a new user is stored.
func newUserName(name string) (string, error) {
	canonical, err := auth.CanonicalName(name)
	if err != nil || canonical == "" {
		return "", fmt.Errorf("%q cannot be the name of a user", name)
	}
	return canonical, nil
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
		info, err := a.userInfo(ctx, u)
		if errors.Is(err, store.ErrNotFound) {
			continue // removed since
		} else if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (a *storeAPI) userInfo(ctx context.Context, u store.User) (UserInfo, error) {
	info := UserInfo{Name: u.Name}
	account, err := a.store.Account(ctx, store.System, u.ID)
	if err != nil {
		return info, err
	}
	defer account.Close()
	for e := range account.Namespace().All() {
		counts, err := a.store.Status(ctx, store.System, store.Ref{Account: u.ID, Mailbox: e.ID})
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return info, err
		}
		info.Mailboxes++
		info.Messages += int64(counts.Messages)
		info.Bytes += counts.Size
	}
	return info, nil
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
	ref, err := a.findOrCreate(ctx, user.ID, box)
	if err != nil {
		return err
	}
	b := batch{store: a.store, ref: ref, done: done}
	defer b.discard()
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

// findOrCreate returns the mailbox of that name. One that is made is subscribed.
func (a *storeAPI) findOrCreate(ctx context.Context, id store.AccountID, name string) (store.Ref, error) {
	account, err := a.store.Account(ctx, store.System, id)
	if err != nil {
		return store.Ref{}, err
	}
	defer account.Close()
	if e, ok := account.Namespace().Lookup(name); ok {
		return store.Ref{Account: id, Mailbox: e.ID}, nil
	}
	out, err := a.store.Commit(ctx, store.System, &store.Create{Account: id, Name: name}, &store.Subscribe{Account: id, Name: name, On: true})
	if err != nil {
		return store.Ref{}, fmt.Errorf("creating the mailbox %q: %w", name, err)
	}
	return store.Ref{Account: id, Mailbox: out[0].Created.ID}, nil
}

// batch collects messages and appends them at once.
type batch struct {
	store    store.Mail
	ref      store.Ref
	done     func(int)
	messages []store.NewMessage
	size     int64
}

func (b *batch) add(ctx context.Context, m *mailfile.Message) error {
	s := spool.Spool{Limit: batchOctets}
	defer s.Close()
	switch _, err := io.CopyN(&s, m.Body, m.Size); {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	}
	encoded, err := message.EncodeBinary(&s, s.Size())
	if err != nil {
		return err
	}
	w, finish := summary.NewBuilder()
	body, err := b.store.Stage(ctx, store.System, b.ref.Account, io.TeeReader(encoded.Reader(), w))
	if err != nil {
		return err
	}
	b.messages = append(b.messages, store.NewMessage{Flags: m.Flags, Date: m.Date, Body: body, Summary: finish()})
	b.size += body.Size()
	if len(b.messages) >= batchMessages || b.size >= batchOctets {
		return b.flush(ctx)
	}
	return nil
}

func (b *batch) flush(ctx context.Context) error {
	if len(b.messages) == 0 {
		return nil
	}
	if _, err := b.store.Commit(ctx, store.System, &store.Append{Mailbox: b.ref, Messages: b.messages}); err != nil {
		return err
	}
	b.done(len(b.messages))
	b.discard()
	return nil
}

// discard forgets the messages; those that were appended stay.
func (b *batch) discard() {
	for i := range b.messages {
		b.messages[i].Body.Discard()
	}
	b.messages, b.size = b.messages[:0], 0
}
