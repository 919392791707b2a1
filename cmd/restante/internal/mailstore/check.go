package mailstore

import (
	"context"
	"errors"
	"log/slog"

	"restante/cmd/restante/internal/config"
	"restante/store/localstore"
	"restante/store/pgstore"
)

// Checked tells what Check has looked at.
type Checked struct {
	Users     int   `json:"users"`
	Accounts  int   `json:"accounts"`
	Mailboxes int   `json:"mailboxes"`
	Messages  int   `json:"messages"`
	Objects   int   `json:"objects,omitempty"` // in object stores
	Octets    int64 `json:"octets_read"`       // of bodies
	Bodies    bool  `json:"bodies"`            // every body was read
	// Arriving and LeftBehind are accounts that are on their way from another store, and copies of
	// those that have moved away or were deleted.
	Arriving   int `json:"arriving,omitempty"`
	LeftBehind int `json:"left_behind,omitempty"`
}

// Check compares everything in a store with each other, and reports each thing that is wrong. The
// embedded store, which no server may have open, always reads every body; the others do so with
// bodies. The error it returns is that of reading.
func Check(ctx context.Context, c *config.Server, bodies bool, progress func(Checked), report func(error)) (Checked, error) {
	if !c.IsShared() {
		n, err := localstore.Check(ctx, c.Data, report)
		return Checked{Users: n.Users, Accounts: n.Accounts, Mailboxes: n.Mailboxes, Messages: n.Messages, Octets: n.Octets, Bodies: true}, err
	}
	s, err := Open(ctx, c, slog.Default())
	if err != nil {
		return Checked{}, err
	}
	shared := s.(*pgstore.Store)
	made := func(n pgstore.Checked) Checked {
		return Checked{Users: n.Users, Accounts: n.Accounts, Mailboxes: n.Mailboxes, Messages: n.Messages, Objects: n.Objects, Octets: n.Octets, Bodies: bodies,
			Arriving: n.Arriving, LeftBehind: n.LeftBehind}
	}
	n, err := shared.Check(ctx, pgstore.CheckOptions{Bodies: bodies, Progress: func(n pgstore.Checked) { progress(made(n)) }}, report)
	return made(n), errors.Join(err, s.Close())
}
