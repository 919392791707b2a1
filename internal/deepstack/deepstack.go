// Package deepstack keeps the stacks of sessions small. A goroutine's stack that has grown mostly stays
// as large, and a session may do nothing but IDLE for the rest of its days.
package deepstack

import (
	"fmt"
	"runtime/debug"
)

// Run calls f on a goroutine of its own and returns when it is done: the caller's stack does not grow,
// however deep f goes. A panic of f is one of Run, with f's stack in it.
func Run(f func() error) (err error) {
	done := make(chan struct{})
	var panicked error
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				panicked = fmt.Errorf("%v\n%s", p, debug.Stack())
			}
		}()
		err = f()
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return err
}
