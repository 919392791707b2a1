package mailbox

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCheckEntry(t *testing.T) {
	for name, good := range map[string]bool{
		"/private/comment": true, "/shared/comment": true, "/shared/a b": true, "/private/vendor/x/y": true, "/shared/a/vendor/b": true,
		"": false, "/": false, "/private": false, "/private/": false, "private/x": false, "/other/x": false, "/private//x": false,
		"/private/x/": false, "/private/x*": false, "/private/%": false, "/private/X": false, "/private/ä": false, "/private/\x7f": false,
		"/private/\n": false, "/private/vendor": false, "/private/vendor/x": false, "/private/" + strings.Repeat("x", MaxMetadataName): false,
	} {
		if err := CheckEntry(name); (err == nil) != good {
			t.Errorf("%.40q: %v", name, err)
		}
	}
}

// TestMetadataRandom compares metadata with a map of it, and differences with what they make of one.
func TestMetadataRandom(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	type key struct {
		id   ID
		name string
	}
	all := func(n *Namespace) map[key]string {
		out := map[key]string{}
		for id, m := range n.AllMetadata() {
			if _, twice := out[key{id, m.Name}]; twice {
				t.Fatalf("seed %d: %d %s is there twice", seed, id, m.Name)
			}
			out[key{id, m.Name}] = m.Value
		}
		return out
	}
	n := fromNames("INBOX", "a", "b", "a/c")
	model := map[key]string{}
	base, before := n, maps.Clone(model)
	for step := range 2000 {
		id, name, value := ID(rnd.IntN(7)), fmt.Sprintf("/shared/%d", rnd.IntN(5)), fmt.Sprint(rnd.IntN(3))
		var next *Namespace
		var err error
		if rnd.IntN(3) > 0 {
			next, err = n.SetMetadata(id, []Metadata{{name, value}}, nil)
		} else {
			next, err = n.SetMetadata(id, nil, []string{name})
			value = ""
		}
		if _, exists := n.ByID(id); (err == nil) != (exists || id == 0) {
			t.Fatalf("seed %d, step %d: %v", seed, step, err)
		}
		if k := (key{id, name}); err == nil && value != "" {
			if same := model[k] == value; same != (next == n) {
				t.Fatalf("seed %d, step %d: %v", seed, step, same)
			}
			model[k] = value
		} else if err == nil {
			delete(model, k)
		}
		if n = next; rnd.IntN(100) == 0 {
			if e, ok := n.Lookup("b"); ok {
				n, _ = n.Delete("b")
				maps.DeleteFunc(model, func(k key, _ string) bool { return k.id == e.ID })
			} else {
				n, _ = n.Create(Entry{Name: "b", ID: 3})
			}
		}
		if !maps.Equal(all(n), model) {
			t.Fatalf("seed %d, step %d: %v, want %v", seed, step, all(n), model)
		}
		octets := 0
		for k, v := range model {
			octets += len(k.name) + len(v)
			if got, ok := n.Metadata(k.id, k.name); !ok || got != v {
				t.Fatalf("seed %d, step %d: %v is %q, %v", seed, step, k, got, ok)
			}
		}
		if n.metadataOctets != octets || n.WithMetadata(n.AllMetadata()).metadataOctets != octets {
			t.Fatalf("seed %d, step %d: %d octets, want %d", seed, step, n.metadataOctets, octets)
		}
		if rnd.IntN(10) > 0 {
			continue
		}
		if !maps.Equal(all(base), before) {
			t.Fatalf("seed %d, step %d: an old namespace has changed", seed, step)
		}
		for _, x := range DiffMetadata(base, n) {
			k := key{x.ID, x.Name}
			if old, had := before[k]; !had && x.Removed || had && !x.Removed && old == x.Value {
				t.Fatalf("seed %d, step %d: %+v is no change", seed, step, x)
			}
			if before[k] = x.Value; x.Removed {
				delete(before, k)
			}
		}
		if !maps.Equal(before, model) {
			t.Fatalf("seed %d, step %d: the difference leads to %v, want %v", seed, step, before, model)
		}
		base = n
	}
}
