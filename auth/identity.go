package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"restante/auth/sasl"
	"restante/store"
)

// TokenVerifier says whose OAuth 2.0 access tokens are.
type TokenVerifier interface {
	// VerifyToken returns the name of the user to whom a token was issued for what is asked. When it
	// permits nothing here the error is a *sasl.OAuthError, of which the client is told; any other
	// error says that it could not be found out.
	VerifyToken(ctx context.Context, r sasl.OAuthRequest) (user string, err error)
}

// token is an exchange with an access token. One that is refused counts as a failure, once, and one that
// is missing does not.
func (a *Authenticator) token(ctx context.Context, e *Exchange, remote netip.Addr, r sasl.OAuthRequest) error {
	e.name = r.User
	canonical := canonicalOr(r.User)
	at, err := a.throttle.begin(ctx, remote, canonical)
	if err != nil {
		return err
	}
	ended, digest := abandoned, a.cache.digest(canonical, nil, r.Token)
	defer func() { at.end(ended, guess(digest[:8])) }()
	if err := at.passName(ctx); err != nil {
		return err
	}
	name, err := a.tokens.VerifyToken(ctx, r)
	if refusal := (*sasl.OAuthError)(nil); errors.As(err, &refusal) {
		if r.Token != "" {
			ended = failed
		}
		return fmt.Errorf("%w: %w", ErrFailed, err)
	} else if err != nil {
		return fmt.Errorf("auth: verifying a token: %w", err)
	}
	if err := a.become(ctx, e, []string{name}, r.User); err != nil {
		ended = failed
		if errors.Is(err, ErrFailed) || errors.Is(err, ErrNotAuthorized) {
			err = fmt.Errorf("%w: %w", err, &sasl.OAuthError{Status: "invalid_token"})
		}
		return err
	}
	ended = succeeded
	return nil
}

// become makes the exchange that of the first of the names that is a user's: all of them are proved. With
// authz it is the one whose user that is. Errors are ErrFailed, ErrNotAuthorized and the store's.
func (a *Authenticator) become(ctx context.Context, e *Exchange, names []string, authz string) error {
	as, err := store.User{}, error(nil)
	wanted := false
	if authz != "" {
		if as, wanted, err = a.lookup(ctx, authz, canonicalOr(authz)); err != nil {
			return err
		}
	}
	result := ErrFailed
	for _, name := range names {
		user, known, err := a.lookup(ctx, name, canonicalOr(name))
		if err != nil {
			return err
		}
		switch {
		case !known:
		case authz == "" || wanted && as.ID == user.ID:
			e.user, e.name = user, name
			return nil
		default:
			e.name, result = name, ErrNotAuthorized
		}
	}
	return result
}

// enterAnonymously is an exchange of somebody who is nobody.
func (a *Authenticator) enterAnonymously(ctx context.Context, e *Exchange, trace string) error {
	e.name = trace
	user, known, err := a.lookup(ctx, a.anonymous, canonicalOr(a.anonymous))
	if err != nil {
		return err
	}
	if !known {
		a.log.Warn("there is no user as whom ANONYMOUS could log in", "user", a.anonymous)
		return ErrFailed
	}
	e.user, e.anonymous = user, true
	return nil
}
