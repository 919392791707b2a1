package imap

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strconv"
)

// Num is a message number: a UID or a sequence number. The two never mix.
type Num interface{ UID | SeqNum }

// Range is First:Last in the order in which it was written or, inside a Set, ascending. Zero
// stands for "*", the highest number in the mailbox (RFC 9051 §9, seq-number).
type Range[T Num] struct{ First, Last T }

// Set is a sequence-set: sorted, disjoint, merged ranges. The zero value is empty. A range may
// end in "*" until Resolve replaces it.
type Set[T Num] struct{ ranges []Range[T] }

// UIDSet is a set of UIDs; SeqSet is a set of sequence numbers.
type (
	UIDSet = Set[UID]
	SeqSet = Set[SeqNum]
)

// NumSet is a UIDSet, a SeqSet or SearchResult. A method that takes a NumSet sends the UID form
// of its command for a UIDSet.
type NumSet interface {
	numSet()
	// AppendTo appends the set as it stands in a command.
	AppendTo(dst []byte) []byte
}

func (Set[T]) numSet() {}

// SearchResult is "$", the result of the last SEARCH RETURN (SAVE) (RFC 9051 §6.4.4.1). UID says
// in which form of a command it is used.
type SearchResult struct{ UID bool }

func (SearchResult) numSet() {}

// AppendTo appends "$".
func (SearchResult) AppendTo(dst []byte) []byte { return append(dst, '$') }

// UIDs returns the set of the given UIDs.
func UIDs(u ...UID) UIDSet { return setOf(u) }

// Seqs returns the set of the given sequence numbers.
func Seqs(n ...SeqNum) SeqSet { return setOf(n) }

// UIDRange returns first:last; last 0 is "*".
func UIDRange(first, last UID) (s UIDSet) { s.AddRange(first, last); return s }

// SeqRange returns first:last; last 0 is "*".
func SeqRange(first, last SeqNum) (s SeqSet) { s.AddRange(first, last); return s }

func setOf[T Num](nums []T) (s Set[T]) {
	ascending(nums, s.Add)
	return s
}

// ascending calls add with the numbers in ascending order, in which each costs the same to add to a
// set. Those that stand in any other order are sorted first.
func ascending[T Num](nums []T, add func(T)) {
	order := func(a, b T) int { return cmp.Compare(key(a), key(b)) }
	if !slices.IsSortedFunc(nums, order) {
		nums = slices.Clone(nums)
		slices.SortFunc(nums, order)
	}
	for _, n := range nums {
		add(n)
	}
}

// key orders numbers with "*" (0) last.
func key[T Num](n T) uint32 { return uint32(n) - 1 }

// Add adds one number; 0 is "*".
func (s *Set[T]) Add(n T) { s.AddRange(n, n) }

// AddRange adds a range, given in either order; 0 is "*".
func (s *Set[T]) AddRange(a, b T) {
	if key(a) > key(b) {
		a, b = b, a
	}
	n := len(s.ranges)
	// The common case: numbers arrive in ascending order.
	if n == 0 || key(s.ranges[n-1].Last) < key(a) {
		if n > 0 && a != 0 && s.ranges[n-1].Last+1 == a {
			s.ranges[n-1].Last = b
			return
		}
		s.ranges = append(s.ranges, Range[T]{a, b})
		return
	}
	// The first range that ends at a-1 or later, and the first that starts after b+1.
	lo, _ := slices.BinarySearchFunc(s.ranges, a, func(r Range[T], a T) int {
		if k := key(r.Last); k < key(a) && !(a != 0 && r.Last+1 == a) {
			return -1
		}
		return 1
	})
	hi := lo
	for hi < len(s.ranges) && (key(s.ranges[hi].First) <= key(b) || (b != 0 && b+1 != 0 && s.ranges[hi].First == b+1)) {
		if key(s.ranges[hi].First) < key(a) {
			a = s.ranges[hi].First
		}
		if key(s.ranges[hi].Last) > key(b) {
			b = s.ranges[hi].Last
		}
		hi++
	}
	s.ranges = slices.Replace(s.ranges, lo, hi, Range[T]{a, b})
}

// Ranges returns the ranges in ascending order. The caller must not change them.
func (s Set[T]) Ranges() []Range[T] { return s.ranges }

// Empty reports whether the set holds nothing.
func (s Set[T]) Empty() bool { return len(s.ranges) == 0 }

// Dynamic reports whether the set contains "*".
func (s Set[T]) Dynamic() bool {
	return len(s.ranges) > 0 && s.ranges[len(s.ranges)-1].Last == 0
}

// Resolve replaces "*" by largest, the highest number in the mailbox, and leaves out what lies
// above it; "7:*" in a mailbox that ends at 5 is 5:7 and so becomes 5 (RFC 9051 §9). With largest
// 0, an empty mailbox, the result is empty.
func (s Set[T]) Resolve(largest T) (out Set[T]) {
	if largest == 0 {
		return out
	}
	for _, r := range s.ranges {
		a, b := r.First, r.Last
		if a == 0 {
			a = largest
		}
		if b == 0 {
			b = largest
		}
		if a > b {
			a, b = b, a
		}
		if a > largest {
			continue
		}
		out.AddRange(a, min(b, largest))
	}
	return out
}

// Len returns how many numbers the set holds; "*" counts as one.
func (s Set[T]) Len() int {
	n := 0
	for _, r := range s.ranges {
		if r.Last == 0 {
			n++
			if r.First == 0 {
				continue
			}
			n++ // open end: at least its first number and "*"
			continue
		}
		n += int(r.Last-r.First) + 1
	}
	return n
}

// Contains reports whether n is in the set. An open range n:* contains every number from n on.
func (s Set[T]) Contains(n T) bool {
	if len(s.ranges) == 1 { // "1:*" and the like, asked for every message
		return key(s.ranges[0].First) <= key(n) && key(n) <= key(s.ranges[0].Last)
	}
	i, _ := slices.BinarySearchFunc(s.ranges, n, func(r Range[T], n T) int {
		return cmp.Compare(key(r.Last), key(n))
	})
	return i < len(s.ranges) && key(s.ranges[i].First) <= key(n)
}

// All yields the numbers in ascending order. It must not be used on a set with "*".
func (s Set[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, r := range s.ranges {
			for n := r.First; ; n++ {
				if !yield(n) {
					return
				}
				if n >= r.Last {
					break
				}
			}
		}
	}
}

// Backward yields the numbers in descending order. It must not be used on a set with "*".
func (s Set[T]) Backward() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, r := range slices.Backward(s.ranges) {
			for n := r.Last; ; n-- {
				if !yield(n) {
					return
				}
				if n <= r.First {
					break
				}
			}
		}
	}
}

// Min returns the lowest number, 0 for an empty set.
func (s Set[T]) Min() T {
	if len(s.ranges) == 0 {
		return 0
	}
	return s.ranges[0].First
}

// Max returns the highest number, 0 for an empty set or one that ends in "*".
func (s Set[T]) Max() T {
	if len(s.ranges) == 0 {
		return 0
	}
	return s.ranges[len(s.ranges)-1].Last
}

// Clone returns a copy that shares nothing with s.
func (s Set[T]) Clone() Set[T] { return Set[T]{slices.Clone(s.ranges)} }

// Equal reports whether both sets hold the same numbers.
func (s Set[T]) Equal(t Set[T]) bool { return slices.Equal(s.ranges, t.ranges) }

// Union returns the numbers of either set.
func (s Set[T]) Union(t Set[T]) Set[T] {
	out := Set[T]{make([]Range[T], 0, len(s.ranges)+len(t.ranges))}
	for a, b := s.ranges, t.ranges; len(a)+len(b) > 0; {
		if len(b) == 0 || len(a) > 0 && key(a[0].First) <= key(b[0].First) {
			out.AddRange(a[0].First, a[0].Last)
			a = a[1:]
		} else {
			out.AddRange(b[0].First, b[0].Last)
			b = b[1:]
		}
	}
	return out
}

// Intersect returns the numbers of both sets. Neither may contain "*".
func (s Set[T]) Intersect(t Set[T]) (out Set[T]) {
	i, j := 0, 0
	for i < len(s.ranges) && j < len(t.ranges) {
		a, b := s.ranges[i], t.ranges[j]
		if lo, hi := max(a.First, b.First), min(a.Last, b.Last); lo <= hi {
			out.AddRange(lo, hi)
		}
		if a.Last < b.Last {
			i++
		} else {
			j++
		}
	}
	return out
}

// Minus returns the numbers of s that are not in t. Neither may contain "*".
func (s Set[T]) Minus(t Set[T]) (out Set[T]) {
	j := 0
	for _, r := range s.ranges {
		first, done := r.First, false
		for j < len(t.ranges) && t.ranges[j].Last < first {
			j++
		}
		for k := j; k < len(t.ranges) && t.ranges[k].First <= r.Last; k++ {
			if t.ranges[k].First > first {
				out.AddRange(first, t.ranges[k].First-1)
			}
			if t.ranges[k].Last >= r.Last {
				done = true
				break
			}
			first = t.ranges[k].Last + 1
		}
		if !done {
			out.AddRange(first, r.Last)
		}
	}
	return out
}

// Chunks splits the set so that each piece is at most maxEncoded octets long when written, for
// servers that limit the length of a command. A single range is never split.
func (s Set[T]) Chunks(maxEncoded int) iter.Seq[Set[T]] {
	return func(yield func(Set[T]) bool) {
		start, size := 0, 0
		for i, r := range s.ranges {
			n := len(appendRange(nil, r)) + 1
			if size+n > maxEncoded && i > start {
				if !yield(Set[T]{s.ranges[start:i:i]}) {
					return
				}
				start, size = i, 0
			}
			size += n
		}
		if start < len(s.ranges) {
			yield(Set[T]{s.ranges[start:]})
		}
	}
}

// String returns the set as it stands in a command, "" when it is empty.
func (s Set[T]) String() string { return string(s.AppendTo(nil)) }

// AppendTo appends the set as it stands in a command.
func (s Set[T]) AppendTo(dst []byte) []byte {
	for i, r := range s.ranges {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRange(dst, r)
	}
	return dst
}

func appendRange[T Num](dst []byte, r Range[T]) []byte {
	dst = appendNum(dst, r.First)
	if r.First != r.Last {
		dst = appendNum(append(dst, ':'), r.Last)
	}
	return dst
}

func appendNum[T Num](dst []byte, n T) []byte {
	if n == 0 {
		return append(dst, '*')
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}

// ErrBadSet is what the Parse functions return for text that is not a sequence-set.
var ErrBadSet = errors.New("imap: not a sequence set")

// ParseUIDSet parses a sequence-set of UIDs (RFC 9051 §9).
func ParseUIDSet(s string) (UIDSet, error) { return parseSet[UID](s) }

// ParseSeqSet parses a sequence-set of sequence numbers (RFC 9051 §9).
func ParseSeqSet(s string) (SeqSet, error) { return parseSet[SeqNum](s) }

func parseSet[T Num](s string) (out Set[T], err error) {
	ranges, err := ParseRanges[T](s)
	if err != nil {
		return out, err
	}
	// In order, so that AddRange only ever appends: any order costs the same.
	for i, r := range ranges {
		if key(r.First) > key(r.Last) {
			ranges[i] = Range[T]{r.Last, r.First}
		}
	}
	slices.SortFunc(ranges, func(a, b Range[T]) int { return cmp.Compare(key(a.First), key(b.First)) })
	for _, r := range ranges {
		out.AddRange(r.First, r.Last)
	}
	return out, nil
}

// ParseRanges parses a sequence-set and keeps the order in which it was written, which matters in
// COPYUID (RFC 4315 §3).
func ParseRanges[T Num](s string) ([]Range[T], error) {
	var out []Range[T]
	for i := 0; ; {
		first, n := parseNum[T](s[i:])
		if n == 0 {
			return nil, ErrBadSet
		}
		i += n
		last := first
		if i < len(s) && s[i] == ':' {
			i++
			if last, n = parseNum[T](s[i:]); n == 0 {
				return nil, ErrBadSet
			}
			i += n
		}
		out = append(out, Range[T]{first, last})
		if i == len(s) {
			return out, nil
		}
		if s[i] != ',' {
			return nil, ErrBadSet
		}
		i++
	}
}

// parseNum parses nz-number or "*" at the start of s and returns how many octets it took.
func parseNum[T Num](s string) (v T, n int) {
	if s != "" && s[0] == '*' {
		return 0, 1
	}
	var x uint64
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		x = x*10 + uint64(s[n]-'0')
		if x > 1<<32-1 {
			return 0, 0
		}
		n++
	}
	if n == 0 || s[0] == '0' {
		return 0, 0
	}
	return T(x), n
}
