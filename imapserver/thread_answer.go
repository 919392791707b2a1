package imapserver

import (
	"restante/imapwire"
)

// maxThreadNesting is how deep parentheses go in an answer. What is deeper in a thread follows as if each
// message were an answer to the one before it.
const maxThreadNesting = 1000

// answer tells the threads with these heads:
//
//	thread-data    = "THREAD" [SP 1*thread-list]
//	thread-list    = "(" (thread-members / thread-nested) ")"
//	thread-members = nz-number *(SP nz-number) [SP thread-nested]
//	thread-nested  = 2*thread-list
//
// of RFC 5256 §5.
func (t *threader) answer(heads []threadIndex, uid bool) error {
	w := threadWriter{t: t, uid: uid}
	t.c.acquire(true)
	t.c.out = append(t.c.out, "* THREAD"...)
	if len(heads) > 0 {
		t.c.out = append(t.c.out, ' ')
	}
	for _, head := range heads {
		if err := w.thread(head); err != nil {
			return err
		}
	}
	t.c.out = append(t.c.out, "\r\n"...)
	return nil
}

// threadWriter writes threads.
type threadWriter struct {
	t    *threader
	uid  bool
	open []threadIndex // the first members of the lists that are open
	rest []threadIndex // what is deeper than they go
}

// thread writes one thread.
func (w *threadWriter) thread(head threadIndex) error {
	t := w.t
	w.begin(head)
	for i := head; ; {
		w.member(i)
		if err := t.c.room(); err != nil {
			return err
		}
		child := t.first[i]
		switch {
		case child != 0 && t.next[child] == 0:
			t.c.out = append(t.c.out, ' ')
			i = child
			continue
		case child != 0 && len(w.open) < maxThreadNesting:
			if t.message(i) {
				t.c.out = append(t.c.out, ' ')
			}
			w.begin(child)
			i = child
			continue
		case child != 0:
			if err := w.flat(child); err != nil {
				return err
			}
		}
		if i = w.end(); i == 0 {
			return nil
		}
	}
}

// begin opens a list.
func (w *threadWriter) begin(i threadIndex) {
	w.open = append(w.open, i)
	w.t.c.out = append(w.t.c.out, '(')
}

// end closes lists until there is a sibling of one, whose list it opens and which it returns. It returns
// 0 when the thread is at its end.
func (w *threadWriter) end() threadIndex {
	for {
		w.t.c.out = append(w.t.c.out, ')')
		i := w.open[len(w.open)-1]
		w.open = w.open[:len(w.open)-1]
		if len(w.open) == 0 {
			return 0
		}
		if sibling := w.t.next[i]; sibling != 0 {
			w.begin(sibling)
			return sibling
		}
	}
}

// flat writes siblings and all that is below them.
func (w *threadWriter) flat(i threadIndex) error {
	for w.rest = append(w.rest[:0], i); len(w.rest) > 0; {
		i = w.rest[len(w.rest)-1]
		w.rest = w.rest[:len(w.rest)-1]
		for _, more := range [...]threadIndex{w.t.next[i], w.t.first[i]} {
			if more != 0 {
				w.rest = append(w.rest, more)
			}
		}
		w.t.c.out = append(w.t.c.out, ' ')
		w.member(i)
		if err := w.t.c.room(); err != nil {
			return err
		}
	}
	return nil
}

// member writes the number of a message; a dummy has none.
func (w *threadWriter) member(i threadIndex) {
	if w.t.message(i) {
		w.t.c.out = imapwire.AppendNumber(w.t.c.out, w.t.hits[i-1].number(w.uid))
	}
}
