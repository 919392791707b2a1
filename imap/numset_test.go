package imap

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestParseSet(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"1", "1"}, {"*", "*"}, {"1:*", "1:*"}, {"*:1", "1:*"}, {"5:3", "3:5"},
		{"2,4:7,9,12:*", "2,4:7,9,12:*"}, {"*:4,5:7", "4:*"}, {"3,1,2", "1:3"},
		{"1:3,2:9,11", "1:9,11"}, {"7,*", "7,*"}, {"4294967295", "4294967295"},
		{"4294967295,*", "4294967295,*"}, {"5,1:3,4", "1:5"},
	} {
		s, err := ParseUIDSet(c.in)
		if err != nil || s.String() != c.out {
			t.Errorf("%q: got %q, %v; want %q", c.in, s.String(), err, c.out)
		}
	}
	for _, in := range []string{"", "0", "01", "1:", ":1", "1,,2", "1,", "a", "1:2:3", "4294967296", "-1", "1 2", "$"} {
		if s, err := ParseUIDSet(in); err == nil {
			t.Errorf("%q: got %v, want an error", in, s)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  UID
		want string
	}{
		{"1:*", 5, "1:5"}, {"*", 5, "5"}, {"7:*", 5, "5"}, {"2,9", 5, "2"}, {"4:9", 5, "4:5"}, {"1:*", 0, ""}, {"3,*", 3, "3"},
	} {
		s, err := ParseUIDSet(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Resolve(c.max).String(); got != c.want {
			t.Errorf("%s in a mailbox up to %d: got %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

// The set operations against the obvious model.
func TestSetModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	gen := func() (UIDSet, map[UID]bool) {
		var s UIDSet
		m := map[UID]bool{}
		for range rnd.IntN(12) {
			a := UID(rnd.IntN(40) + 1)
			b := a + UID(rnd.IntN(5))
			s.AddRange(a, b)
			for ; a <= b; a++ {
				m[a] = true
			}
		}
		return s, m
	}
	check := func(op string, s UIDSet, in func(UID) bool) {
		t.Helper()
		var want []UID
		for u := UID(1); u < 60; u++ {
			if in(u) != s.Contains(u) {
				t.Fatalf("%s: %v: Contains(%d) is %v", op, s, u, s.Contains(u))
			}
			if in(u) {
				want = append(want, u)
			}
		}
		if got := slices.Collect(s.All()); !slices.Equal(got, want) || s.Len() != len(want) {
			t.Fatalf("%s: got %v (%d), want %v", op, got, s.Len(), want)
		}
		back := slices.Collect(s.Backward())
		slices.Reverse(back)
		if !slices.Equal(back, want) {
			t.Fatalf("%s: backward %v, want %v", op, back, want)
		}
		var joined UIDSet
		for c := range s.Chunks(9) {
			joined = joined.Union(c)
		}
		if !joined.Equal(s) {
			t.Fatalf("%s: chunks of %v joined are %v", op, s, joined)
		}
		if p, err := ParseUIDSet(s.String()); len(want) > 0 && (err != nil || !p.Equal(s)) {
			t.Fatalf("%s: %v parses as %v, %v", op, s, p, err)
		}
	}
	for range 3000 {
		a, ma := gen()
		b, mb := gen()
		check("add", a, func(u UID) bool { return ma[u] })
		check("union", a.Union(b), func(u UID) bool { return ma[u] || mb[u] })
		check("minus", a.Minus(b), func(u UID) bool { return ma[u] && !mb[u] })
		check("intersect", a.Intersect(b), func(u UID) bool { return ma[u] && mb[u] })
	}
}

// A set of many numbers costs as many additions at its end, whatever their order.
func TestSetOfAnyOrder(t *testing.T) {
	for _, nums := range [][]UID{{1, 2, 3}, {3, 2, 1}, {5, 0, 5, 1}, {}} {
		given, last := slices.Clone(nums), uint32(0)
		steps := 0
		ascending(nums, func(u UID) {
			if steps++; steps > 1 && key(u) < last {
				t.Errorf("%v: %d is added behind a higher one", nums, u)
			}
			last = key(u)
		})
		if steps != len(nums) || !slices.Equal(given, nums) {
			t.Errorf("%v: %d steps; %v", given, steps, nums)
		}
	}
	if s := UIDs(9, 3, 0, 5, 4, 3); s.String() != "3:5,9,*" {
		t.Error(s)
	}
	if s := UIDs(9, 3).Union(UIDs(2, 4, 8, 0)); s.String() != "2:4,8:9,*" {
		t.Error(s)
	}
}
