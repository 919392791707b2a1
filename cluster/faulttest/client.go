package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	end func() bool // of the context's watch
}

// patience is how long the next response is waited for: longer than a node tries to make a change.
const patience = 2 * time.Minute

var (
	// errRefused is a tagged NO or BAD: it was not done.
	errRefused = errors.New("refused")
	// errUnknown is a NO [UNAVAILABLE], or a connection that ended: it was done, or not, or will be.
	errUnknown = errors.New("nobody knows whether it was done")
	// errBroken is a connection on which nothing more comes.
	errBroken = errors.New("the connection has ended")
)

// answerError is what the server has said that was no OK.
type answerError struct{ text string }

func (e *answerError) Error() string { return e.text }

// connect opens a connection that ends with the context.
func connect(ctx context.Context, addr string) (net.Conn, func() bool, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	nc.SetDeadline(time.Now().Add(patience))
	return nc, context.AfterFunc(ctx, func() { nc.Close() }), nil
}

// dial logs in. The connection ends with the context.
func dial(ctx context.Context, addr, user, password string) (*client, error) {
	nc, end, err := connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &client{nc: nc, r: bufio.NewReaderSize(nc, 64<<10), end: end}
	if _, err = c.r.ReadString('\n'); err == nil {
		_, err = c.do(fmt.Sprintf("LOGIN %s %s", user, password), nil, nil)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() {
	c.end()
	c.nc.Close()
}

// command is one of those that are sent together.
type command struct {
	text    string
	literal []byte // at its end, when there is one

	ok  string // the text of its OK
	err error
}

// untagged gets an untagged line, in which literals are left out, and what they held.
type untagged func(line string, literals [][]byte)

// do gives a command, with a literal at its end when there is one, and returns the text of its OK.
func (c *client) do(text string, literal []byte, each untagged) (string, error) {
	all := []command{{text: text, literal: literal}}
	c.doAll(all, each)
	return all[0].ok, all[0].err
}

// doAll gives commands without waiting between them, and notes what became of each.
func (c *client) doAll(all []command, each untagged) {
	var lines []byte
	first := c.tag + 1
	for i := range all {
		c.tag++
		all[i].err = errors.Join(errUnknown, errBroken)
		lines = fmt.Appendf(lines, "t%d %s", c.tag, all[i].text)
		if literal := all[i].literal; literal != nil {
			lines = fmt.Appendf(lines, " {%d+}\r\n%s", len(literal), literal)
		}
		lines = append(lines, "\r\n"...)
	}
	c.nc.SetDeadline(time.Now().Add(patience))
	if _, err := c.nc.Write(lines); err != nil {
		return
	}
	for i := range all {
		tag := fmt.Sprintf("t%d ", first+i)
		if all[i].ok, all[i].err = c.answer(tag, each); errors.Is(all[i].err, errBroken) {
			return
		}
	}
}

// answer waits for the tagged response to a command.
func (c *client) answer(tag string, each untagged) (string, error) {
	for {
		c.nc.SetDeadline(time.Now().Add(patience))
		line, literals, err := c.line()
		switch {
		case err != nil:
			return "", errors.Join(errUnknown, errBroken, err)
		case strings.HasPrefix(line, tag+"OK "):
			return line[len(tag):], nil
		case strings.HasPrefix(line, tag+"NO [UNAVAILABLE]"):
			return "", errors.Join(errUnknown, &answerError{line[len(tag):]})
		case strings.HasPrefix(line, tag):
			return "", errors.Join(errRefused, &answerError{line[len(tag):]})
		case strings.HasPrefix(line, "* BYE"):
			return "", errors.Join(errUnknown, errBroken, &answerError{line[2:]})
		case each != nil:
			each(line, literals)
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
