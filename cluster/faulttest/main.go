// Faulttest puts load on the nodes of a cluster, breaks parts of it with cluster/fault meanwhile, and
// then looks whether everything is there that was acknowledged, octet for octet, once, on every node.
// cluster/test runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
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
}

var faults = []fault{
	{name: "kill-postgres", do: [][]string{{"kill-postgres"}}, hold: 5 * time.Second},
	{name: "kill-node", do: [][]string{{"kill-node", "1"}}, hold: 10 * time.Second, mend: [][]string{{"start-node", "1"}}},
	{name: "kill-leader", do: [][]string{{"kill-leader"}}, hold: 30 * time.Second, mend: [][]string{{"start"}}},
	{name: "switchover", do: [][]string{{"switchover"}}, hold: 5 * time.Second},
	{name: "s3-errors", do: [][]string{{"s3-errors", "half"}}, hold: 10 * time.Second, mend: [][]string{{"s3-errors", "off"}}},
	{name: "s3-after", do: [][]string{{"s3-errors", "after"}}, hold: 10 * time.Second, mend: [][]string{{"s3-errors", "off"}}},
	{name: "s3-slow", do: [][]string{{"s3-slow", "on"}}, hold: 10 * time.Second, mend: [][]string{{"s3-slow", "off"}}},
	{name: "kill-nats", do: [][]string{{"kill-nats", "1"}, {"kill-nats", "2"}, {"kill-nats", "3"}}, hold: 10 * time.Second,
		mend: [][]string{{"start-nats", "1"}, {"start-nats", "2"}, {"start-nats", "3"}}},
	{name: "kill-osd", do: [][]string{{"kill-osd", "1"}}, hold: 15 * time.Second, mend: [][]string{{"start-osd", "1"}}},
	{name: "kill-standby", do: [][]string{{"kill-standby"}}, hold: 10 * time.Second, mend: [][]string{{"start"}}},
	{name: "partition-node", do: [][]string{{"partition-node", "2"}}, hold: 15 * time.Second, mend: [][]string{{"heal"}}},
	{name: "freeze-leader", do: [][]string{{"freeze-leader"}}, hold: 40 * time.Second, mend: [][]string{{"thaw"}}},
}

// short are those that take least time.
var short = []string{"kill-postgres", "kill-node", "switchover", "s3-errors", "kill-nats"}

func main() {
	dir := flag.String("dir", "", "`FOLDER` of the cluster")
	nodes := flag.String("nodes", "", "addresses of the nodes, with commas")
	command := flag.String("fault", "", "the program cluster/fault")
	onlyShort := flag.Bool("short", false, "only the faults that take least time")
	writers := flag.Int("writers", 24, "connections that write")
	calm := flag.Duration("calm", 5*time.Second, "load without a fault, before each")
	flag.Parse()
	if err := run(*dir, strings.Split(*nodes, ","), *command, chosen(*onlyShort), *writers, *calm); err != nil {
		fmt.Fprintln(os.Stderr, "faulttest:", err)
		os.Exit(1)
	}
}

// chosen returns the faults that the command line names, or all.
func chosen(onlyShort bool) (out []fault) {
	names := flag.Args()
	if onlyShort && len(names) == 0 {
		names = short
	}
	for _, f := range faults {
		if len(names) == 0 || slices.Contains(names, f.name) {
			out = append(out, f)
		}
	}
	return out
}

func run(dir string, nodes []string, command string, faults []fault, writers int, calm time.Duration) error {
	if len(faults) == 0 {
		return fmt.Errorf("there is no such fault; there are %s", names())
	}
	l, err := newLoad(nodes, writers)
	if err != nil {
		return err
	}
	call := func(all [][]string) error {
		for _, args := range all {
			out, err := exec.Command(command, append(slices.Clone(args), dir)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
			}
		}
		return nil
	}
	fmt.Printf("%-16s %13s %8s %12s\n", "FAULT", "ACKNOWLEDGED", "UNKNOWN", "LONGEST GAP")
	stop := l.start()
	defer stop()
	for _, f := range faults {
		time.Sleep(calm)
		l.mark()
		err := call(f.do)
		if err == nil {
			time.Sleep(f.hold)
			err = call(append(slices.Clone(f.mend), []string{"wait"}))
		}
		if err != nil {
			return err
		}
		time.Sleep(calm)
		acknowledged, unknown, gap := l.since()
		fmt.Printf("%-16s %13d %8d %12v\n", f.name, acknowledged, unknown, gap.Round(100*time.Millisecond))
	}
	stop()
	return l.verify(os.Stdout)
}

func names() string {
	var all []string
	for _, f := range faults {
		all = append(all, f.name)
	}
	return strings.Join(all, ", ")
}
