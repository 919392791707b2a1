package blobtest

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"

	"restante/blob"
)

// Fault is what is wrong with a FaultyStore.
type Fault int

// What is done to an operation. A fault that does not apply to an operation leaves it as it is.
const (
	Works       Fault = iota
	Fails             // nothing is done, and the error is ErrFault
	FailsAfter        // Put and Delete do it all, and fail with ErrFault
	Waits             // until another fault is set, or the context ends; is done then
	WrongOctets       // Open: the last octet is another
	CutsOff           // Open: the last octet is missing, without an error
	BreaksOff         // Open: the reader fails with ErrFault in place of the last octet
)

// Op names a method of blob.Store.
type Op string

// The methods that fail.
const (
	Put    Op = "Put"
	Open   Op = "Open"
	Delete Op = "Delete"
	List   Op = "List"
	Check  Op = "Check"
)

// ErrFault is the error of operations that a fault lets fail.
var ErrFault = errors.New("blobtest: a fault, as ordered")

// FaultyStore is a store with faults that tests switch on.
type FaultyStore struct {
	blob.Store
	mu struct {
		sync.Mutex
		fault   Fault
		ops     []Op // that it applies to; none stands for all
		times   int  // how often it still applies; 0 for always
		calls   map[Op]int
		waiting int
		changed chan struct{} // closed with the next change of any of these
	}
}

// Faulty returns a store that does what inner does, until Set.
func Faulty(inner blob.Store) *FaultyStore {
	s := &FaultyStore{Store: inner}
	s.mu.calls = map[Op]int{}
	s.mu.changed = make(chan struct{})
	return s
}

// Set sets the fault of the operations that begin from now on, or of some of them; Works ends it, and
// lets those go on that wait.
func (s *FaultyStore) Set(fault Fault, ops ...Op) { s.SetTimes(0, fault, ops...) }

// SetTimes sets a fault that as many operations have, and those after them do not.
func (s *FaultyStore) SetTimes(times int, fault Fault, ops ...Op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.times, s.mu.fault, s.mu.ops = times, fault, ops
	s.announce()
}

// Calls returns how many operations have begun.
func (s *FaultyStore) Calls(op Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.calls[op]
}

// Waiting returns when as many operations wait at least, or with the error of the context.
func (s *FaultyStore) Waiting(ctx context.Context, n int) error {
	for {
		waiting, _, changed := s.state()
		if waiting >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *FaultyStore) state() (waiting int, waits bool, changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.waiting, s.mu.fault == Waits, s.mu.changed
}

// announce wakes those who wait. s.mu is held.
func (s *FaultyStore) announce() {
	close(s.mu.changed)
	s.mu.changed = make(chan struct{})
}

// begin returns the fault that an operation has, after it has waited.
func (s *FaultyStore) begin(ctx context.Context, op Op) (Fault, error) {
	fault := s.next(op)
	switch fault {
	case Fails:
		return fault, ErrFault
	case Waits:
		s.wait(1)
		defer s.wait(-1)
		for {
			_, waits, changed := s.state()
			if !waits {
				return Works, nil
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return fault, ctx.Err()
			}
		}
	}
	return fault, nil
}

func (s *FaultyStore) next(op Op) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.calls[op]++
	if s.mu.fault == Works || len(s.mu.ops) > 0 && !slices.Contains(s.mu.ops, op) {
		return Works
	}
	fault := s.mu.fault
	if s.mu.times > 0 && fault != Waits {
		if s.mu.times--; s.mu.times == 0 {
			s.mu.fault = Works
		}
	}
	return fault
}

func (s *FaultyStore) wait(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.waiting += n
	s.announce()
}

// Put stores an object, unless there is a fault.
func (s *FaultyStore) Put(ctx context.Context, key blob.Key, body io.ReaderAt, size int64) error {
	fault, err := s.begin(ctx, Put)
	if err != nil {
		return err
	}
	if err = s.Store.Put(ctx, key, body, size); err == nil && fault == FailsAfter {
		err = ErrFault
	}
	return err
}

// Delete removes objects, unless there is a fault.
func (s *FaultyStore) Delete(ctx context.Context, keys ...blob.Key) error {
	fault, err := s.begin(ctx, Delete)
	if err != nil {
		return err
	}
	if err = s.Store.Delete(ctx, keys...); err == nil && fault == FailsAfter {
		err = ErrFault
	}
	return err
}

// List yields the objects of a generation, or the error of a fault.
func (s *FaultyStore) List(ctx context.Context, generation blob.Generation) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		if _, err := s.begin(ctx, List); err != nil {
			yield(blob.Object{}, err)
			return
		}
		s.Store.List(ctx, generation)(yield)
	}
}

// Check reports whether the store may be used, or the error of a fault.
func (s *FaultyStore) Check(ctx context.Context) error {
	if _, err := s.begin(ctx, Check); err != nil {
		return err
	}
	return s.Store.Check(ctx)
}

// Open reads an object, unless there is a fault.
func (s *FaultyStore) Open(ctx context.Context, key blob.Key, offset int64) (io.ReadCloser, error) {
	fault, err := s.begin(ctx, Open)
	if err != nil {
		return nil, err
	}
	r, err := s.Store.Open(ctx, key, offset)
	if err != nil || fault != WrongOctets && fault != CutsOff && fault != BreaksOff {
		return r, err
	}
	return &faultyReader{ReadCloser: r, fault: fault}, nil
}

// faultyReader holds one octet back, to know which one is the last.
type faultyReader struct {
	io.ReadCloser
	fault Fault
	held  []byte
	ended error
}

func (r *faultyReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.ended != nil {
		return 0, r.ended
	}
	buf := make([]byte, len(p)+1)
	n := copy(buf, r.held)
	m, err := r.ReadCloser.Read(buf[n:])
	n += m
	if errors.Is(err, io.EOF) {
		if m == 0 {
			return copy(p, r.end(buf[:n])), r.ended
		}
		err = nil // comes again
	}
	if n == 0 {
		return 0, err
	}
	r.held = append(r.held[:0], buf[n-1])
	return copy(p, buf[:n-1]), err
}

// end does what is wrong to the end of an object.
func (r *faultyReader) end(last []byte) []byte {
	r.ended = io.EOF
	switch {
	case len(last) == 0:
	case r.fault == WrongOctets:
		last[len(last)-1] ^= 1
	default:
		last = last[:len(last)-1]
	}
	if r.fault == BreaksOff {
		r.ended = ErrFault
	}
	return last
}
