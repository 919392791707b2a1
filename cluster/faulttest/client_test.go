package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// silence is no answer.
const silence = "-"

// script takes a connection, and answers each line that comes with what serve returns; "" ends it.
func script(t *testing.T, greeting string, serve func(line string) string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		fmt.Fprint(nc, greeting)
		for lines := bufio.NewScanner(nc); lines.Scan(); {
			switch answer := serve(lines.Text()); answer {
			case "":
				return
			case silence:
			default:
				fmt.Fprint(nc, answer)
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// login dials a script.
func login(t *testing.T, serve func(line string) string) *client {
	t.Helper()
	c, err := dial(t.Context(), script(t, "* OK hello\r\n", func(line string) string {
		if line == "t1 LOGIN ann secret" {
			return "t1 OK in\r\n"
		}
		return serve(line)
	}), "ann", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// What is refused was not done; what has no answer, or NO [UNAVAILABLE], was done or not.
func TestOutcomes(t *testing.T) {
	c := login(t, func(line string) string {
		switch tag, command, _ := strings.Cut(line, " "); command {
		case "done":
			return tag + " OK [APPENDUID 1 2] yes\r\n"
		case "refused":
			return tag + " NO [OVERQUOTA] no\r\n"
		case "open":
			return tag + " NO [UNAVAILABLE] later\r\n"
		case "odd":
			return tag + " BAD what\r\n"
		case "bye":
			return "* BYE I go\r\n"
		}
		return ""
	})
	all := []command{{text: "done"}, {text: "refused"}, {text: "open"}, {text: "odd"}, {text: "done"}, {text: "bye"}, {text: "done"}}
	c.doAll(all, nil)
	for i, want := range []state{yes, no, maybe, no, yes, maybe, maybe} {
		if got := outcome(all[i].err); got != want {
			t.Errorf("%d, %s: %v, want %v: %v", i, all[i].text, got, want, all[i].err)
		}
	}
	if !errors.Is(all[6].err, errBroken) || all[0].ok != "OK [APPENDUID 1 2] yes" {
		t.Errorf("%v, %q", all[6].err, all[0].ok)
	}
}

func TestConnectionEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := script(t, "* OK hello\r\n", func(line string) string {
		if strings.Contains(line, "LOGIN") {
			return "t1 OK in\r\n"
		}
		cancel()
		return "* OK wait for ever\r\n"
	})
	c, err := dial(ctx, addr, "ann", "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.do("NOOP", nil, nil); !errors.Is(err, errUnknown) || !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

func TestDeliveryOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		answer string // to the end of the message
		want   state
	}{
		"delivered":   {"250 2.0.0 done\r\n", yes},
		"later":       {"451 4.3.0 later\r\n", maybe},
		"connection":  {"", maybe},
		"no such box": {"no", no},
	} {
		t.Run(name, func(t *testing.T) {
			data := false
			addr := script(t, "220 hello\r\n", func(line string) string {
				switch {
				case data && line == ".":
					return test.answer
				case data:
					return silence
				case line == "DATA":
					data = true
					return "354 go on\r\n"
				case strings.HasPrefix(line, "RCPT") && test.answer == "no":
					return "550 5.1.1 nobody\r\n"
				}
				return "250 2.0.0 go on\r\n"
			})
			if got := outcome(deliver(t.Context(), addr, "ann@cluster.example", []byte("Subject: x\r\n\r\nbody\r\n"))); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
