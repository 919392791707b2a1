package localstore

import (
	"container/list"
	"errors"
	"os"
	"sync"
)

// descriptors keeps the files of some segments open for reading: those that somebody uses, and of
// the others the ones that were used last.
type descriptors struct {
	limit int
	mu    struct {
		sync.Mutex
		files map[*segment]*openFile
		idle  *list.List // of *openFile that nobody uses, the latest first
	}
}

// openFile is a segment's file. Whoever has acquired it releases it.
type openFile struct {
	*os.File
	all     *descriptors
	segment *segment

	// Guarded by descriptors.mu.
	users   int
	idle    *list.Element
	removed bool // from files: the last user closes it
}

func (d *descriptors) init(limit int) {
	d.limit = limit
	d.mu.files, d.mu.idle = map[*segment]*openFile{}, list.New()
}

// acquire returns the file of a segment, which stays open until it is released, even when the
// segment is unlinked meanwhile.
func (d *descriptors) acquire(g *segment) (*openFile, error) {
	if f := d.known(g); f != nil {
		return f, nil
	}
	file, err := os.Open(g.path)
	if err != nil {
		return nil, err
	}
	f, extra := d.add(g, file)
	return f, extra.close()
}

func (d *descriptors) known(g *segment) *openFile {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.mu.files[g]
	if f != nil {
		d.use(f)
	}
	return f
}

// use counts a user. d.mu is held.
func (d *descriptors) use(f *openFile) {
	f.users++
	if f.idle != nil {
		d.mu.idle.Remove(f.idle)
		f.idle = nil
	}
}

// closing are files to be closed when no lock is held.
type closing []*os.File

func (c closing) close() (err error) {
	for _, f := range c {
		err = errors.Join(err, f.Close())
	}
	return err
}

// add makes a file known that was opened, unless there is one meanwhile, and takes out those that
// are too many.
func (d *descriptors) add(g *segment, file *os.File) (f *openFile, extra closing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f = d.mu.files[g]; f != nil {
		extra = append(extra, file)
	} else {
		f = &openFile{File: file, all: d, segment: g}
		d.mu.files[g] = f
	}
	d.use(f)
	for len(d.mu.files) > d.limit && d.mu.idle.Len() > 0 {
		old := d.mu.idle.Remove(d.mu.idle.Back()).(*openFile)
		delete(d.mu.files, old.segment)
		extra = append(extra, old.File)
	}
	return f, extra
}

// release says that a user is done with the file.
func (f *openFile) release() {
	f.all.release(f).close()
}

func (d *descriptors) release(f *openFile) (extra closing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.users--; f.users > 0 {
		return nil
	}
	switch {
	case f.removed:
		return closing{f.File}
	case len(d.mu.files) > d.limit:
		delete(d.mu.files, f.segment)
		return closing{f.File}
	}
	f.idle = d.mu.idle.PushFront(f)
	return nil
}

// remove closes a segment's file as soon as nobody uses it.
func (d *descriptors) remove(g *segment) (extra closing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.mu.files[g]
	if f == nil {
		return nil
	}
	delete(d.mu.files, g)
	if f.users > 0 {
		f.removed = true
		return nil
	}
	d.mu.idle.Remove(f.idle)
	return closing{f.File}
}

// closeAll closes every file, used or not.
func (d *descriptors) closeAll() (extra closing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for g, f := range d.mu.files {
		extra = append(extra, f.File)
		delete(d.mu.files, g)
	}
	d.mu.idle.Init()
	return extra
}

// count returns how many files are open.
func (d *descriptors) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.mu.files)
}
