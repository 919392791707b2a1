package mailbox

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// numbered returns n names, each of that many octets, with something in front.
func numbered(front string, n, octets int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%0*d", front, octets-len(front), i)
	}
	return out
}

// TestNamespaceTooMany: beyond a limit everything that grows is refused, and what shrinks is not.
func TestNamespaceTooMany(t *testing.T) {
	const octets = MaxNameLen - 100
	for _, c := range []struct {
		what     string
		names    []string
		one      string // what fits no more
		longer   error  // renaming one of them to a longer name
		subtract int    // how many have to go until one fits
	}{
		{"as many as may be", numbered("m/", MaxMailboxes, 12), "a", nil, 1},
		{"more than may be", numbered("m/", MaxMailboxes+5, 12), "a", nil, 6},
		{"as long as may be", append(numbered("m/", MaxMailboxOctets/octets, octets), strings.Repeat("x", MaxMailboxOctets%octets)), "a", ErrTooMany, 1},
		{"longer than may be", numbered("m/", MaxMailboxOctets/octets+2, octets), "a", ErrTooMany, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			n := fromNames(c.names...)
			if n.Len() != len(c.names) {
				t.Fatalf("%d of %d loaded", n.Len(), len(c.names))
			}
			refused := func(what string, err, want error) {
				t.Helper()
				if !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
			}
			name := c.names[0]
			_, err := n.Rename(name, name+"longer")
			refused("a longer name", err, c.longer)
			_, err = n.Rename("m", "mm")
			refused("a longer superior", err, c.longer)
			_, err = n.Rename(name, "n"+name[1:])
			refused("a name as long", err, nil)
			_, err = n.Rename("m", "x/y")
			refused("two more octets for each", err, c.longer)
			_, err = n.Rename(name, "n")
			refused("a shorter name", err, nil)
			_, err = n.Create(Entry{Name: name, ID: 1 << 40})
			refused("an existing name", err, ErrExists)
			_, err = n.Subscribe(name, true)
			refused("a subscribed name", err, nil)

			for i := range c.subtract {
				_, err := n.Create(Entry{Name: c.one, ID: 1 << 40})
				refused("Create", err, ErrTooMany)
				_, err = n.Subscribe(c.one, true)
				refused("Subscribe", err, ErrTooMany)
				if n, err = n.Delete(c.names[i]); err != nil {
					t.Fatal(err)
				}
				if n, err = n.Subscribe(c.names[i], false); err != nil {
					t.Fatal(err)
				}
			}
			_, err = n.Create(Entry{Name: c.one, ID: 1 << 40})
			refused("Create in the end", err, nil)
			_, err = n.Subscribe(c.one, true)
			refused("Subscribe in the end", err, nil)
		})
	}
}

// allocated returns how many octets a call of f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	const runs = 100
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}

// TestNamespaceCost: what a change costs depends on what it changes, not on the account's size. A
// copy of 20,000 names would be more than a million octets.
func TestNamespaceCost(t *testing.T) {
	n := fromNames(numbered("m/", 20_000, 12)...)
	inTheMiddle := numbered("m/", 20_000, 12)[10_000]
	check := func(what string, allocations float64, octets uint64, f func()) {
		t.Helper()
		if got := testing.AllocsPerRun(100, f); got > allocations {
			t.Errorf("%s: %v allocations, want at most %v", what, got, allocations)
		}
		if got := allocated(f); got > octets {
			t.Errorf("%s: %d octets allocated, want at most %d", what, got, octets)
		}
	}
	change := func(next *Namespace, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check("Create", 40, 20_000, func() { change(n.Create(Entry{Name: inTheMiddle + "-", ID: 1 << 40})) })
	check("Delete", 40, 20_000, func() { change(n.Delete(inTheMiddle)) })
	check("Rename", 60, 40_000, func() { change(n.Rename(inTheMiddle, inTheMiddle+"-")) })
	check("Subscribe", 20, 10_000, func() { change(n.Subscribe(inTheMiddle+"-", true)) })
	check("Unsubscribe", 20, 10_000, func() { change(n.Subscribe(inTheMiddle, false)) })
	check("Lookup", 0, 0, func() { n.Lookup(inTheMiddle) })
	check("ByID", 0, 0, func() { n.ByID(10_000) })
	check("IsSubscribed", 0, 0, func() { n.IsSubscribed(inTheMiddle) })
	check("HasChildren", 10, 1000, func() { n.HasChildren("m") })
}
