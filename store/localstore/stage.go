package localstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"restante/store"
)

// staged is a body that waits to be committed: in memory, or in a file of its own whose octets and
// name are durable.
type staged struct {
	s        *Store
	account  store.AccountID
	body     []byte
	file     uint64 // its name, or 0
	size     int64
	sum      uint32   // CRC32C
	reserved int64    // octets of the budget
	first    *message // of the commit under way, which has the body; the commit's

	mu struct {
		sync.Mutex
		user      *commit // the one under way that uses it
		discarded bool    // as soon as that has failed
		gone      bool    // committed or discarded
	}
}

const (
	firstStaged  = 8 << 10 // octets for which there is room at once
	stagedGrowth = 4
)

// budget bounds the octets of staged bodies in memory, and knows those in files.
type budget struct {
	mu struct {
		sync.Mutex
		all      int64
		accounts map[store.AccountID]int64
		files    map[*staged]struct{}
	}
}

// addFile notes that a staged body has a file that no message has.
func (b *budget) addFile(s *staged) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.files == nil {
		b.mu.files = map[*staged]struct{}{}
	}
	b.mu.files[s] = struct{}{}
}

func (b *budget) removeFile(s *staged) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.mu.files, s)
}

// left returns the staged bodies that have a file.
func (b *budget) left() []*staged {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.mu.files))
}

// reserve takes octets from the budget. It returns false when there are not so many.
func (b *budget) reserve(account store.AccountID, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.all+n > maxStaged || b.mu.accounts[account]+n > maxStagedAccount {
		return false
	}
	if b.mu.accounts == nil {
		b.mu.accounts = map[store.AccountID]int64{}
	}
	b.mu.all += n
	b.mu.accounts[account] += n
	return true
}

func (b *budget) release(account store.AccountID, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.all -= n
	if b.mu.accounts[account] -= n; b.mu.accounts[account] == 0 {
		delete(b.mu.accounts, account)
	}
}

// Stage implements store.Mail. A body that is small stays in memory while there is room for it.
func (s *Store) Stage(ctx context.Context, _ store.Actor, account store.AccountID, body io.Reader) (_ store.Staged, err error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	b := &staged{s: s, account: account}
	defer func() {
		if err != nil {
			b.release()
		}
	}()
	whole, err := b.readInline(body)
	if err == nil && !whole {
		err = b.readFile(ctx, body)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func readError(err error) error { return fmt.Errorf("localstore: reading a message: %w", err) }

func tooBig(octets int64) error {
	return fmt.Errorf("localstore: more than %d octets: %w", octets, store.ErrTooBig)
}

// readInline reads a body into memory, which grows with what has arrived: a client that announces
// much and sends little does not cost much. It returns false when the rest has to go to a file.
func (b *staged) readInline(r io.Reader) (whole bool, err error) {
	limit := min(b.s.o.InlineMessage, b.s.o.MaxMessage)
	room := int64(firstStaged)
	if known, ok := r.(interface{ Len() int }); ok {
		room = int64(known.Len()) + 1 // one more, to see the end
	}
	for {
		// Up to one octet more than there may be, which tells that there is more.
		room = min(room, limit+1)
		if !b.s.staged.reserve(b.account, room-b.reserved) {
			return false, nil
		}
		b.reserved = room
		grown := make([]byte, len(b.body), room)
		copy(grown, b.body)
		n, err := io.ReadFull(r, grown[len(b.body):room])
		b.body = grown[:len(b.body)+n]
		b.size = int64(len(b.body))
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			b.sum = crc32.Checksum(b.body, castagnoli)
			return true, nil
		case err != nil:
			return false, readError(err)
		case b.size > b.s.o.MaxMessage:
			return false, tooBig(b.s.o.MaxMessage)
		case b.size > limit:
			return false, nil
		}
		room *= stagedGrowth
	}
}

func largeName(file uint64) string { return fmt.Sprintf("%016x", file) }

func (s *Store) largePath(file uint64) string { return filepath.Join(s.largeDir(), largeName(file)) }

func largeError(err error) error {
	return fmt.Errorf("localstore: large message: %w", spaceError(err))
}

// newFile returns a name that was never used before, so that a late removal cannot hit another's.
func newFile() uint64 { return rand.Uint64() | 1 }

// readFile writes what was read, and the rest, to a file, and makes both it and its name durable.
func (b *staged) readFile(ctx context.Context, r io.Reader) error {
	if b.s.reserve.isFull() {
		return store.ErrNoSpace
	}
	if err := b.s.hooks.check("large"); err != nil {
		return b.failed(err)
	}
	file := newFile()
	f, err := os.OpenFile(b.s.largePath(file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return b.failed(err)
	}
	b.file = file
	b.s.staged.addFile(b)
	defer f.Close()
	if _, err := f.Write(b.body); err != nil {
		return b.failed(err)
	}
	b.sum = crc32.Checksum(b.body, castagnoli)
	b.freeMemory()
	buf := buffers.Get().(*[bufferLen]byte)
	defer buffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		b.sum = crc32.Update(b.sum, castagnoli, buf[:n])
		if b.size += int64(n); b.size > b.s.o.MaxMessage {
			return tooBig(b.s.o.MaxMessage)
		}
		if _, err := f.Write(buf[:n]); err != nil {
			return b.failed(err)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return readError(err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := b.s.hooks.sync(f); err != nil {
		return b.failed(err)
	}
	if err := b.s.hooks.syncDir(b.s.largeDir()); err != nil {
		return b.failed(err)
	}
	return nil
}

// failed is the error of a file that could not be written.
func (b *staged) failed(err error) error {
	if isNoSpace(err) {
		b.s.reserve.met()
	}
	return largeError(err)
}

func (b *staged) freeMemory() {
	b.body = nil
	if b.reserved > 0 {
		b.s.staged.release(b.account, b.reserved)
		b.reserved = 0
	}
}

// release gives back what the body needs.
func (b *staged) release() {
	b.freeMemory()
	if b.file != 0 {
		b.s.staged.removeFile(b)
		if err := os.Remove(b.s.largePath(b.file)); err != nil && !os.IsNotExist(err) {
			b.s.o.Log.Warn("localstore: cannot remove the file of a message that was not committed", "err", err)
		}
	}
}

// link makes another file with the same octets, for another message, and returns its name.
func (b *staged) link() (file uint64, err error) {
	file = newFile()
	err = os.Link(b.s.largePath(b.file), b.s.largePath(file))
	if err == nil {
		err = b.s.hooks.syncDir(b.s.largeDir())
	}
	if err != nil {
		return file, b.failed(err)
	}
	return file, nil
}

func (b *staged) Size() int64 { return b.size }

func (b *staged) Discard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.mu.gone:
	case b.mu.user != nil:
		b.mu.discarded = true
	default:
		b.mu.gone = true
		b.release()
	}
}

// use says that a commit has begun that uses the body. It returns false when the body is not there any
// more, or a commit uses it, be it this one.
func (b *staged) use(c *commit) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.gone || b.mu.discarded || b.mu.user != nil {
		return false
	}
	b.mu.user = c
	return true
}

// isUsed reports whether the commit uses the body.
func (b *staged) isUsed(c *commit) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.user == c
}

// used says that the commit has ended. kept is whether the body is, or may be, a part of a message.
func (b *staged) used(kept bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.user, b.first = nil, nil
	switch {
	case kept:
		b.mu.gone = true
		b.freeMemory()
		if b.file != 0 {
			b.s.staged.removeFile(b)
		}
	case b.mu.discarded:
		b.mu.gone = true
		b.release()
	}
}
