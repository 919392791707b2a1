package storetest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/localstore"
	"restante/store/memstore"
)

// faultEnv names the fault of the driver that TestFaulty runs the suite on.
const faultEnv = "RESTANTE_STORETEST_FAULT"

// faults are mistakes of drivers, and the tests of the suite that must notice them.
var faults = []struct{ name, noticedBy string }{
	{"append loses \\Flagged", "Model"},
	{"append is not all or none", "AppendFails"},
	{"append reads too much", "Append"},
	{"append locks while it reads", "AppendSlowly"},
	{"append gives one UID twice", "AppendConcurrently"},
	{"store touches what stays the same", "StoreFlags"},
	{"store adds keywords without messages", "StoreFlags"},
	{"expunge without \\Deleted", "Expunge"},
	{"copy loses flags", "Copy"},
	{"copy loses flags", "Model"},
	{"move keeps the source", "Move"},
	{"hold nothing", "Hold"},
	{"hold nothing", "Model"},
	{"hold no ghosts", "HoldGhosts"},
	{"hold for ever", "Hold"},
	{"recent twice", "Recent"},
	{"no bell", "Bell"},
	{"stale version", "Append"},
	{"summaries are left over", "Summaries"},
	{"body cut off", "Body"},
	{"context ignored", "Context"},
	{"user stays", "DeleteUser"},

	{"open loses a message", "Crash"},
	{"open loses a flag", "Crash"},
	{"open adds a message", "Crash"},
	{"open loses a mailbox", "Crash"},
	{"open loses everything", "Crash"},
	{"move in two steps", "Crash"},
	{"append one by one", "Crash"},
	{"tear loses a message", "Torn"},
	{"corrupt loses a message", "Corrupt"},
}

// TestFaults runs the suite, each time on a driver with another fault, and wants it to fail.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	for _, f := range faults {
		t.Run(f.name+" "+f.noticedBy, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaulty$/^"+f.noticedBy+"$")
			cmd.Env = append(os.Environ(), faultEnv+"="+f.name, RoundsEnv+"=6")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestFaulty/"+f.noticedBy) {
				t.Errorf("not noticed: %v\n%s", err, out)
			}
		})
	}
}

// TestFaulty is run by TestFaults, in a process of its own.
func TestFaulty(t *testing.T) {
	fault := os.Getenv(faultEnv)
	if fault == "" {
		t.Skip("there is no fault")
	}
	patience = time.Second
	o := Opener{Open: func(string) (store.Store, error) { return &faulty{Store: memstore.New(), fault: fault}, nil }}
	for _, f := range faults {
		if f.name == fault && (f.noticedBy == "Crash" || f.noticedBy == "Torn" || f.noticedBy == "Corrupt") {
			o = faultyOnDisk(fault)
		}
	}
	Run(t, o)
}

// faulty is a store with a fault.
type faulty struct {
	store.Store
	fault string
	mu    sync.Mutex
}

func (s *faulty) User(ctx context.Context, name string) (store.User, error) {
	if s.fault == "context ignored" {
		ctx = context.Background()
	}
	return s.Store.User(ctx, name)
}

func (s *faulty) DeleteUser(ctx context.Context, name string) error {
	if s.fault == "user stays" {
		return nil
	}
	return s.Store.DeleteUser(ctx, name)
}

func (s *faulty) Account(ctx context.Context, id store.AccountID) (store.Account, error) {
	a, err := s.Store.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	return &faultyAccount{a, s}, nil
}

type faultyAccount struct {
	store.Account
	s *faulty
}

func (a *faultyAccount) Append(ctx context.Context, id mailbox.ID, msgs []store.NewMessage) (store.AppendResult, error) {
	switch a.s.fault {
	case "append loses \\Flagged":
		for i := range msgs {
			msgs[i].Flags = append([]imap.Flag(nil), msgs[i].Flags...)
			for j, f := range msgs[i].Flags {
				if f == imap.Flagged {
					msgs[i].Flags[j] = imap.Recent
				}
			}
		}
	case "append is not all or none", "append one by one":
		var all store.AppendResult
		for i := range msgs {
			r, err := a.Account.Append(ctx, id, msgs[i:i+1])
			if err != nil {
				return r, err
			}
			all.UIDValidity, all.UIDs = r.UIDValidity, append(all.UIDs, r.UIDs...)
			if a.s.fault == "append one by one" {
				time.Sleep(20 * time.Millisecond) // for the kill to hit
			}
		}
		return all, nil
	case "append reads too much":
		for i := range msgs {
			body, _ := io.ReadAll(msgs[i].Body)
			if len(body) > int(msgs[i].Size) {
				body = body[:msgs[i].Size]
			}
			msgs[i].Body = strings.NewReader(string(body))
		}
	case "append locks while it reads":
		a.s.mu.Lock()
		defer a.s.mu.Unlock()
	case "append gives one UID twice":
		r, err := a.Account.Append(ctx, id, msgs)
		if len(r.UIDs) > 1 {
			r.UIDs[1] = r.UIDs[0]
		}
		return r, err
	}
	return a.Account.Append(ctx, id, msgs)
}

func (a *faultyAccount) Open(ctx context.Context, id mailbox.ID) (store.Mailbox, error) {
	b, err := a.Account.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return &faultyMailbox{b, a, b.Version()}, nil
}

type faultyMailbox struct {
	store.Mailbox
	a     *faultyAccount
	first *mailbox.Version
}

func (b *faultyMailbox) Version() *mailbox.Version {
	if b.a.s.fault == "stale version" {
		return b.first
	}
	return b.Mailbox.Version()
}

func (b *faultyMailbox) Bell() <-chan struct{} {
	if b.a.s.fault == "no bell" {
		return nil
	}
	return b.Mailbox.Bell()
}

func (b *faultyMailbox) Hold(v *mailbox.Version) {
	switch {
	case b.a.s.fault == "hold for ever":
	case b.a.s.fault == "hold nothing", b.a.s.fault == "hold no ghosts" && !v.Ghosts().Empty():
		b.Mailbox.Hold(b.Mailbox.Version())
	default:
		b.Mailbox.Hold(v)
	}
}

func (b *faultyMailbox) ClaimRecent(below imap.UID) imap.UID {
	from := b.Mailbox.ClaimRecent(below)
	if b.a.s.fault == "recent twice" {
		return 1
	}
	return from
}

func (b *faultyMailbox) StoreFlags(ctx context.Context, set imap.UIDSet, op imap.StoreOp, flags []imap.Flag) (imap.ModSeq, error) {
	switch b.a.s.fault {
	case "store touches what stays the same":
		b.Mailbox.StoreFlags(ctx, set, imap.StoreAdd, []imap.Flag{imap.Draft})
		b.Mailbox.StoreFlags(ctx, set, imap.StoreRemove, []imap.Flag{imap.Draft})
	case "store adds keywords without messages":
		if b.Version().Existing(set).Empty() && len(flags) > 0 {
			return b.Version().HighestModSeq + 1, nil
		}
	}
	return b.Mailbox.StoreFlags(ctx, set, op, flags)
}

func (b *faultyMailbox) Expunge(ctx context.Context, set imap.UIDSet) (imap.UIDSet, error) {
	if b.a.s.fault == "expunge without \\Deleted" {
		b.Mailbox.StoreFlags(ctx, set, imap.StoreAdd, []imap.Flag{imap.Deleted})
	}
	return b.Mailbox.Expunge(ctx, set)
}

func (b *faultyMailbox) Copy(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (store.CopyResult, error) {
	r, err := b.Mailbox.Copy(ctx, set, dst)
	if b.a.s.fault == "copy loses flags" && err == nil {
		if to, err := b.a.Account.Open(ctx, dst); err == nil {
			to.StoreFlags(ctx, imap.UIDs(r.Dest...), imap.StoreSet, nil)
			to.Close()
		}
	}
	return r, err
}

func (b *faultyMailbox) Move(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (store.CopyResult, error) {
	switch b.a.s.fault {
	case "move keeps the source":
		return b.Mailbox.Copy(ctx, set, dst)
	case "move in two steps":
		r, err := b.Mailbox.Copy(ctx, set, dst)
		time.Sleep(50 * time.Millisecond) // for the kill to hit
		b.Mailbox.StoreFlags(ctx, set, imap.StoreAdd, []imap.Flag{imap.Deleted})
		_, err2 := b.Mailbox.Expunge(ctx, set)
		return r, errors.Join(err, err2)
	}
	return b.Mailbox.Move(ctx, set, dst)
}

func (b *faultyMailbox) Summaries(ctx context.Context, refs []uint64, buf []byte, out [][]byte) ([]byte, error) {
	old := append([][]byte(nil), out...)
	buf, err := b.Mailbox.Summaries(ctx, refs, buf, out)
	for i := range out {
		if b.a.s.fault == "summaries are left over" && out[i] == nil {
			out[i] = old[i]
		}
	}
	return buf, err
}

func (b *faultyMailbox) Body(ctx context.Context, ref uint64) (store.Body, error) {
	body, err := b.Mailbox.Body(ctx, ref)
	if b.a.s.fault == "body cut off" && err == nil {
		return cutBody{body}, nil
	}
	return body, err
}

type cutBody struct{ store.Body }

func (b cutBody) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	return b.Body.WriteRange(w, offset, min(count, 1<<20))
}

// faultyOnDisk is a driver that also does something wrong when it is opened, or whose files are
// damaged so that it cannot notice.
func faultyOnDisk(fault string) Opener {
	open := func(dir string) (store.Store, error) {
		s, err := localstore.Open(dir, nil)
		if err != nil {
			return nil, err
		}
		return &faulty{Store: s, fault: fault}, nil
	}
	// damage does what the fault says, to a message that is there for long.
	damage := func(dir string) error {
		s, err := localstore.Open(dir, nil)
		if err != nil {
			return err
		}
		defer s.Close()
		ctx := context.Background()
		u, err := s.User(ctx, crashUser)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		a, err := s.Account(ctx, u.ID)
		if err != nil {
			return err
		}
		for e := range a.Namespace().All() {
			b, err := a.Open(ctx, e.ID)
			if err != nil {
				return err
			}
			defer b.Close()
			if b.Version().Len() == 0 {
				continue
			}
			first := imap.UIDs(b.Version().At(1).UID)
			switch fault {
			case "open loses a message", "tear loses a message", "corrupt loses a message":
				b.StoreFlags(ctx, first, imap.StoreAdd, []imap.Flag{imap.Deleted})
				_, err = b.Expunge(ctx, first)
			case "open loses a flag":
				_, err = b.StoreFlags(ctx, first, imap.StoreSet, []imap.Flag{"lost"})
			case "open adds a message":
				_, err = a.Append(ctx, e.ID, []store.NewMessage{message(text())})
			case "open loses a mailbox":
				err = a.Delete(ctx, e.Name)
			}
			return err
		}
		return nil
	}
	o := Opener{Open: open, Persistent: true}
	describe := func(dir string, _ *rand.Rand) string {
		if err := damage(dir); err != nil {
			return err.Error()
		}
		return fault
	}
	switch {
	case strings.HasPrefix(fault, "tear"):
		o.Tear = describe
	case strings.HasPrefix(fault, "corrupt"):
		o.Corrupt = describe
	case fault == "open loses everything":
		o.Open = func(dir string) (store.Store, error) {
			os.RemoveAll(dir)
			if err := os.Mkdir(dir, 0o700); err != nil {
				return nil, err
			}
			return open(dir)
		}
	case strings.HasPrefix(fault, "open"):
		o.Open = func(dir string) (store.Store, error) {
			if err := damage(dir); err != nil {
				return nil, err
			}
			return open(dir)
		}
	}
	return o
}
