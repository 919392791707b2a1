package imapserver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"restante/blob/fsblob"
	"restante/imapserver"
	"restante/internal/pgtest"
	"restante/internal/transcript"
	"restante/mailbox"
	"restante/store"
	"restante/store/pgstore"
	"restante/store/storetest"
)

// openPostgres opens a store whose mail is in a schema and, but for what is very small, in a folder.
// hints are the addresses of NATS servers, or "".
func openPostgres(t testing.TB, database, folder, hints string) store.Store {
	t.Helper()
	blobs, err := fsblob.Open(filepath.Join(folder, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := pgstore.Open(context.Background(), pgstore.Options{
		Cells:       []pgstore.CellConfig{{Name: "one", Database: database, Blobs: blobs, Hints: hints}},
		InlineLimit: 64, Memory: 1 << 20, IdleMemory: 1 << 20, CacheDir: t.TempDir(), CacheOctets: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nodes are two machines with the same mail, and a third one without clients, that is asked what there
// is so that neither of the two hears of it by that.
type nodes struct {
	servers [2]*testServer
	witness store.Store
	commits *storetest.Recorder
	dials   atomic.Int64
}

// startNodes starts a server on each of two machines, which hear of each other by NATS servers, of
// which each machine has its own address, or else by PostgreSQL.
func startNodes(t testing.TB, hints0, hints1 string) *nodes {
	t.Helper()
	database, folder := pgtest.Database(t, t.TempDir()), t.TempDir()
	n := &nodes{witness: openPostgres(t, database, folder, hints0), commits: storetest.NewRecorder()}
	t.Cleanup(func() {
		if err := n.witness.Close(); err != nil {
			t.Error(err)
		}
		if err := n.commits.Check(); err != nil {
			t.Error(err)
		}
	})
	for i, hints := range []string{hints0, hints1} {
		s := n.commits.Record(openPostgres(t, database, folder, hints))
		n.servers[i] = startServer(t, s, func(server *imapserver.Server) {
			if i > 0 {
				server.TLS = n.servers[0].server.TLS // one certificate for all
			}
		})
	}
	n.servers[0].nodes = n
	return n
}

// spread has the sessions of a test connect to one machine after the other.
func (n *nodes) spread(t testing.TB, target *transcript.Target, account store.AccountID) {
	first := n.dials.Add(1)
	var dials atomic.Int64
	target.Dial = func() (net.Conn, error) {
		return net.Dial("tcp", n.servers[(first+dials.Add(1))%2].plain)
	}
	w := &nodeWatch{nodes: n, account: account, boxes: map[mailbox.ID][]store.Mailbox{}}
	open := func(s store.Store) store.Account {
		a, err := s.Account(context.Background(), store.System, account)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	w.names = open(n.witness)
	for i, ts := range n.servers {
		w.known[i] = open(ts.store)
	}
	t.Cleanup(w.close)
	target.Settle = w.settle
}

// nodeWatch waits until both machines have heard of everything that has happened to an account. It
// never asks one of them to look: their bells have to ring.
type nodeWatch struct {
	nodes   *nodes
	account store.AccountID
	names   store.Account    // the witness's
	known   [2]store.Account // the machines'
	boxes   map[mailbox.ID][]store.Mailbox
}

// hearingLimit is less than the time after which a machine looks of its own accord.
const hearingLimit = 25 * time.Second

func (w *nodeWatch) settle() error {
	ctx, cancel := context.WithTimeout(context.Background(), hearingLimit)
	defer cancel()
	for {
		// A command may be under way that removes a mailbox.
		if err := w.settleOnce(ctx); !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
}

func (w *nodeWatch) settleOnce(ctx context.Context) error {
	names, err := w.names.Refresh(ctx)
	if err != nil {
		return err
	}
	for i, a := range w.known {
		for {
			if d := mailbox.DiffNamespaces(a.Namespace(), names); d.Empty() {
				break
			}
			if err := heard(ctx, a.Bell()); err != nil {
				return fmt.Errorf("machine %d has not heard which mailboxes there are: %w", i, err)
			}
			if names, err = w.names.Refresh(ctx); err != nil {
				return err
			}
		}
	}
	there := map[mailbox.ID]bool{}
	for e := range names.All() {
		there[e.ID] = true
		if err := w.settleBox(ctx, e); err != nil {
			return err
		}
	}
	for id, handles := range w.boxes {
		if there[id] {
			continue
		}
		for i, h := range handles {
			for !h.Version().Deleted {
				if err := heard(ctx, h.Bell()); err != nil {
					return fmt.Errorf("machine %d has not heard that mailbox %d is gone: %w", i, id, err)
				}
			}
			h.Close()
		}
		delete(w.boxes, id)
	}
	return nil
}

// settleBox waits until the machines know the state that a mailbox has now.
func (w *nodeWatch) settleBox(ctx context.Context, e mailbox.Entry) error {
	ref := store.Ref{Account: w.account, Mailbox: e.ID}
	if w.boxes[e.ID] == nil { // it has just been made
		var handles []store.Mailbox
		for _, ts := range w.nodes.servers {
			h, err := ts.store.Open(ctx, store.System, ref)
			if err != nil {
				for _, h := range handles {
					h.Close()
				}
				return err
			}
			handles = append(handles, h)
		}
		w.boxes[e.ID] = handles
	}
	counts, err := w.nodes.witness.Status(ctx, store.System, ref)
	if err != nil {
		return err
	}
	for i, h := range w.boxes[e.ID] {
		for h.Version().HighestModSeq < counts.HighestModSeq {
			if err := heard(ctx, h.Bell()); err != nil {
				return fmt.Errorf("machine %d has not heard of what has happened in %s: %w", i, e.Name, err)
			}
		}
		h.Hold(h.Version())
	}
	return nil
}

func (w *nodeWatch) close() {
	for _, handles := range w.boxes {
		for _, h := range handles {
			h.Close()
		}
	}
}

func heard(ctx context.Context, bell <-chan struct{}) error {
	select {
	case <-bell:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
