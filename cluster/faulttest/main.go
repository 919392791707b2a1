// Faulttest puts load on the nodes of a cluster, breaks parts of it with cluster/fault meanwhile, and
// then looks whether everything is there that was acknowledged, octet for octet, once, on every node.
// cluster/test runs it.
//
// For each fault writers append, deliver, flag, copy, move, expunge, and make and remove mailboxes, over
// connections to all nodes. What a tagged OK acknowledges has to be found afterwards; what
// a broken connection or a NO [UNAVAILABLE] left open may be there, once. Numbers that a mailbox gives
// out or tells of itself may not go back, whichever node tells them. The exit status is 1 when
// anything is lost, there twice, or other than it was acknowledged, and also when the run was ended
// before its time; what was broken is mended then.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	r := run{out: os.Stdout, read: map[string]int64{}}
	flag.StringVar(&r.dir, "dir", "", "`FOLDER` of the cluster")
	nodes := flag.String("nodes", "", "addresses of the nodes, IMAP/LMTP, with commas")
	command := flag.String("fault", "", "the program cluster/fault")
	short := flag.Bool("short", false, "only the faults that take least time")
	flag.IntVar(&r.writers, "writers", 24, "connections that write")
	flag.DurationVar(&r.calm, "calm", 5*time.Second, "load without a fault, before and after each")
	flag.IntVar(&r.rounds, "rounds", 1, "how often each fault is tried, at least")
	flag.IntVar(&r.appends, "appends", -1, "acknowledged appends until which there are more rounds; default 100000 when all faults are tried, or else 0")
	flag.Parse()
	for i, at := range strings.Split(*nodes, ",") {
		imap, lmtp, _ := strings.Cut(at, "/")
		r.nodes = append(r.nodes, node{fmt.Sprintf("node%d", i+1), imap, lmtp})
	}
	if r.appends < 0 {
		r.appends = 0
		if flag.NArg() == 0 && !*short {
			r.appends = 100_000
		}
	}
	r.call = func(ctx context.Context, args []string) error { return call(ctx, *command, r.dir, args) }

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	chosen, err := choose(flag.Args(), *short)
	if err == nil {
		err = r.all(ctx, chosen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faulttest:", err)
		os.Exit(1)
	}
}
