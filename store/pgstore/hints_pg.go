package pgstore

import (
	"context"
	"encoding/base64"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// notifications carries hints by PostgreSQL's own. A NOTIFY is never a part of a change: its lock is
// held until the standby has answered, which makes everybody wait. It has a connection of its own.
type notifications struct {
	h       *hints
	config  *pgx.ConnConfig
	out     *pgx.Conn
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func openNotifications(ctx context.Context, h *hints) (transport, error) {
	ctx, cancel := context.WithCancel(ctx)
	n := &notifications{h: h, config: h.cell.db.pool.Config().ConnConfig.Copy(), cancel: cancel}
	n.config.RuntimeParams["synchronous_commit"] = "off" // a hint may be lost
	listener, err := n.listen(ctx)
	if err != nil {
		cancel()
		return nil, badHints(err)
	}
	n.running.Go(func() { n.receive(ctx, listener) })
	return n, nil
}

// listen opens the connection on which others are heard.
func (n *notifications) listen(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, n.config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{n.h.cell.channel()}.Sanitize()); err != nil {
		conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// aliveEvery is how often a quiet connection is tried: one whose server is frozen looks like one that
// has nothing to say.
const aliveEvery = 10 * time.Second

// receive listens, and connects again when the connection is lost.
func (n *notifications) receive(ctx context.Context, conn *pgx.Conn) {
	for ctx.Err() == nil {
		if conn == nil {
			var err error
			if conn, err = n.listen(ctx); err != nil {
				if ctx.Err() == nil {
					n.h.cell.log.Warn("listening to other machines; their changes are heard of late until that is possible", "err", err)
				}
				select {
				case <-time.After(reconnectPause):
				case <-ctx.Done():
				}
				continue
			}
			n.h.lost()
		}
		wait, cancel := context.WithTimeout(ctx, aliveEvery)
		got, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			octets, err := base64.StdEncoding.DecodeString(got.Payload)
			if err != nil {
				n.h.cell.log.Warn("hint", "err", errBadHint)
				continue
			}
			n.h.received(octets)
		case ctx.Err() == nil && !conn.IsClosed() && n.alive(ctx, conn):
		default:
			conn.Close(context.WithoutCancel(ctx))
			conn = nil
		}
	}
	if conn != nil {
		conn.Close(context.WithoutCancel(ctx))
	}
}

func (n *notifications) alive(ctx context.Context, conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return conn.Ping(ctx) == nil
}

func (n *notifications) publish(octets []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.h.ctx), answerTimeout)
	defer cancel()
	if n.out == nil || n.out.IsClosed() {
		conn, err := pgx.ConnectConfig(ctx, n.config)
		if err != nil {
			return err
		}
		n.out = conn
	}
	_, err := n.out.Exec(ctx, "SELECT pg_notify($1, $2)", n.h.cell.channel(), base64.StdEncoding.EncodeToString(octets))
	if err != nil {
		n.out.Close(context.WithoutCancel(ctx))
	}
	return err
}

func (n *notifications) close() {
	n.cancel()
	n.running.Wait()
	if n.out != nil {
		n.out.Close(context.Background())
	}
}
