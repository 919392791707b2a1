package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// result is what became of the operations of some loads.
type result struct {
	counts
	complaints [kinds]int
}

func total(loads []*load) (r result) {
	for _, l := range loads {
		c := l.counted()
		for o, n := range c.acknowledged {
			r.acknowledged[o] += n
		}
		r.unknown += c.unknown
		r.gap = max(r.gap, c.gap)
		for complaint := range l.complaints {
			r.complaints[complaint.kind]++
		}
	}
	return r
}

func (r result) String() string {
	return fmt.Sprintf("%d appends, %d copies, %d moves, %d stores, %d expunges, %d deliveries acknowledged; %d unknown; longest gap %v; %d lost, %d duplicated, %d UIDs twice, %d wrong",
		r.acknowledged[appended], r.acknowledged[copied], r.acknowledged[moved], r.acknowledged[stored], r.acknowledged[expunged], r.acknowledged[delivered],
		r.unknown, r.gap.Round(100*time.Millisecond), r.complaints[lost], r.complaints[duplicated], r.complaints[uidTwice], r.complaints[wrong])
}

// report prints a line for each fault and one for all, which it returns.
func report(out io.Writer, loads []*load) result {
	const columns = "%-15s %8v %8v %8v %8v %8v %8v %8v %8v %6v %6v %6v %6v\n"
	fmt.Fprintf(out, columns, "FAULT", "APPENDS", "COPIES", "MOVES", "STORES", "EXPUNGED", "DELIVERD", "UNKNOWN", "GAP", "LOST", "DOUBLE", "UID*2", "WRONG")
	line := func(name string, r result) {
		fmt.Fprintf(out, columns, name, r.acknowledged[appended], r.acknowledged[copied], r.acknowledged[moved], r.acknowledged[stored],
			r.acknowledged[expunged], r.acknowledged[delivered], r.unknown, r.gap.Round(100*time.Millisecond),
			r.complaints[lost], r.complaints[duplicated], r.complaints[uidTwice], r.complaints[wrong])
	}
	var names []string
	for _, l := range loads {
		if !slices.Contains(names, l.fault) {
			names = append(names, l.fault)
			line(l.fault, total(slices.DeleteFunc(slices.Clone(loads), func(o *load) bool { return o.fault != l.fault })))
		}
	}
	all := total(loads)
	line("all", all)
	return all
}
