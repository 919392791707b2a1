package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// breakage is what was broken and is not mended yet.
type breakage struct {
	call func(ctx context.Context, args []string) error // cluster/fault
	undo [][]string
}

// do takes the steps. What was tried, and has failed, is undone, too: half of it may be done.
func (b *breakage) do(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if s.undo != nil {
			b.undo = append(b.undo, s.undo)
		}
		if err := b.call(ctx, s.do); err != nil {
			return err
		}
	}
	return nil
}

// mend undoes all steps that were taken, the last one first, also after the context has ended. One that
// fails leaves none of the others out.
func (b *breakage) mend(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var failed error
	for _, args := range slices.Backward(b.undo) {
		failed = errors.Join(failed, b.call(ctx, args))
	}
	b.undo = nil
	return failed
}

// call gives a command to cluster/fault. It runs in a process group of its own, which ends with the
// context: the terminal's Ctrl-C, which ends us, must not end what mends.
func call(ctx context.Context, program, dir string, args []string) error {
	const most = time.Hour // building a program with another clock builds all of Go, on whatever machine
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(slices.Clone(args), dir)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), errors.Join(context.Cause(ctx), err), out)
	}
	return nil
}
