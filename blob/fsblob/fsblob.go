// Package fsblob is an object store in a folder, which several machines may share: for tests, and for
// small installations that have a shared disk. It promises what the disk does.
//
// # Invariants
//
//   - An object is a file generation/account/random. It gets that name when it is whole and on the
//     disk, by a link, so that a name is never given twice.
//   - A folder on the way to it may disappear while it is empty, and is made again.
//   - Files that are being written are in the folder "tmp". Those that nobody has written to for a
//     day were left behind, and are removed by the next Open.
package fsblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"restante/blob"
)

// Store is an object store in a folder.
type Store struct{ dir string }

var _ blob.Store = (*Store)(nil)

const (
	temporary = "tmp"
	abandoned = 24 * time.Hour
)

// Open returns the store in a folder. The folder is made when only the last one is missing. Errors
// are those of Check.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("fsblob: %w", err)
	}
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil:
		if err := syncFolder(filepath.Dir(dir)); err != nil {
			return nil, fmt.Errorf("fsblob: %w", err)
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("fsblob: there is no folder %s to make %s in: is the disk mounted?", filepath.Dir(dir), filepath.Base(dir))
	case !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("fsblob: %w", err)
	}
	s := &Store{dir}
	// Check has better words for what is wrong.
	if err := os.Mkdir(filepath.Join(dir, temporary), 0o700); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("fsblob: %w", err)
	}
	if err := s.Check(context.Background()); err != nil {
		return nil, err
	}
	return s, s.removeAbandoned()
}

// removeAbandoned removes what killed processes have left half written.
func (s *Store) removeAbandoned() error {
	dir := filepath.Join(s.dir, temporary)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("fsblob: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < abandoned {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("fsblob: %w", err)
		}
	}
	return nil
}

// Check reports whether files can be made in the folder.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Stat(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("fsblob: there is no folder %s: is the disk mounted?", s.dir)
	case err != nil:
		return fmt.Errorf("fsblob: %w", err)
	case !info.IsDir():
		return fmt.Errorf("fsblob: %s is not a folder", s.dir)
	}
	f, err := s.create()
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("fsblob: folder %s is not writable by user %d, who this program runs as: %w", s.dir, os.Geteuid(), err)
	case errors.Is(err, fs.ErrNotExist):
		return s.gone(err)
	case err != nil:
		return fmt.Errorf("fsblob: no file can be made in folder %s: %w", s.dir, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// create makes a file for an object that has no name yet. The folder for it is made by Open alone:
// where it is missing a disk may be, and what it had is not gone.
func (s *Store) create() (*os.File, error) {
	return os.CreateTemp(filepath.Join(s.dir, temporary), "*")
}

// path is where an object's file is. Error is blob.ErrBadKey.
func (s *Store) path(key blob.Key) (string, error) {
	if _, _, err := key.Parse(); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, filepath.FromSlash(string(key))), nil
}

// Put writes a file, waits until the disk has it, and gives it its name. A name that is in use is an
// error, fs.ErrExist.
func (s *Store) Put(ctx context.Context, key blob.Key, body io.ReaderAt, size int64) (err error) {
	path, err := s.path(key)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("fsblob: object %s: %w", key, err)
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := s.create()
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	n, err := io.Copy(f, &reader{ctx, io.NewSectionReader(body, 0, size)})
	if err == nil && n < size {
		err = fmt.Errorf("%w: %d of %d octets", io.ErrUnexpectedEOF, n, size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.link(f.Name(), path)
}

// link gives a file its name, and returns when the disk has that. The folders above are synced even
// if they were there: another process may have made them and not come to it.
func (s *Store) link(from, path string) (err error) {
	account := filepath.Dir(path)
	generation := filepath.Dir(account)
	for range 10 { // a Delete may remove a folder that is empty
		for _, folder := range []string{generation, account} {
			if err = os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				break
			}
			err = nil
		}
		if err == nil {
			err = os.Link(from, path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(account), syncFolder(generation), syncFolder(s.dir))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open opens a file.
func (s *Store) Open(ctx context.Context, key blob.Key, offset int64) (io.ReadCloser, error) {
	path, err := s.path(key)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, s.failed(key, err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, fmt.Errorf("fsblob: object %s: %w", key, err)
	}
	return &struct {
		reader
		io.Closer
	}{reader{ctx, f}, f}, nil
}

// failed is the error for a file that cannot be reached. When the folder of the store is missing
// nothing is known of the object.
func (s *Store) failed(key blob.Key, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.there(); err != nil {
			return err
		}
		return fmt.Errorf("fsblob: %w: %s", blob.ErrNotFound, key)
	}
	return fmt.Errorf("fsblob: object %s: %w", key, err)
}

// there reports whether the folder is the store's.
func (s *Store) there() error {
	if _, err := os.Stat(filepath.Join(s.dir, temporary)); err != nil {
		return s.gone(err)
	}
	return nil
}

func (s *Store) gone(err error) error {
	return fmt.Errorf("fsblob: folder %s is not there, or not that of an object store: is the disk mounted? %w", s.dir, err)
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// Delete removes files, and the folders that are empty then. It does not wait for the disk: an object
// that comes back with a loss of power is an orphan.
func (s *Store) Delete(ctx context.Context, keys ...blob.Key) error {
	for _, key := range keys {
		path, err := s.path(key)
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err := os.Remove(path); {
		case errors.Is(err, fs.ErrNotExist):
			if err := s.failed(key, err); !errors.Is(err, blob.ErrNotFound) {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("fsblob: object %s: %w", key, err)
		}
		account := filepath.Dir(path)
		if os.Remove(account) == nil { // fails when there is something in it
			os.Remove(filepath.Dir(account))
		}
	}
	return nil
}

// batch is how many names of a folder are read at once.
const batch = 1000

// List reads the folders of a generation.
func (s *Store) List(ctx context.Context, generation blob.Generation) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		if err := s.there(); err != nil {
			yield(blob.Object{}, err)
			return
		}
		prefix := generation.Prefix()
		for account, err := range s.entries(ctx, prefix) {
			if err != nil {
				yield(blob.Object{}, err)
				return
			}
			if !account.IsDir() {
				continue // not of ours
			}
			for file, err := range s.entries(ctx, prefix+account.Name()) {
				if err != nil {
					yield(blob.Object{}, err)
					return
				}
				key := blob.Key(prefix + account.Name() + "/" + file.Name())
				if _, _, err := key.Parse(); err != nil {
					continue // not of ours
				}
				info, err := file.Info()
				if errors.Is(err, fs.ErrNotExist) {
					continue // deleted meanwhile
				} else if err != nil {
					yield(blob.Object{}, fmt.Errorf("fsblob: object %s: %w", key, err))
					return
				}
				if !yield(blob.Object{Key: key, Size: info.Size()}, nil) {
					return
				}
			}
		}
	}
}

// entries yields what a folder has. One that is not there has nothing.
func (s *Store) entries(ctx context.Context, name string) iter.Seq2[fs.DirEntry, error] {
	return func(yield func(fs.DirEntry, error) bool) {
		d, err := os.Open(filepath.Join(s.dir, filepath.FromSlash(name)))
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				yield(nil, fmt.Errorf("fsblob: %w", err))
			}
			return
		}
		defer d.Close()
		for {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			entries, err := d.ReadDir(batch)
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) { // removed, as it was empty
				return
			} else if err != nil {
				yield(nil, fmt.Errorf("fsblob: %w", err))
				return
			}
		}
	}
}

// Close does nothing: nothing is open.
func (s *Store) Close() error { return nil }
