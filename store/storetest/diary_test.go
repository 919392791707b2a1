package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/gob"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/memstore"
)

// diary is the plainest store that survives a crash: a memstore that writes down every change
// before it makes it, and makes them all again when it is opened. It tests what the suite asks of
// drivers that are persistent, and is what faults are seeded into.
type diary struct {
	*memstore.Store
	mu struct {
		sync.Mutex
		file *os.File
		end  int64
	}
	now time.Time // of the change that is being made; guarded by mu
}

// diaryEntry is one change, in a frame of its length and checksum.
type diaryEntry struct {
	Now     time.Time
	What    string // "commit", or what is done to a user
	Ops     []diaryOp
	User    string
	Secret  []byte
	Initial []store.InitialMailbox
}

// diaryOp is an operation of any type.
type diaryOp struct {
	What            string
	Ref, To         store.Ref
	Account         store.AccountID
	UIDs            string
	Op              imap.StoreOp
	Flags           []imap.Flag
	Since           imap.ModSeq
	HasSince        bool
	Undeleted, Move bool
	MustExist, On   bool
	ID              mailbox.ID
	Name, NewName   string
	Use             []imap.MailboxAttr
	Entries, Remove []string // metadata
	Values          [][]byte // of Entries
	Quota           mailbox.Quota
	Messages        []store.NewMessage // without their bodies
	Bodies          [][]byte
	Dates           []string // RFC 3339, "" for none: gob knows not all time zones
}

// diaryBody is a staged body that is still known when the diary is written.
type diaryBody struct {
	store.Staged
	body []byte
}

const diaryHistory, diaryMaxMessage = 16 << 10, 8 << 20

func openDiary(dir string) (store.Store, error) {
	file, err := os.OpenFile(filepath.Join(dir, "diary"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	d := &diary{}
	d.Store = memstore.Open(memstore.Options{History: diaryHistory, MaxMessage: diaryMaxMessage, Now: func() time.Time { return d.now }})
	d.mu.file = file
	if err := d.replay(); err != nil {
		file.Close()
		return nil, err
	}
	return d, nil
}

// replay makes all changes again, up to one that was not written to its end.
func (d *diary) replay() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, err := io.ReadAll(d.mu.file)
	if err != nil {
		return err
	}
	for {
		e, n, err := readEntry(all[d.mu.end:])
		if err != nil || n == 0 {
			return err
		}
		if err := d.again(e); err != nil {
			return err
		}
		d.mu.end += int64(n)
	}
}

// readEntry returns the first entry and how many octets it takes, 0 when there is none that was
// written to its end.
func readEntry(b []byte) (*diaryEntry, int, error) {
	if len(b) < 8 {
		return nil, 0, nil
	}
	n := int(binary.LittleEndian.Uint32(b))
	if len(b) < 8+n || crc32.ChecksumIEEE(b[8:8+n]) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, 0, nil
	}
	e := &diaryEntry{}
	err := gob.NewDecoder(bytes.NewReader(b[8 : 8+n])).Decode(e)
	return e, 8 + n, err
}

// again makes a change that was made before. One that failed fails again.
func (d *diary) again(e *diaryEntry) error {
	ctx := context.Background()
	d.now = e.Now
	switch e.What {
	case "user":
		d.Store.CreateUser(ctx, e.User, e.Secret, e.Initial...)
	case "secret":
		d.Store.SetSecret(ctx, e.User, e.Secret)
	case "no user":
		d.Store.DeleteUser(ctx, e.User)
	case "commit":
		var ops []store.Op
		for i := range e.Ops {
			op, err := d.op(&e.Ops[i])
			if err != nil {
				return err
			}
			ops = append(ops, op)
		}
		d.Store.Commit(ctx, store.System, ops...)
	}
	return nil
}

// write writes a change down and makes it. If it fails, it was never written.
func (d *diary) write(ctx context.Context, e *diaryEntry, change func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	d.now = time.Now()
	e.Now = d.now
	frame := bytes.NewBuffer(make([]byte, 8))
	if err := gob.NewEncoder(frame).Encode(e); err != nil {
		return err
	}
	b := frame.Bytes()
	binary.LittleEndian.PutUint32(b, uint32(len(b)-8))
	binary.LittleEndian.PutUint32(b[4:], crc32.ChecksumIEEE(b[8:]))
	if _, err := d.mu.file.WriteAt(b, d.mu.end); err != nil {
		return store.ErrClosed
	}
	if err := change(); err != nil {
		d.mu.file.Truncate(d.mu.end)
		return err
	}
	d.mu.end += int64(len(b))
	return nil
}

func (d *diary) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.file.Close()
	return d.Store.Close()
}

func (d *diary) CreateUser(ctx context.Context, name string, secret []byte, initial ...store.InitialMailbox) (u store.User, err error) {
	err = d.write(ctx, &diaryEntry{What: "user", User: name, Secret: secret, Initial: initial}, func() (err error) {
		u, err = d.Store.CreateUser(ctx, name, secret, initial...)
		return err
	})
	return u, err
}

func (d *diary) SetSecret(ctx context.Context, name string, secret []byte) error {
	return d.write(ctx, &diaryEntry{What: "secret", User: name, Secret: secret}, func() error { return d.Store.SetSecret(ctx, name, secret) })
}

func (d *diary) DeleteUser(ctx context.Context, name string) error {
	return d.write(ctx, &diaryEntry{What: "no user", User: name}, func() error { return d.Store.DeleteUser(ctx, name) })
}

func (d *diary) Stage(ctx context.Context, actor store.Actor, id store.AccountID, body io.Reader) (store.Staged, error) {
	var octets bytes.Buffer
	s, err := d.Store.Stage(ctx, actor, id, io.TeeReader(body, &octets))
	if err != nil {
		return nil, err
	}
	return &diaryBody{s, octets.Bytes()}, nil
}

func (d *diary) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) (out []store.Outcome, err error) {
	e := &diaryEntry{What: "commit"}
	made := make([]store.Op, len(ops))
	for i, op := range ops {
		made[i] = decided(op)
		e.Ops = append(e.Ops, written(made[i], op))
	}
	err = d.write(ctx, e, func() (err error) {
		out, err = d.Store.Commit(ctx, actor, made...)
		return err
	})
	return out, err
}

// decided returns a copy of an operation in which nothing is left to chance.
func decided(op store.Op) store.Op {
	switch op := op.(type) {
	case *store.Create:
		c := *op
		if c.ID == 0 {
			c.ID = store.NewMailboxID()
		}
		return &c
	case *store.Append:
		c := &store.Append{Mailbox: op.Mailbox}
		for _, m := range op.Messages {
			if b, ok := m.Body.(*diaryBody); ok {
				m.Body = b.Staged
			}
			if m.EmailID == 0 {
				m.EmailID = store.NewEmailID()
			}
			c.Messages = append(c.Messages, m)
		}
		return c
	}
	return op
}

// written returns what is written down of an operation; bodies are those of the original.
func written(op, original store.Op) diaryOp {
	switch op := op.(type) {
	case *store.Append:
		w := diaryOp{What: "append", Ref: op.Mailbox}
		for i, m := range op.Messages {
			date := ""
			if !m.Date.IsZero() {
				date = m.Date.Format(time.RFC3339)
			}
			m.Body, m.Date = nil, time.Time{}
			var body []byte
			if b, ok := original.(*store.Append).Messages[i].Body.(*diaryBody); ok {
				body = b.body
			}
			w.Messages, w.Bodies, w.Dates = append(w.Messages, m), append(w.Bodies, body), append(w.Dates, date)
		}
		return w
	case *store.StoreFlags:
		w := diaryOp{What: "flags", Ref: op.Mailbox, UIDs: op.UIDs.String(), Op: op.Op, Flags: op.Flags, MustExist: op.MustExist}
		if op.UnchangedSince != nil {
			w.Since, w.HasSince = *op.UnchangedSince, true
		}
		return w
	case *store.Expunge:
		return diaryOp{What: "expunge", Ref: op.Mailbox, UIDs: op.UIDs.String(), Undeleted: op.Undeleted, MustExist: op.MustExist}
	case *store.Copy:
		return diaryOp{What: "copy", Ref: op.From, To: op.To, UIDs: op.UIDs.String(), Move: op.Move, MustExist: op.MustExist}
	case *store.Create:
		return diaryOp{What: "create", Account: op.Account, ID: op.ID, Name: op.Name, Use: op.Use}
	case *store.Delete:
		return diaryOp{What: "delete", Account: op.Account, Name: op.Name}
	case *store.Rename:
		return diaryOp{What: "rename", Account: op.Account, Name: op.From, NewName: op.To}
	case *store.Subscribe:
		return diaryOp{What: "subscribe", Account: op.Account, Name: op.Name, On: op.On}
	case *store.SetQuota:
		return diaryOp{What: "quota", Account: op.Account, Quota: op.Quota}
	case *store.SetMetadata:
		w := diaryOp{What: "metadata", Ref: op.Mailbox, Remove: op.Remove}
		for _, m := range op.Set {
			w.Entries, w.Values = append(w.Entries, m.Name), append(w.Values, []byte(m.Value))
		}
		return w
	}
	return diaryOp{}
}

// op returns the operation that was written down.
func (d *diary) op(w *diaryOp) (store.Op, error) {
	var set imap.UIDSet
	if w.UIDs != "" {
		var err error
		if set, err = imap.ParseUIDSet(w.UIDs); err != nil {
			return nil, err
		}
	}
	switch w.What {
	case "append":
		op := &store.Append{Mailbox: w.Ref, Messages: w.Messages}
		for i := range op.Messages {
			s, err := d.Store.Stage(context.Background(), store.System, w.Ref.Account, bytes.NewReader(w.Bodies[i]))
			if err != nil {
				return nil, err
			}
			op.Messages[i].Body = s
			if w.Dates[i] != "" {
				if op.Messages[i].Date, err = time.Parse(time.RFC3339, w.Dates[i]); err != nil {
					return nil, err
				}
			}
		}
		return op, nil
	case "flags":
		op := &store.StoreFlags{Mailbox: w.Ref, UIDs: set, Op: w.Op, Flags: w.Flags, MustExist: w.MustExist}
		if w.HasSince {
			op.UnchangedSince = &w.Since
		}
		return op, nil
	case "expunge":
		return &store.Expunge{Mailbox: w.Ref, UIDs: set, Undeleted: w.Undeleted, MustExist: w.MustExist}, nil
	case "copy":
		return &store.Copy{From: w.Ref, To: w.To, UIDs: set, Move: w.Move, MustExist: w.MustExist}, nil
	case "create":
		return &store.Create{Account: w.Account, ID: w.ID, Name: w.Name, Use: w.Use}, nil
	case "delete":
		return &store.Delete{Account: w.Account, Name: w.Name}, nil
	case "rename":
		return &store.Rename{Account: w.Account, From: w.Name, To: w.NewName}, nil
	case "quota":
		return &store.SetQuota{Account: w.Account, Quota: w.Quota}, nil
	case "metadata":
		op := &store.SetMetadata{Mailbox: w.Ref, Remove: w.Remove}
		for i, name := range w.Entries {
			op.Set = append(op.Set, mailbox.Metadata{Name: name, Value: string(w.Values[i])})
		}
		return op, nil
	}
	return &store.Subscribe{Account: w.Account, Name: w.Name, On: w.On}, nil
}

func TestDiary(t *testing.T) {
	Run(t, Opener{Open: openDiary, Persistent: true, History: diaryHistory, MaxMessage: diaryMaxMessage})
}
