package mailbox

import (
	"fmt"
	"testing"
)

// forSizes runs a benchmark with accounts of 10, 1,000 and 20,000 mailboxes.
func forSizes(b *testing.B, run func(b *testing.B, n *Namespace, names []string)) {
	for _, size := range []int{10, 1000, 20_000} {
		names := numbered("folder/", size, 20)
		n := fromNames(names...)
		b.Run(fmt.Sprintf("mailboxes=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			run(b, n, names)
		})
	}
}

func BenchmarkNamespaceCreate(b *testing.B) {
	forSizes(b, func(b *testing.B, n *Namespace, names []string) {
		e := Entry{Name: names[len(names)/2] + "-", ID: 1 << 40}
		for b.Loop() {
			if _, err := n.Create(e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNamespaceLookup(b *testing.B) {
	forSizes(b, func(b *testing.B, n *Namespace, names []string) {
		for i := 0; b.Loop(); i++ {
			if _, ok := n.Lookup(names[i*7919%len(names)]); !ok {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkNamespaceByID(b *testing.B) {
	forSizes(b, func(b *testing.B, n *Namespace, names []string) {
		for i := 0; b.Loop(); i++ {
			if _, ok := n.ByID(ID(i*7919%len(names) + 1)); !ok {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkNamespaceAll(b *testing.B) {
	forSizes(b, func(b *testing.B, n *Namespace, names []string) {
		for b.Loop() {
			octets := 0
			for e := range n.All() {
				octets += len(e.Name)
			}
			if octets != 20*len(names) {
				b.Fatal(octets)
			}
		}
	})
}
