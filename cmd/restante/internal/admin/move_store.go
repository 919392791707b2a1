package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/datadir"
	"restante/cmd/restante/internal/mailstore"
	"restante/store"
	"restante/store/move"
)

// Move implements API.
func (a *storeAPI) Move(ctx context.Context, r MoveRequest, report func(MoveReport)) error {
	return a.eachToMove(ctx, &r, func(job *move.Job, user string) error {
		job.Progress = func(p move.Progress) { report(MoveReport{Progress: &p}) }
		result, err := job.User(ctx, user)
		if err != nil {
			return moveError(user, err)
		}
		if r.RemoveSource {
			if err := job.From.DeleteUser(context.WithoutCancel(ctx), user); err != nil {
				return fmt.Errorf("%s has moved, but the copy was not removed: %w", user, err)
			}
		}
		report(MoveReport{Result: &result})
		return nil
	})
}

// AbortMove implements API.
func (a *storeAPI) AbortMove(ctx context.Context, r MoveRequest, report func(MoveReport)) error {
	return a.eachToMove(ctx, &r, func(job *move.Job, user string) error {
		aborted, err := job.Abort(ctx, user)
		if errors.Is(err, move.ErrHandedOver) {
			return fmt.Errorf("%s: %w; the same command without --abort brings the move to its end", user, err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", user, err)
		}
		report(MoveReport{Aborted: &aborted})
		return nil
	})
}

// eachToMove does something for each user of a request.
func (a *storeAPI) eachToMove(ctx context.Context, r *MoveRequest, do func(job *move.Job, user string) error) (err error) {
	from, ok := a.store.(store.Movable)
	if !ok {
		return errors.New("nobody can be moved from this store")
	}
	to, closeTarget, err := openTarget(ctx, a.store, &r.Target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTarget()) }()
	job := &move.Job{From: from, To: to, Within: r.Target.Cell != "", ToName: r.Target.Name}
	if !job.Within {
		if err := differ(ctx, from, to); err != nil {
			return err
		}
	}
	for _, name := range r.Users {
		user, err := a.user(ctx, name)
		if err != nil {
			return err
		}
		if err := do(job, user.Name); err != nil {
			return err
		}
	}
	return nil
}

// moveError says what to do.
func moveError(user string, err error) error {
	hint := "; everything is as it was, and the same command goes on"
	switch {
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("%s: the target has a user of that name already; rename or remove that one first", user)
	case errors.Is(err, move.ErrElsewhere):
		return fmt.Errorf("%s: %w", user, err)
	case errors.Is(err, store.ErrTakenOver):
		return fmt.Errorf("%s: somebody else has begun to move this user", user)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%s: %w%s", user, err, hint)
}

// differ fails when two stores are the same.
func differ(ctx context.Context, from, to store.Movable) error {
	a, err := from.Identity(ctx)
	if err != nil {
		return err
	}
	b, err := to.Identity(ctx)
	if err == nil && a == b {
		err = cli.Usagef("the target is where the mail is already; cells of the same servers are named by --to cell:NAME")
	}
	return err
}

// openTarget opens the store that accounts go to. What it returns closes it.
func openTarget(ctx context.Context, from store.Store, t *MoveTarget) (to store.Movable, closeTarget func() error, err error) {
	if t.Cell != "" {
		shared, ok := from.(mailstore.Shared)
		if !ok {
			return nil, nil, cli.Usagef("the embedded store has no cells; --to cell:NAME is for servers that share databases")
		}
		to, err := shared.Cell(t.Cell)
		return to, func() error { return nil }, err
	}
	c := &config.Server{Data: t.Data, Store: t.Store, Blobs: t.Blobs, NATS: t.NATS, Directory: t.Directory, Cells: t.Cells}
	clean := func() error { return nil }
	if c.IsShared() { // whose folder has nothing but a cache
		if c.Data, err = os.MkdirTemp("", "restante-move-"); err != nil {
			return nil, nil, err
		}
		clean = func() error { return os.RemoveAll(c.Data) }
	} else if nc, err := net.Dial("unix", filepath.Join(c.Data, SocketName)); err == nil {
		nc.Close()
		return nil, nil, fmt.Errorf("a server runs on %s, and mail can only be moved into a data folder without one: stop that server, and try again", c.Data)
	} else if err := datadir.Prepare(c.Data, slog.Default()); err != nil {
		return nil, nil, err
	}
	s, err := mailstore.Open(ctx, c, slog.Default())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the target: %w", err), clean())
	}
	return s, func() error { return errors.Join(s.Close(), clean()) }, nil
}

// moveAnswer is a line of what a running server tells of a move: at last why it has ended.
type moveAnswer struct {
	MoveReport
	Error string `json:"error,omitempty"`
}

// move answers with what a call of the API reports.
func (h handler) move(w http.ResponseWriter, r *http.Request, call func(context.Context, MoveRequest, func(MoveReport)) error) {
	var request MoveRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 16<<20)).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
	err := call(r.Context(), request, func(report MoveReport) {
		if report.Aborted != nil {
			h.log.Info("move of user given up", "user", report.Aborted.User, "to", request.Target.Name, "messages", report.Aborted.Messages)
		}
		if report.Result != nil {
			h.log.Info("user moved", "user", report.Result.User, "to", request.Target.Name, "messages", report.Result.Messages, "waited", report.Result.Waited)
		}
		out.Encode(moveAnswer{MoveReport: report})
		flush()
	})
	if err != nil {
		h.log.Warn("user not moved", "to", request.Target.Name, "err", err)
		out.Encode(moveAnswer{Error: err.Error()})
	}
}

// Move implements API.
func (a *socketClient) Move(ctx context.Context, r MoveRequest, report func(MoveReport)) error {
	return a.move(ctx, "/move", r, report)
}

// AbortMove implements API.
func (a *socketClient) AbortMove(ctx context.Context, r MoveRequest, report func(MoveReport)) error {
	return a.move(ctx, "/move/abort", r, report)
}

func (a *socketClient) move(ctx context.Context, path string, r MoveRequest, report func(MoveReport)) error {
	resp, err := a.do(ctx, "POST", path, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var answer moveAnswer
		if err := d.Decode(&answer); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the running server has ended: %w", err)
		}
		if answer.Error != "" {
			return errors.New(answer.Error)
		}
		report(answer.MoveReport)
	}
}
