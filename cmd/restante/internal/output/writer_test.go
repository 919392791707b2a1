package output

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestQueue lets the last begin first: what they write comes in the order of their places.
func TestQueue(t *testing.T) {
	var b strings.Builder
	q := Queue{W: &b}
	var want strings.Builder
	var tasks sync.WaitGroup
	begun := make([]chan struct{}, 5)
	for i := range begun {
		begun[i] = make(chan struct{})
	}
	for i := range begun {
		turn := q.Turn()
		fmt.Fprintf(&want, "%d\n%d again\n", i, i)
		tasks.Go(func() {
			defer turn.Done()
			if i+1 < len(begun) {
				<-begun[i+1]
			}
			close(begun[i])
			if i == 3 {
				turn.Wait() // does not write through Write, but in its turn
			}
			fmt.Fprintf(turn, "%d\n", i)
			fmt.Fprintf(turn, "%d again\n", i)
		})
	}
	tasks.Wait()
	if b.String() != want.String() {
		t.Errorf("%s\nwant\n%s", &b, &want)
	}
}
