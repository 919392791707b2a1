package message

import (
	"bytes"
	"slices"
)

// automaton finds all of a set of texts in one pass over another (Aho and Corasick, 1975). It is a
// tree whose nodes stand for the beginnings of the texts, numbered level by level, so that the
// children of a node have numbers in a row; a node takes about 20 octets.
type automaton struct {
	label  []byte  // the octet that leads to a node
	first  []int32 // the children of node n are first[n] up to first[n+1]
	back   []int32 // the node of the longest other end of the node's text that is in the tree
	text   []int32 // which text ends at the node; none: -1
	inside []int32 // the next node on the way back at which a text ends; none: 0
	root   [256]int32
}

// newAutomaton returns the automaton of texts, which are all different, and not empty.
func newAutomaton(texts [][]byte) *automaton {
	order := make([]int32, len(texts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return bytes.Compare(texts[a], texts[b]) })
	a := &automaton{label: []byte{0}, back: []int32{0}, text: []int32{-1}, inside: []int32{0}}
	// The texts that begin as a node does stand in a row in their order.
	type span struct{ from, to, depth int32 }
	spans := []span{{0, int32(len(texts)), 0}}
	for n := 0; n < len(spans); n++ {
		s := spans[n]
		a.first = append(a.first, int32(len(a.label)))
		if s.from < s.to && int(s.depth) == len(texts[order[s.from]]) {
			s.from++ // ends here
		}
		for s.from < s.to {
			octet, to := texts[order[s.from]][s.depth], s.from+1
			for to < s.to && texts[order[to]][s.depth] == octet {
				to++
			}
			ends := int32(-1)
			if len(texts[order[s.from]]) == int(s.depth)+1 {
				ends = order[s.from]
			}
			a.add(int32(n), octet, ends)
			spans = append(spans, span{s.from, to, s.depth + 1})
			s.from = to
		}
	}
	a.first = append(a.first, int32(len(a.label)))
	return a
}

// add adds a node below a parent, whose children are the last so far.
func (a *automaton) add(parent int32, octet byte, ends int32) {
	back := int32(0)
	if parent == 0 {
		a.root[octet] = int32(len(a.label))
	} else {
		back = a.next(a.back[parent], octet)
	}
	inside := a.inside[back]
	if a.text[back] >= 0 {
		inside = back
	}
	a.label = append(a.label, octet)
	a.back = append(a.back, back)
	a.text = append(a.text, ends)
	a.inside = append(a.inside, inside)
}

// next returns the node that follows n when octet has been read.
func (a *automaton) next(n int32, octet byte) int32 {
	for n != 0 {
		if i := bytes.IndexByte(a.label[a.first[n]:a.first[n+1]], octet); i >= 0 {
			return a.first[n] + int32(i)
		}
		n = a.back[n]
	}
	return a.root[octet]
}
