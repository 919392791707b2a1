package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"time"

	"restante/auth"
	"restante/auth/sasl"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/datadir"
	"restante/cmd/restante/internal/mailstore"
	"restante/imap"
	"restante/imapserver"
	"restante/mailbox"
	"restante/store"
	"restante/store/gate"
)

// New administers an open store, to whose users imap serves their mail, and of which new users may use so
// much. The store and imap stay as they are when the API is closed.
func New(s store.Store, a *auth.Authenticator, imap *imapserver.Server, quota config.Quota) API {
	return &storeAPI{store: s, auth: a, imap: imap, quota: quota}
}

// openStore opens the store until the API is closed.
func openStore(ctx context.Context, c *config.Server, log *slog.Logger) (*storeAPI, error) {
	if err := datadir.Prepare(c.Data, log); err != nil {
		return nil, err
	}
	s, err := mailstore.Open(ctx, c, log)
	if err != nil {
		return nil, err
	}
	a, err := auth.New(s, &auth.Options{Params: auth.Params{SCRAMSHA1: c.SCRAMSHA1}, Log: log})
	if err != nil {
		s.Close()
		return nil, err
	}
	return &storeAPI{store: s, auth: a, owned: true, quota: c.Quota, imap: &imapserver.Server{
		Mail: Gate(s, c), Auth: a, Limits: IMAPLimits(c.Limits), Log: log,
	}}, nil
}

// Gate returns the gate through which sessions come to a store.
func Gate(s store.Store, c *config.Server) *gate.Gate {
	g := gate.New(s, gate.Owners)
	if c.Quota.SetByUser {
		g.AllowSetQuota()
	}
	return g
}

// storeAPI works on a store directly.
type storeAPI struct {
	store store.Store
	auth  *auth.Authenticator
	imap  *imapserver.Server
	quota config.Quota // of new users
	owned bool         // Close ends the sessions and closes the store
}

// closeGrace is how long clients have to finish what they are doing.
const closeGrace = 10 * time.Second

func (a *storeAPI) Close() error {
	if !a.owned {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	_ = a.imap.Shutdown(ctx) // who has not finished by then is cut off
	return a.store.Close()
}

// IMAP implements API.
func (a *storeAPI) IMAP(ctx context.Context, name string, connect func() (net.Conn, error)) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	nc, err := connect()
	if err != nil {
		return err
	}
	return a.imap.ServePreauth(nc, user)
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
	secret, err := a.auth.NewSecret(password)
	if err != nil {
		return passwordError(err)
	}
	user, err := a.store.CreateUser(ctx, canonical, secret, initialMailboxes...)
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("there is a user %s already; 'restante user passwd %s' sets a new password", canonical, canonical)
	}
	if quota := initialQuota(a.quota); err == nil && len(quota) > 0 {
		if _, err = a.store.Commit(ctx, store.System, &store.SetQuota{Account: user.ID, Quota: quota}); err != nil {
			err = fmt.Errorf("the user %s has no limits yet: %w; 'restante user quota %s' sets them", canonical, err, canonical)
		}
	}
	return err
}

func initialQuota(c config.Quota) mailbox.Quota {
	quota := mailbox.Quota{
		imap.QuotaStorage: c.Storage, imap.QuotaMessage: c.Messages,
		imap.QuotaMailbox: c.Mailboxes, imap.QuotaAnnotationStorage: c.Annotations,
	}
	maps.DeleteFunc(quota, func(_ imap.QuotaResource, limit int64) bool { return limit == 0 })
	return quota
}

// newUserName returns the form under which the name of a new user is stored.
func newUserName(name string) (string, error) {
	canonical, err := auth.CanonicalName(name)
	if err != nil {
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
		if errors.Is(err, store.ErrMoved) {
			info = UserInfo{Name: u.Name, Moved: true}
		} else if errors.Is(err, store.ErrNotFound) {
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

func (a *storeAPI) Quota(ctx context.Context, name string) (q QuotaInfo, err error) {
	user, err := a.user(ctx, name)
	if err != nil {
		return q, err
	}
	account, err := a.store.Account(ctx, store.System, user.ID)
	if err != nil {
		return q, err
	}
	defer account.Close()
	q.Usage, q.Limits, err = account.Usage(ctx)
	return q, err
}

func (a *storeAPI) SetQuota(ctx context.Context, name string, limits map[imap.QuotaResource]*int64) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	old, err := a.Quota(ctx, name)
	if err != nil {
		return err
	}
	quota := mailbox.Quota{}
	maps.Copy(quota, old.Limits)
	for resource, limit := range limits {
		if delete(quota, resource); limit != nil {
			quota[resource] = *limit
		}
	}
	_, err = a.store.Commit(ctx, store.System, &store.SetQuota{Account: user.ID, Quota: quota})
	return err
}

func (a *storeAPI) RemoveUser(ctx context.Context, name string) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	return a.store.DeleteUser(ctx, user.Name)
}
