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
	"time"
)

// run is one call of the command.
type run struct {
	dir             string
	nodes           []node
	writers         int
	calm            time.Duration
	rounds, appends int // at least
	out             io.Writer
	call            func(ctx context.Context, args []string) error // cluster/fault
	loads           []*load
	read            map[string]int64 // octets of each log
}

// all tries the faults until there were enough rounds and appends, and reads everything once more.
func (r *run) all(ctx context.Context, faults []fault) error {
	err := r.faults(ctx, faults)
	if err == nil {
		fmt.Fprintln(r.out, "everything once more, on all nodes")
		for _, l := range r.loads {
			if err = l.verify(ctx, r.out, r.nodes); err != nil {
				break
			}
		}
	}
	if err != nil {
		fmt.Fprintln(r.out, "ended before its time: not everything was read")
	}
	total := report(r.out, r.loads)
	if err == nil && total.complaints != [kinds]int{} {
		err = errors.New("something is not as it was acknowledged")
	}
	return err
}

func (r *run) faults(ctx context.Context, faults []fault) error {
	begun := fmt.Sprintf("f%x", time.Now().Unix())
	before := 0
	for round := 0; ; round++ {
		for _, f := range faults {
			if err := r.one(ctx, fmt.Sprintf("%s-%d-%s", begun, round, f.name), f); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		total := total(r.loads).acknowledged[appended]
		switch {
		case round+1 >= r.rounds && total >= r.appends:
			return nil
		case total == before:
			return errors.New("a whole round without an acknowledged append")
		}
		before = total
	}
}

// one breaks one thing under load, mends it whatever happens, and looks.
func (r *run) one(ctx context.Context, name string, f fault) (err error) {
	if f.prepare != nil {
		if err := r.call(ctx, f.prepare); err != nil {
			return err
		}
	}
	l, err := newLoad(ctx, f.name, name, r.nodes, r.writers)
	if err != nil {
		return err
	}
	r.loads = append(r.loads, l)
	r.logged()
	writing, cancel := context.WithCancel(ctx)
	stop := l.start(writing)
	broken := breakage{call: r.call}
	defer func() {
		if len(broken.undo) > 0 {
			fmt.Fprintf(r.out, "%s: mending\n", f.name)
		}
		err = errors.Join(err, broken.mend(ctx))
		cancel()
		stop()
	}()
	if err := sleep(ctx, r.calm); err != nil {
		return err
	}
	l.mark()
	if err := broken.do(ctx, f.steps); err != nil {
		return err
	}
	at := time.Now()
	if err := sleep(ctx, f.hold); err != nil {
		return err
	}
	if f.down != "" {
		stop()
		if err := r.withoutNode(ctx, l, f.down, at); err != nil {
			return err
		}
		stop = l.start(writing)
	}
	if err := broken.mend(ctx); err != nil {
		return err
	}
	if err := r.call(ctx, words("wait")); err != nil {
		return err
	}
	if err := sleep(ctx, r.calm); err != nil {
		return err
	}
	stop()
	if err := l.verify(ctx, r.out, r.nodes); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s: %s\n", f.name, total([]*load{l}))
	tellCounts(r.out, l.refusals())
	tellCounts(r.out, summarize(r.logged()))
	return nil
}

// withoutNode reads everything on the other nodes, ten seconds after one was killed.
func (r *run) withoutNode(ctx context.Context, l *load, down string, killed time.Time) error {
	if err := sleep(ctx, time.Until(killed.Add(10*time.Second))); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "reading everything on the other nodes, %.1f s after %s was killed\n", time.Since(killed).Seconds(), down)
	return l.verify(ctx, r.out, slices.DeleteFunc(slices.Clone(r.nodes), func(n node) bool { return n.name == down }))
}

// logged returns the warnings and errors that have come to the nodes' logs since it was last called.
func (r *run) logged() (lines []string) {
	for _, n := range r.nodes {
		text, err := readFrom(filepath.Join(r.dir, "logs", n.name+".log"), r.read[n.name])
		if err != nil {
			lines = append(lines, err.Error())
			continue
		}
		r.read[n.name] += int64(len(text))
		for line := range strings.Lines(text) {
			if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// readFrom returns what is in a file from an octet on.
func readFrom(name string, offset int64) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, offset, 1<<40))
	return string(text), err
}
