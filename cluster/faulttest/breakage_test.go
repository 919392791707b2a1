package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// calls notes what cluster/fault is asked to do, and may refuse some of it.
type calls struct {
	all    []string
	refuse string
}

func (c *calls) call(ctx context.Context, args []string) error {
	c.all = append(c.all, strings.Join(args, " "))
	if c.all[len(c.all)-1] == c.refuse {
		return errors.New(c.refuse + " is refused")
	}
	return ctx.Err()
}

func TestMend(t *testing.T) {
	steps := []step{
		{words("kill 1"), words("start 1")},
		{do: words("switchover")},
		{words("kill 2"), words("start 2")},
		{words("kill 3"), words("start 3")},
	}
	for name, test := range map[string]struct {
		refuse string
		want   []string
		failed bool // mending
	}{
		"all": {"", []string{"kill 1", "switchover", "kill 2", "kill 3", "start 3", "start 2", "start 1"}, false},
		// Half of what has failed may be done.
		"one fails":       {"kill 2", []string{"kill 1", "switchover", "kill 2", "start 2", "start 1"}, false},
		"no mending once": {"start 3", []string{"kill 1", "switchover", "kill 2", "kill 3", "start 3", "start 2", "start 1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := calls{refuse: test.refuse}
			b := breakage{call: c.call}
			b.do(t.Context(), steps)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // what ended the run
			err := b.mend(ctx)
			if (err != nil) != test.failed {
				t.Error(err)
			}
			if !slices.Equal(c.all, test.want) {
				t.Errorf("%v, want %v", c.all, test.want)
			}
			if b.mend(ctx); len(c.all) != len(test.want) {
				t.Errorf("mended again: %v", c.all)
			}
		})
	}
}

// A run that is ended while something is broken mends it.
func TestAbort(t *testing.T) {
	s := startServer(t)
	for _, how := range []string{"signal", "error"} {
		t.Run(how, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			ended := errors.New("Ctrl-C")
			c := calls{}
			if how == "error" {
				c.refuse = "freeze 1"
				ended = nil
			}
			r := run{dir: t.TempDir(), nodes: s.nodes, writers: 2, out: io.Discard, read: map[string]int64{}, rounds: 1,
				call: func(ctx context.Context, args []string) error {
					err := c.call(ctx, args)
					if args[0] == "freeze" && ended != nil {
						cancel(ended)
					}
					return err
				}}
			err := r.all(ctx, []fault{{name: how, prepare: words("build"), steps: []step{{words("cut 1"), words("heal 1")}, {words("freeze 1"), words("thaw 1")}}, hold: 1 << 40}})
			if err == nil || ended != nil && !errors.Is(err, ended) {
				t.Error(err)
			}
			if want := []string{"build", "cut 1", "freeze 1", "thaw 1", "heal 1"}; !slices.Equal(c.all, want) {
				t.Errorf("%v, want %v", c.all, want)
			}
		})
	}
}

// What Ctrl-C on a terminal ends is not what mends: cluster/fault has a process group of its own.
func TestCall(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "fault")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$*\"\nread _ _ _ _ group _ </proc/$$/stat; [ $group = $$ ] && [ \"$1\" = good ]\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := call(t.Context(), program, dir, words("good 1")); err != nil {
		t.Error(err)
	}
	if err, want := call(t.Context(), program, dir, words("bad 1")), fmt.Sprintf("bad 1 %s\n", dir); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want the output %q", err, want)
	}
}

// What cluster/fault has started to do ends with the context, and so does what it has called.
func TestCallEnds(t *testing.T) {
	dir := t.TempDir()
	program, begun := filepath.Join(dir, "fault"), filepath.Join(dir, "begun")
	if err := syscall.Mkfifo(begun, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho >\"$2/begun\"\nsleep 1000\necho slept\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() {
		os.ReadFile(begun)
		cancel()
	})
	if err := call(ctx, program, dir, words("wait")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		names string
		short bool
		want  int // how many; 0: an error
	}{{"", false, len(faults)}, {"", true, shortest}, {"clock kill-leader", true, 2}, {"clock nothing", false, 0}} {
		got, err := choose(words(test.names), test.short)
		if (err == nil) != (test.want > 0) || len(got) != test.want {
			t.Errorf("%q: %d faults, %v", test.names, len(got), err)
		}
	}
}
