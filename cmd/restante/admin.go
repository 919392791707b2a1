package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"restante/auth"
	"restante/auth/sasl"
	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/localstore"
	"restante/summary"
)

// admin is what can be done to a server's data from the command line, whether the server runs
// (then through the socket in its folder) or not (then in the folder itself).
type admin interface {
	AddUser(ctx context.Context, name, password string) error
	SetPassword(ctx context.Context, name, password string) error
	Users(ctx context.Context) ([]userInfo, error)
	RemoveUser(ctx context.Context, name string) error
	// Import appends messages to a mailbox, which it creates when it does not exist. next
	// returns io.EOF after the last one. done is told how many have been made durable.
	Import(ctx context.Context, user, mailbox string, next func() (*importMessage, error), done func(n int)) error
	Close() error
}

// userInfo is one line of "restante user ls".
type userInfo struct {
	Name      string `json:"name"`
	Mailboxes int    `json:"mailboxes"`
	Messages  int64  `json:"messages"`
	Bytes     int64  `json:"bytes"`
}

// importMessage is a message to import. Body must be read before the next message is asked for.
type importMessage struct {
	Flags []imap.Flag
	Date  time.Time
	Size  int64
	Body  io.Reader
}

// adminSocket is the socket of a running server, in its data folder.
const adminSocket = "admin.sock"

// openAdmin reaches the data in dir. A folder that does not exist is an error unless create is
// set.
func openAdmin(dir string, create bool) (admin, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && !create {
		return nil, fmt.Errorf("there is no data folder %s; name it with --data", dir)
	}
	socket := filepath.Join(dir, adminSocket)
	nc, err := net.Dial("unix", socket)
	if err == nil {
		nc.Close()
		return newSocketAdmin(socket), nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("reaching the running server: %w", err)
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
	return &storeAdmin{store: s, auth: a, owned: true}, nil
}

// storeAdmin works on a store directly.
type storeAdmin struct {
	store store.Store
	auth  *auth.Authenticator
	owned bool // Close closes the store
}

func (a *storeAdmin) Close() error {
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

func (a *storeAdmin) AddUser(ctx context.Context, name, password string) error {
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

func (a *storeAdmin) SetPassword(ctx context.Context, name, password string) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	return passwordError(a.auth.SetPassword(ctx, user.Name, password))
}

// user finds a user by the name that somebody typed.
func (a *storeAdmin) user(ctx context.Context, name string) (store.User, error) {
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

func (a *storeAdmin) Users(ctx context.Context) ([]userInfo, error) {
	users, err := a.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	infos := make([]userInfo, 0, len(users))
	for _, u := range users {
		account, err := a.store.Account(ctx, u.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue // removed since
		} else if err != nil {
			return nil, err
		}
		info := userInfo{Name: u.Name}
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

func (a *storeAdmin) RemoveUser(ctx context.Context, name string) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	return a.store.DeleteUser(ctx, user.Name)
}

// Messages are imported in groups, each one change of the store.
const (
	importGroup      = 200
	importGroupBytes = 4 << 20
)

func (a *storeAdmin) Import(ctx context.Context, name, box string, next func() (*importMessage, error), done func(n int)) error {
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
	g := importer{account: account, id: entry.ID, done: done}
	for {
		m, err := next()
		if err == io.EOF {
			return g.flush(ctx)
		}
		if err == nil {
			err = g.add(ctx, m)
		}
		if err != nil {
			return errors.Join(err, g.flush(ctx))
		}
	}
}

// importer gathers messages and appends them in groups.
type importer struct {
	account store.Account
	id      mailbox.ID
	done    func(int)
	group   []store.NewMessage
	size    int64
}

func (g *importer) add(ctx context.Context, m *importMessage) error {
	w, finish := summary.NewBuilder()
	msg := store.NewMessage{Flags: m.Flags, Date: m.Date, Size: m.Size, Body: io.TeeReader(m.Body, w), Summary: finish}
	if m.Size > importGroupBytes {
		// It would not fit into memory with others: alone, straight from where it comes.
		if err := g.flush(ctx); err != nil {
			return err
		}
		g.group = append(g.group, msg)
		return g.flush(ctx)
	}
	body, err := io.ReadAll(io.LimitReader(msg.Body, m.Size))
	if err != nil {
		return err
	}
	if int64(len(body)) != m.Size {
		return io.ErrUnexpectedEOF
	}
	msg.Body = bytes.NewReader(body)
	g.group, g.size = append(g.group, msg), g.size+m.Size
	if len(g.group) >= importGroup || g.size >= importGroupBytes {
		return g.flush(ctx)
	}
	return nil
}

func (g *importer) flush(ctx context.Context) error {
	if len(g.group) == 0 {
		return nil
	}
	if _, err := g.account.Append(ctx, g.id, g.group); err != nil {
		return err
	}
	g.done(len(g.group))
	g.group, g.size = g.group[:0], 0
	return nil
}
