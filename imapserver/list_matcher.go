package imapserver

import (
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
)

// listMatcher matches names against the patterns of a LIST, each behind the reference (RFC 9051
// §6.3.9). Many patterns cost little more than one, unless many begin with a wildcard or alike: a name
// is matched against those only that begin as it does.
type listMatcher struct {
	// byStart has the patterns, each once, by what stands before the first wildcard, as listKey has it.
	byStart map[string][]listPattern
	// starts are how long those are, ascending.
	starts []int
}

func newListMatcher(ref string, patterns []string) *listMatcher {
	m := &listMatcher{byStart: map[string][]listPattern{}}
	known := make(map[string]bool, len(patterns))
	for _, text := range patterns {
		p := newListPattern(ref + text)
		if known[p.text] {
			continue
		}
		known[p.text] = true
		start := listKey(p.text[:p.start()])
		m.byStart[start] = append(m.byStart[start], p)
		if i, found := slices.BinarySearch(m.starts, len(start)); !found {
			m.starts = slices.Insert(m.starts, i, len(start))
		}
	}
	return m
}

// listKey returns the start of a name or a pattern such that those have the same which may match: the
// first level INBOX is INBOX in any case (RFC 9051 §5.1).
func listKey(start string) string {
	n := min(len(start), len(imap.Inbox))
	if strings.EqualFold(start[:n], imap.Inbox[:n]) {
		return imap.Inbox[:n] + start[n:]
	}
	return start
}

// start returns how many octets stand before the first wildcard.
func (p *listPattern) start() int {
	if i := strings.IndexAny(p.text, "*%"); i >= 0 {
		return i
	}
	return len(p.text)
}

// match reports whether one of the patterns matches, and the work of finding that out, in steps.
func (m *listMatcher) match(name string) (matches bool, steps int) {
	for _, n := range m.starts {
		steps += 1 + n/8
		if n > len(name) {
			break
		}
		for _, p := range m.byStart[listKey(name[:n])] {
			steps += listPatternSteps
			switch rest := p.text[n:]; {
			case p.literals > len(name):
				continue
			case rest == "*", rest == "%" && strings.IndexByte(name[n:], mailbox.Delim) < 0:
				// Nothing but the start is to be compared.
				if p.text[:n] == name[:n] {
					return true, steps
				}
			case rest == "":
				if p.text == name {
					return true, steps
				}
			}
			steps += len(p.text) * len(name)
			if p.match(name) {
				return true, steps
			}
		}
	}
	return false, steps
}

const (
	// listPatternSteps is the work of looking at a pattern, besides its octets.
	listPatternSteps = 8
	// maxListSteps is how much work matching the names of one LIST may be, in steps: half a second's,
	// or so. 100,000 names of 30 octets beside ten patterns with two wildcards each are about as much.
	maxListSteps = 128 << 20
)

// matching returns which of the names match one of the patterns.
func (c *conn) matching(names []string, ref string, patterns []string) ([]bool, error) {
	m := newListMatcher(ref, patterns)
	matches := make([]bool, len(names))
	total := 0
	for i, name := range names {
		var steps int
		if matches[i], steps = m.match(name); steps > maxListSteps-total {
			return nil, no(imap.CodeLimit, "These are too many patterns for this many names; ask with fewer")
		}
		total += steps
		if err := c.next(steps); err != nil {
			return nil, err
		}
	}
	return matches, nil
}
