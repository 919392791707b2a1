package deepstack

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	if err := Run(func() error { return io.EOF }); err != io.EOF {
		t.Error(err)
	}
	if err := Run(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestPanic(t *testing.T) {
	defer func() {
		err, _ := recover().(error)
		if err == nil || !strings.HasPrefix(err.Error(), "deep trouble\n") || !strings.Contains(err.Error(), "TestPanic") {
			t.Errorf("the caller is told %v", err)
		}
	}()
	Run(func() error { panic(errors.New("deep trouble")) })
	t.Error("the panic was lost")
}
