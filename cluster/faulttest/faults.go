package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// fault is something that breaks, under a name that says what.
type fault struct {
	name    string
	prepare []string // done before the load begins
	steps   []step
	hold    time.Duration // between breaking and mending
	// down is a node that is not there before it is mended. Ten seconds after it was killed everything
	// is read on the others.
	down string
}

// step breaks something, and says what mends it: arguments of cluster/fault. Steps are undone in the
// opposite order.
type step struct{ do, undo []string }

// faults begin with those that take least time, which are for -short.
var faults = []fault{
	{name: "kill-postgres", steps: []step{{do: words("kill-postgres")}}, hold: 5 * time.Second},
	{name: "kill-node", steps: []step{{words("kill-node 1"), words("start-node 1")}}, hold: 8 * time.Second, down: "node1"},
	{name: "switchover", steps: []step{{do: words("switchover")}}, hold: 5 * time.Second},
	{name: "s3-half", steps: []step{{words("s3-errors half"), words("s3-errors off")}}, hold: 10 * time.Second},
	{name: "kill-nats", steps: []step{
		{words("kill-nats 1"), words("start-nats 1")},
		{words("kill-nats 2"), words("start-nats 2")},
		{words("kill-nats 3"), words("start-nats 3")},
	}, hold: 10 * time.Second},
	// The clock comes round once in 45 seconds.
	{name: "clock", prepare: words("build-jumping"), steps: []step{
		{words("kill-node 3"), words("start-node 3")},
		{words("jump-node 3"), words("kill-node 3")},
	}, hold: 50 * time.Second},
	{name: "s3-errors", steps: []step{{words("s3-errors on"), words("s3-errors off")}}, hold: 10 * time.Second},
	{name: "s3-after", steps: []step{{words("s3-errors after"), words("s3-errors off")}}, hold: 10 * time.Second},
	{name: "s3-slow", steps: []step{{words("s3-slow on"), words("s3-slow off")}}, hold: 10 * time.Second},
	{name: "kill-osd", steps: []step{{words("kill-osd 1"), words("start-osd 1")}}, hold: 15 * time.Second},
	{name: "kill-standby", steps: []step{{words("kill-standby"), words("start")}}, hold: 10 * time.Second},
	{name: "partition-node", steps: []step{{words("partition-node 2"), words("heal 2")}}, hold: 15 * time.Second},
	{name: "kill-leader", steps: []step{{words("kill-leader"), words("start")}}, hold: 30 * time.Second},
	{name: "freeze-leader", steps: []step{{words("freeze-leader"), words("thaw")}}, hold: 40 * time.Second},
}

// shortest is how many of them take least time.
const shortest = 6

func words(s string) []string { return strings.Fields(s) }

// choose returns the faults of these names, or else all, or those that take least time.
func choose(names []string, short bool) (out []fault, err error) {
	switch {
	case len(names) == 0 && short:
		return faults[:shortest], nil
	case len(names) == 0:
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
