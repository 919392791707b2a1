package server

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"

	"restante/cmd/restante/internal/cli"
	"restante/lmtp"
	"restante/store"
)

// userStore is what logins need of the store.
type userStore interface {
	User(ctx context.Context, name string) (store.User, error)
	SetSecret(ctx context.Context, name string, secret []byte) error
}

// loginNames finds the users who log in: by name, or by an address of one of our domains, which is how
// mail programs ask for the name. A user whose name is the whole address comes first, as for mail.
type loginNames struct {
	userStore
	domains lmtp.Domains
}

// User implements auth.Users.
func (l loginNames) User(ctx context.Context, name string) (store.User, error) {
	user, err := l.userStore.User(ctx, name)
	if !errors.Is(err, store.ErrNotFound) {
		return user, err
	}
	at := strings.LastIndexByte(name, '@')
	if at <= 0 || !l.domains.Contain(name[at+1:]) {
		return user, err
	}
	return l.userStore.User(ctx, name[:at])
}

// checkDomains refuses what is no domain.
func checkDomains(domains []string) error {
	for _, d := range domains {
		if d == "" || strings.ContainsAny(d, "@ \t/:") {
			return cli.Usagef("domains: %q is no domain; one is like \"example.org\"", d)
		}
	}
	return nil
}

// warnOfNames says what is missing before mail for everybody can be taken.
func (s *server) warnOfNames(ctx context.Context) {
	if s.lmtpAddr == "" {
		return
	}
	if _, err := s.store.User(ctx, "postmaster"); errors.Is(err, store.ErrNotFound) {
		users, err := s.store.Users(ctx)
		if _, noPostmaster := s.lmtp.PostmasterUser(ctx); noPostmaster != nil && (len(users) > 0 || s.lmtp.Postmaster != "") {
			s.log.Warn("mail for postmaster cannot be taken; name one of the users with postmaster in the configuration file", "err", errors.Join(noPostmaster, err))
		}
	}
	if s.lmtp.Domains == nil {
		level := slog.LevelInfo
		if at, err := netip.ParseAddrPort(s.lmtpAddr); err == nil && !at.Addr().IsLoopback() {
			level = slog.LevelWarn // not only this machine's mail transfer agent decides what comes
		}
		s.log.Log(ctx, level, "mail for every domain is taken; name yours with domains in the configuration file", "lmtp", s.lmtpAddr)
	}
}
