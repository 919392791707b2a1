package message

import (
	"bytes"
	"io"
)

// Needles are texts that are looked for together, without regard to case, as SEARCH does: however
// many they are, a message is read and decoded once. It is used by one goroutine at a time.
type Needles struct {
	numbers map[needle]int
	list    []needle
	texts   [][]byte // of the list
	octets  int
	longest int // octets

	// auto finds the texts when they are more than fewNeedles; byText are those who look for them.
	auto   *automaton
	byText [][]int

	found          []bool
	total, missing [2]int // how many there are, and have not been found; in the second those for headers too

	window window // of the text that is read, when they are few
	node   int32  // of the automaton
	// seen says at which reading a node was passed, in bodies and in headers: what ends there has been
	// found by then.
	seen    [2][]uint32
	reading uint32
	buf     []byte
}

// needle is one of them.
type needle struct {
	text    string // prepared by Fold
	headers bool   // look into headers too
}

// place is where those are counted that are looked for in headers too, or not.
func place(headers bool) int {
	if headers {
		return 1
	}
	return 0
}

// fewNeedles is how many are looked for one by one, which is faster for so many.
const fewNeedles = 4

// Add adds a UTF-8 text, to be looked for in bodies or with headers in those too, and returns its
// number. The same text has the same number. Nothing is added any more once Reset has been called.
func (n *Needles) Add(text string, headers bool) int {
	x := needle{string(Fold(nil, []byte(text))), headers}
	if i, ok := n.numbers[x]; ok {
		return i
	}
	if n.numbers == nil {
		n.numbers = map[needle]int{}
	}
	i := len(n.list)
	n.numbers[x], n.list, n.texts = i, append(n.list, x), append(n.texts, []byte(x.text))
	n.total[place(headers)]++
	n.octets += len(x.text)
	n.longest = max(n.longest, len(x.text))
	return i
}

// Len returns how many different texts there are.
func (n *Needles) Len() int { return len(n.list) }

// Octets returns how long they are together, as they are compared; a search takes about 30 times the
// memory when they are many.
func (n *Needles) Octets() int { return n.octets }

// Found reports whether a text has been found since the last Reset.
func (n *Needles) Found(number int) bool { return n.found[number] }

// Reset forgets what was found: another message is searched. It is called before the first too.
func (n *Needles) Reset() {
	if n.found == nil {
		n.compile()
	}
	clear(n.found)
	n.missing = n.total
	if cap(n.window.folded) > 64<<10 {
		n.window.folded = nil // a text was very long
	}
	if n.reading++; n.reading == 0 { // once in four thousand million messages
		clear(n.seen[0])
		clear(n.seen[1])
		n.reading = 1
	}
}

func (n *Needles) compile() {
	n.found = make([]bool, len(n.list))
	if len(n.list) <= fewNeedles {
		return
	}
	known := map[string]int{}
	var texts [][]byte
	for i, x := range n.list {
		if x.text == "" {
			continue
		}
		t, ok := known[x.text]
		if !ok {
			t = len(texts)
			known[x.text], texts, n.byText = t, append(texts, n.texts[i]), append(n.byText, nil)
		}
		n.byText[t] = append(n.byText[t], i)
	}
	n.auto = newAutomaton(texts)
	for i := range n.seen {
		n.seen[i] = make([]uint32, len(n.auto.label))
	}
}

// SearchString looks for the texts in s, a UTF-8 text. The empty text is found in every one.
func (n *Needles) SearchString(s string) {
	n.begin()
	n.findEmpty()
	n.look([]byte(s), true, true)
}

// SearchMessage looks for them in what SearchText yields of a message. It stops when all have been
// found. The empty text is found in every message. The error is ra's.
func (n *Needles) SearchMessage(ra io.ReaderAt, st *Structure) (err error) {
	n.findEmpty()
	headers := n.missing[1] > 0
	if n.missing[0] == 0 && !headers {
		return nil
	}
	yieldTexts(ra, st.Root, headers, func(r io.Reader, inHeader bool, failed error) bool {
		if err = failed; err == nil {
			err = n.search(r, inHeader)
		}
		return err == nil && n.missing != [2]int{}
	})
	return err
}

// begin begins another text, in which none goes on that was in the last.
func (n *Needles) begin() { n.window.folded, n.node = n.window.folded[:0], 0 }

func (n *Needles) findEmpty() {
	for i, x := range n.list {
		if x.text == "" {
			n.find(i)
		}
	}
}

func (n *Needles) find(i int) {
	if !n.found[i] {
		n.found[i] = true
		n.missing[place(n.list[i].headers)]--
	}
}

// search looks for them in one text, until nothing is missing that may be in it.
func (n *Needles) search(r io.Reader, inHeader bool) error {
	if n.buf == nil {
		n.buf = make([]byte, 32<<10)
	}
	n.begin()
	for have := 0; n.missing[1] > 0 || n.missing[0] > 0 && !inHeader; {
		k, err := r.Read(n.buf[have:])
		have += k
		whole := have
		if err == nil {
			whole -= partialRune(n.buf[:have])
		}
		n.look(n.buf[:whole], inHeader, err != nil)
		have = copy(n.buf, n.buf[whole:have])
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// look looks for them in the next piece of a text.
func (n *Needles) look(piece []byte, inHeader, last bool) {
	if n.auto != nil {
		n.window.folded = Fold(n.window.folded[:0], piece)
		n.run(n.window.folded, inHeader)
		return
	}
	w := &n.window
	w.folded = Fold(w.folded, piece)
	for i := range n.list {
		if !n.found[i] && (n.list[i].headers || !inHeader) && bytes.Contains(w.folded, n.texts[i]) {
			n.find(i)
		}
	}
	if keep := n.longest - 1; !last && len(w.folded) > keep {
		w.folded = w.folded[:copy(w.folded, w.folded[len(w.folded)-max(keep, 0):])]
	}
}

// run runs the automaton over the next piece. A node is left out that was passed before in the same
// message, with all that end on the way back from it.
func (n *Needles) run(folded []byte, inHeader bool) {
	a, node, seen := n.auto, n.node, n.seen[place(inHeader)]
	for _, octet := range folded {
		if node == 0 {
			node = a.root[octet]
		} else {
			node = a.next(node, octet)
		}
		for at := node; at != 0 && seen[at] != n.reading; at = a.inside[at] {
			seen[at] = n.reading
			if text := a.text[at]; text >= 0 {
				for _, i := range n.byText[text] {
					if n.list[i].headers || !inHeader {
						n.find(i)
					}
				}
			}
		}
	}
	n.node = node
}
