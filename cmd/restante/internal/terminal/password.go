package terminal

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// CanAsk reports whether there is a terminal to ask something on.
func CanAsk() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// AskPassword writes the prompt to w and reads a password from the terminal, without showing it,
// until ctx ends.
func AskPassword(ctx context.Context, w io.Writer, prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(w, prompt)
	type answer struct {
		password []byte
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		answers <- answer{b, err}
	}()
	select {
	case a := <-answers:
		fmt.Fprintln(w)
		return string(a.password), a.err
	case <-ctx.Done():
		// The read cannot be ended but by the end of the process, which follows; the terminal has
		// to be as it was by then.
		term.Restore(fd, before)
		fmt.Fprintln(w)
		return "", context.Canceled
	}
}
