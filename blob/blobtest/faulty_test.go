package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"restante/blob"
)

// A store without a fault is the inner one.
func TestFaultyWorks(t *testing.T) {
	Run(t, func(*testing.T) blob.Store { return Faulty(NewMemory()) })
}

func TestFaulty(t *testing.T) {
	ctx := t.Context()
	memory := NewMemory()
	s := Faulty(memory)
	put := func() (blob.Key, error) {
		key := blob.NewKey(20000, 7)
		return key, s.Put(ctx, key, bytes.NewReader(content(key, 1000)), 1000)
	}
	key, err := put()
	if err != nil {
		t.Fatal(err)
	}
	whole := content(key, 1000)
	read := func(size int) ([]byte, error) {
		r, err := s.Open(ctx, key, 0)
		if err != nil {
			return nil, err
		}
		var out []byte
		p := make([]byte, size)
		for {
			n, err := r.Read(p)
			if out = append(out, p[:n]...); err == io.EOF {
				return out, r.Close()
			} else if err != nil {
				return out, err
			}
		}
	}
	other := bytes.Clone(whole)
	other[999] ^= 1
	for _, size := range []int{1, 7, 1000, 1001, 4096} {
		for _, c := range []struct {
			fault Fault
			want  []byte
			err   error
		}{
			{Works, whole, nil}, {Fails, nil, ErrFault}, {FailsAfter, whole, nil},
			{WrongOctets, other, nil}, {CutsOff, whole[:999], nil}, {BreaksOff, whole[:999], ErrFault},
		} {
			s.Set(c.fault)
			if octets, err := read(size); !bytes.Equal(octets, c.want) || !errors.Is(err, c.err) {
				t.Errorf("fault %d, read %d at a time: %d octets, %v", c.fault, size, len(octets), err)
			}
		}
	}

	s.Set(FailsAfter, Put)
	if key, err := put(); !errors.Is(err, ErrFault) || len(memory.Keys()) != 2 {
		t.Errorf("Put fails after it: %v", err)
	} else if err := s.Delete(ctx, key); err != nil || len(memory.Keys()) != 1 {
		t.Errorf("Delete has a fault that only Put has: %v", err)
	}
	s.Set(FailsAfter, Delete)
	if err := s.Delete(ctx, blob.NewKey(1, 1)); !errors.Is(err, ErrFault) {
		t.Errorf("Delete: %v", err)
	}
	s.SetTimes(2, Fails, Put, Check)
	var listed error
	for _, listed = range s.List(ctx, 20000) {
	}
	_, first := put()
	second := s.Check(ctx)
	if _, third := put(); listed != nil || !errors.Is(first, ErrFault) || !errors.Is(second, ErrFault) || third != nil {
		t.Errorf("two of four fail: %v, %v, %v, %v", listed, first, second, third)
	}
	s.Set(Fails)
	for _, listed = range s.List(ctx, 20000) {
	}
	if !errors.Is(listed, ErrFault) || !errors.Is(s.Delete(ctx, key), ErrFault) {
		t.Errorf("List: %v", listed)
	}
	if n := s.Calls(List); n != 2 {
		t.Errorf("%d calls", n)
	}
}

func TestFaultyWaits(t *testing.T) {
	s := Faulty(NewMemory())
	s.Set(Waits)
	ctx, cancel := context.WithCancel(t.Context())
	ended, done := make(chan error), make(chan error)
	go func() { ended <- s.Check(ctx) }()
	go func() { done <- s.Check(t.Context()) }()
	if err := s.Waiting(t.Context(), 2); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.Waiting(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("Waiting: %v", err)
	}
	s.Set(Works)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What was stored can be damaged.
func TestMemoryDamage(t *testing.T) {
	s := NewMemory()
	key := blob.NewKey(1, 1)
	if err := s.Put(t.Context(), key, bytes.NewReader([]byte("abc")), 3); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), key, bytes.NewReader([]byte("abc")), 3); err == nil {
		t.Error("a key twice")
	}
	s.Damage(key, func(p []byte) []byte { return p[:1] })
	r, err := s.Open(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	if octets, err := io.ReadAll(r); string(octets) != "a" || err != nil {
		t.Errorf("%q, %v", octets, err)
	}
}
