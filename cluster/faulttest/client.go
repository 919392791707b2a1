package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// client is a connection that gives one command after the other. It is not imapclient, so that what
// was acknowledged is seen by other eyes.
type client struct {
	nc  net.Conn
	r   *bufio.Reader
	tag int
}

// patience is how long an answer is waited for: longer than a node tries to make a change.
const patience = 60 * time.Second

// errRefused is a tagged NO or BAD: it was not done, unless the server says that it does not know.
var errRefused = errors.New("refused")

// errUnknown is a NO [UNAVAILABLE], or a connection that ended: it was done or not.
var errUnknown = errors.New("nobody knows whether it was done")

// errBroken is a connection on which nothing more comes.
var errBroken = errors.New("the connection has ended")

// answerError is what the server has said that was no OK.
type answerError struct{ text string }

func (e *answerError) Error() string { return e.text }

func dial(addr, user, password string) (*client, error) {
	nc, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	c := &client{nc: nc, r: bufio.NewReaderSize(nc, 64<<10)}
	nc.SetDeadline(time.Now().Add(patience))
	if _, err := c.r.ReadString('\n'); err != nil {
		nc.Close()
		return nil, err
	}
	if _, err := c.do(fmt.Sprintf("LOGIN %s %s", user, password), nil, nil); err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

// deliver brings a message to one recipient by LMTP.
func deliver(addr, recipient string, text []byte) error {
	nc, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return errors.Join(errRefused, err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	c := textproto.NewConn(nc)
	if _, _, err := c.ReadResponse(220); err != nil {
		return errors.Join(errRefused, err)
	}
	for _, step := range []struct {
		line string
		code int
	}{{"LHLO faults.example", 250}, {"MAIL FROM:<>", 250}, {"RCPT TO:<" + recipient + ">", 250}, {"DATA", 354}} {
		if err := c.PrintfLine("%s", step.line); err != nil {
			return errors.Join(errRefused, err)
		}
		if _, _, err := c.ReadResponse(step.code); err != nil {
			return refusedDelivery(errRefused, err)
		}
	}
	if _, err := nc.Write(append(text, ".\r\n"...)); err != nil {
		return errors.Join(errUnknown, err)
	}
	_, _, err = c.ReadResponse(250)
	if err != nil {
		return refusedDelivery(errUnknown, err)
	}
	return nil
}

func refusedDelivery(kind, err error) error {
	var said *textproto.Error
	if errors.As(err, &said) {
		err = &answerError{"LMTP " + said.Error()}
	}
	return errors.Join(kind, err)
}

func (c *client) close() { c.nc.Close() }

// command is one of those that are sent together.
type command struct {
	text    string
	literal []byte // at its end, when there is one

	ok  string // the text of its OK
	err error
}

// do gives a command, with a literal at its end when there is one, and returns the text of its OK.
// untagged gets each untagged line, with what its literals held.
func (c *client) do(text string, literal []byte, untagged func(line string, literals [][]byte)) (string, error) {
	all := []command{{text: text, literal: literal}}
	c.doAll(all, untagged)
	return all[0].ok, all[0].err
}

// doAll gives commands without waiting between them, and notes what became of each.
func (c *client) doAll(all []command, untagged func(line string, literals [][]byte)) {
	var lines []byte
	first := c.tag + 1
	for i := range all {
		c.tag++
		all[i].err = errUnknown
		lines = fmt.Appendf(lines, "t%d %s", c.tag, all[i].text)
		if literal := all[i].literal; literal != nil {
			lines = fmt.Appendf(lines, " {%d+}\r\n%s", len(literal), literal)
		}
		lines = append(lines, "\r\n"...)
	}
	c.nc.SetDeadline(time.Now().Add(patience))
	if _, err := c.nc.Write(lines); err != nil {
		all[0].err = errors.Join(errUnknown, err)
		return
	}
	for i := range all {
		tag := fmt.Sprintf("t%d ", first+i)
		if all[i].ok, all[i].err = c.answer(tag, untagged); errors.Is(all[i].err, errBroken) {
			return
		}
	}
}

// answer waits for the tagged response to a command.
func (c *client) answer(tag string, untagged func(line string, literals [][]byte)) (string, error) {
	for {
		line, literals, err := c.line()
		switch {
		case err != nil:
			return "", errors.Join(errUnknown, errBroken, err)
		case strings.HasPrefix(line, tag+"OK"):
			return line[len(tag):], nil
		case strings.HasPrefix(line, tag) && strings.Contains(line, "[UNAVAILABLE]"):
			return "", errors.Join(errUnknown, &answerError{line[len(tag):]})
		case strings.HasPrefix(line, tag):
			return "", errors.Join(errRefused, &answerError{line[len(tag):]})
		case strings.HasPrefix(line, "* BYE"):
			return "", errors.Join(errUnknown, errBroken, &answerError{line[2:]})
		case untagged != nil:
			untagged(line, literals)
		}
	}
}

var literalEnd = regexp.MustCompile(`\{(\d+)\}$`)

// line reads a line and its literals, of which the line keeps only the places.
func (c *client) line() (string, [][]byte, error) {
	var line strings.Builder
	var literals [][]byte
	for {
		part, err := c.r.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		part = strings.TrimRight(part, "\r\n")
		line.WriteString(part)
		m := literalEnd.FindStringSubmatch(part)
		if m == nil {
			return line.String(), literals, nil
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return "", nil, err
		}
		octets := make([]byte, n)
		if _, err := io.ReadFull(c.r, octets); err != nil {
			return "", nil, err
		}
		literals = append(literals, octets)
	}
}
