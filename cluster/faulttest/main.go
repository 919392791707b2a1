// Faulttest puts load on the nodes of a cluster, breaks parts of it with cluster/fault meanwhile, and
// then looks whether everything is there that was acknowledged, octet for octet, once, on every node.
// cluster/test runs it.
//
// For each fault writers append, deliver, flag, copy, move, expunge, and make and remove mailboxes, over
// connections to nodes taken at random. What a tagged OK acknowledges has to be found afterwards; what
// a broken connection or a NO [UNAVAILABLE] left open may be there, once. The exit status is 1 when
// anything is lost, there twice, or other than it was acknowledged.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// fault is something that breaks, and how it is mended: arguments of cluster/fault.
type fault struct {
	name string
	do   [][]string
	hold time.Duration // between breaking and mending
	mend [][]string
	// down is the node that is not there before it is mended. Ten seconds after it broke everything is
	// read on the others.
	down string
}

var faults = []fault{
	{name: "kill-postgres", do: [][]string{{"kill-postgres"}}, hold: 5 * time.Second},
	{name: "kill-node", do: [][]string{{"kill-node", "1"}}, hold: 8 * time.Second, mend: [][]string{{"start-node", "1"}}, down: "node1"},
	{name: "switchover", do: [][]string{{"switchover"}}, hold: 5 * time.Second},
	{name: "s3-half", do: [][]string{{"s3-errors", "half"}}, hold: 10 * time.Second, mend: [][]string{{"s3-errors", "off"}}},
	{name: "kill-nats", do: [][]string{{"kill-nats", "1"}, {"kill-nats", "2"}, {"kill-nats", "3"}}, hold: 10 * time.Second,
		mend: [][]string{{"start-nats", "1"}, {"start-nats", "2"}, {"start-nats", "3"}}},
	{name: "clock", do: [][]string{{"kill-node", "3"}, {"jump-node", "3"}}, hold: 30 * time.Second,
		mend: [][]string{{"kill-node", "3"}, {"start-node", "3"}}},
	{name: "s3-errors", do: [][]string{{"s3-errors", "on"}}, hold: 10 * time.Second, mend: [][]string{{"s3-errors", "off"}}},
	{name: "s3-after", do: [][]string{{"s3-errors", "after"}}, hold: 10 * time.Second, mend: [][]string{{"s3-errors", "off"}}},
	{name: "s3-slow", do: [][]string{{"s3-slow", "on"}}, hold: 10 * time.Second, mend: [][]string{{"s3-slow", "off"}}},
	{name: "kill-osd", do: [][]string{{"kill-osd", "1"}}, hold: 15 * time.Second, mend: [][]string{{"start-osd", "1"}}},
	{name: "kill-standby", do: [][]string{{"kill-standby"}}, hold: 10 * time.Second, mend: [][]string{{"start"}}},
	{name: "partition-node", do: [][]string{{"partition-node", "2"}}, hold: 15 * time.Second, mend: [][]string{{"heal"}}},
	{name: "kill-leader", do: [][]string{{"kill-leader"}}, hold: 30 * time.Second, mend: [][]string{{"start"}}},
	{name: "freeze-leader", do: [][]string{{"freeze-leader"}}, hold: 40 * time.Second, mend: [][]string{{"thaw"}}},
}

// short are those that take least time.
var short = []string{"kill-postgres", "kill-node", "switchover", "s3-half", "kill-nats", "clock"}

// run is one call of the command.
type run struct {
	dir, command string
	nodes        []node
	writers      int
	calm         time.Duration
	out          io.Writer
	loads        []*load
	total        verdict
	appended     int
	read         map[int]int // octets of each node's log
}

func main() {
	r := run{out: os.Stdout, read: map[int]int{}}
	flag.StringVar(&r.dir, "dir", "", "`FOLDER` of the cluster")
	nodes := flag.String("nodes", "", "addresses of the nodes, IMAP/LMTP, with commas")
	flag.StringVar(&r.command, "fault", "", "the program cluster/fault")
	onlyShort := flag.Bool("short", false, "only the faults that take least time")
	flag.IntVar(&r.writers, "writers", 24, "connections that write")
	flag.DurationVar(&r.calm, "calm", 5*time.Second, "load without a fault, before and after each")
	rounds := flag.Int("rounds", 1, "how often each fault is tried")
	flag.Parse()
	for i, at := range strings.Split(*nodes, ",") {
		imap, lmtp, _ := strings.Cut(at, "/")
		r.nodes = append(r.nodes, node{fmt.Sprintf("node%d", i+1), imap, lmtp})
	}
	chosen, err := choose(flag.Args(), *onlyShort)
	if err == nil {
		err = r.all(chosen, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faulttest:", err)
		os.Exit(1)
	}
}

// choose returns the faults of these names, or all.
func choose(names []string, onlyShort bool) (out []fault, err error) {
	if onlyShort && len(names) == 0 {
		names = short
	}
	if len(names) == 0 {
		return faults, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			var all []string
			for _, f := range faults {
				all = append(all, f.name)
			}
			return nil, fmt.Errorf("there is no fault %s; there are %s", name, strings.Join(all, ", "))
		}
		out = append(out, faults[i])
	}
	return out, nil
}

func (r *run) all(faults []fault, rounds int) error {
	begun := fmt.Sprintf("f%x", time.Now().Unix())
	fmt.Fprintf(r.out, "%-15s %8s %8s %8s %8s %6s %6s %6s %6s\n", "FAULT", "ACKNOWL.", "APPENDED", "UNKNOWN", "GAP", "LOST", "TWICE", "WRONG", "LOGGED")
	for i := range rounds {
		for _, f := range faults {
			if err := r.one(fmt.Sprintf("%s-%d-%s", begun, i, f.name), f); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	fmt.Fprintf(r.out, "everything once more, on all nodes:\n")
	for _, l := range r.loads {
		v, err := l.verify(r.out, r.nodes)
		if err != nil {
			return err
		}
		r.total.add(v)
	}
	fmt.Fprintf(r.out, "%d messages appended and acknowledged: %d lost, %d twice, %d wrong\n", r.appended, r.total.lost, r.total.twice, r.total.wrong)
	if r.total != (verdict{}) {
		return errors.New("something is not as it was acknowledged")
	}
	return nil
}

// one breaks one thing under load, and looks.
func (r *run) one(name string, f fault) error {
	l, err := newLoad(name, r.nodes, r.writers)
	if err != nil {
		return err
	}
	r.loads = append(r.loads, l)
	r.logged()
	var v verdict
	stop := l.start()
	defer func() { stop() }()
	time.Sleep(r.calm)
	l.mark()
	if err := r.call(f.do); err != nil {
		return err
	}
	broken := time.Now()
	time.Sleep(f.hold)
	if f.down != "" {
		stop()
		time.Sleep(time.Until(broken.Add(10 * time.Second)))
		v, err = l.verify(r.out, slices.DeleteFunc(slices.Clone(r.nodes), func(n node) bool { return n.name == f.down }))
		if err != nil {
			return err
		}
		stop = l.start()
	}
	if err := r.call(append(slices.Clone(f.mend), []string{"wait"})); err != nil {
		return err
	}
	time.Sleep(r.calm)
	stop()
	after, err := r.verifyWhenThere(l)
	if err != nil {
		return err
	}
	v.add(after)
	r.total.add(v)
	l.mu.Lock()
	defer l.mu.Unlock()
	r.appended += l.mu.appended
	logged := r.logged()
	fmt.Fprintf(r.out, "%-15s %8d %8d %8d %8v %6d %6d %6d %6d\n", f.name, l.mu.acknowledged, l.mu.appended, l.mu.unknown,
		l.mu.gap.Round(100*time.Millisecond), v.lost, v.twice, v.wrong, len(logged))
	tellCounts(r.out, l.mu.answers)
	tellCounts(r.out, summarize(logged))
	return nil
}

// verifyWhenThere waits for a node that has just been started, or that does not answer yet.
func (r *run) verifyWhenThere(l *load) (verdict, error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		v, err := l.verify(r.out, r.nodes)
		if err == nil || time.Now().After(end) {
			return v, err
		}
	}
}

// call gives commands to cluster/fault.
func (r *run) call(all [][]string) error {
	for _, args := range all {
		out, err := exec.Command(r.command, append(slices.Clone(args), r.dir)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// logged returns the warnings and errors that have come to the nodes' logs since it was last called.
func (r *run) logged() (lines []string) {
	for i, n := range r.nodes {
		text, err := os.ReadFile(filepath.Join(r.dir, "logs", n.name+".log"))
		if err != nil {
			continue
		}
		for line := range bytes.Lines(text[r.read[i]:]) {
			if bytes.Contains(line, []byte("level=WARN")) || bytes.Contains(line, []byte("level=ERROR")) {
				lines = append(lines, string(line))
			}
		}
		r.read[i] = len(text)
	}
	return lines
}
