// Package admin is the administration of a server's data: its commands, and the two
// ways in which they reach the data. While the server runs it is the only one that may open the
// store, so they ask it, through a socket in the data folder; otherwise they open the store.
//
// store.go and move_store.go alone work with what is in the store.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/datadir"
	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
	"restante/mailbox"
)

// Commands returns the commands that administer a server's data.
func Commands() []*cobra.Command {
	return []*cobra.Command{newUser(), newImport(), newIMAP(), newStore(), newCheck(), newDataServer()}
}

// API is what can be done to a server's data. Its errors are for people at a terminal.
type API interface {
	AddUser(ctx context.Context, name, password string) error
	SetPassword(ctx context.Context, name, password string) error
	Users(ctx context.Context) ([]UserInfo, error)
	RemoveUser(ctx context.Context, name string) error
	// Quota returns what a user uses and may.
	Quota(ctx context.Context, name string) (QuotaInfo, error)
	// SetQuota changes limits of a user: those in limits become what they are there, nil for none.
	SetQuota(ctx context.Context, name string, limits map[imap.QuotaResource]*int64) error
	// Import appends messages to mailboxes, which it creates when they do not exist, all before the
	// first message. next returns a message and the index of its mailbox, and io.EOF after the last
	// one. A message that its mailbox held before the import is left out. done is told what has been
	// made durable since the last call.
	Import(ctx context.Context, user string, boxes []ImportBox, next func() (int, *mailfile.Message, error), done func(ImportProgress)) error
	// Move moves users to another store. report is told how far it is, and what became of each. An
	// error ends it; who was moved stays moved.
	Move(ctx context.Context, r MoveRequest, report func(MoveReport)) error
	// AbortMove gives up moves that were begun: what has come to the target is removed.
	AbortMove(ctx context.Context, r MoveRequest, report func(MoveReport)) error
	// IMAP serves IMAP to a user, who is logged in already, on the connection that connect returns,
	// which is called once the user is known. It closes the connection, and returns when it has ended.
	IMAP(ctx context.Context, user string, connect func() (net.Conn, error)) error
	Close() error
}

// ImportBox is a mailbox that messages are imported into. Subscribed says whether the user is to be
// subscribed to it; nil: when it is new.
type ImportBox struct {
	Name       string `json:"name"`
	Subscribed *bool  `json:"subscribed,omitempty"`
}

// ImportProgress counts messages.
type ImportProgress struct {
	Imported int `json:"imported,omitempty"` // and durable
	Known    int `json:"known,omitempty"`    // left out, since their mailbox held them already
}

// UserInfo is one line of "restante user ls". Bytes are those of the messages.
type UserInfo struct {
	Name      string `json:"name"`
	Mailboxes int    `json:"mailboxes"`
	Messages  int64  `json:"messages"`
	Bytes     int64  `json:"bytes"`
	Moved     bool   `json:"moved,omitempty"` // to another store
}

// QuotaInfo is what a user uses and may, in octets or numbers. A resource without a limit is not in Limits.
type QuotaInfo struct {
	Usage  mailbox.Usage `json:"usage"`
	Limits mailbox.Quota `json:"limits"`
}

// SocketName is the name of a running server's socket in its data folder.
const SocketName = "admin.sock"

// open reaches the data. A folder that does not exist, or has no store in it, is an error unless create
// is set.
func open(ctx context.Context, c *config.Server, create bool) (API, error) {
	if c.IsShared() {
		return openStore(ctx, c, slog.Default()) // whoever else uses it does not mind
	}
	dir := c.Data
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && !create {
		return nil, fmt.Errorf("there is no data folder %s; name it with --data", dir)
	}
	socket := filepath.Join(dir, SocketName)
	nc, err := net.Dial("unix", socket)
	if err == nil {
		nc.Close()
		return newSocketClient(socket), nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("reaching the running server: %w", err)
	}
	if !create {
		if ok, err := datadir.HoldsStore(dir); err != nil {
			return nil, err
		} else if !ok {
			return nil, fmt.Errorf("%s is no data folder: there is no mail in it; name the right one with --data", dir)
		}
	}
	if os.Geteuid() == 0 {
		owner, err := datadir.OwnerOf(dir)
		if err == nil && owner.UID != 0 {
			return openAsOwner(c, owner)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return openStore(ctx, c, slog.Default()) // which writes to standard error
}
