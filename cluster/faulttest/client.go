package main

import (
	"bufio"
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
}

// patience is how long an answer is waited for: longer than a node tries to make a change.
const patience = 60 * time.Second

// errRefused is a tagged NO or BAD: it was not done, unless the server says that it does not know.
var errRefused = errors.New("refused")

// errUnknown is a NO [UNAVAILABLE], or a connection that ended: it was done or not.
var errUnknown = errors.New("nobody knows whether it was done")

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

func (c *client) close() { c.nc.Close() }

// do gives a command, with a literal at its end when there is one, and returns the text of its OK.
// untagged gets each untagged line, with what its literals held.
func (c *client) do(command string, literal []byte, untagged func(line string, literals [][]byte)) (string, error) {
	c.tag++
	tag := fmt.Sprintf("t%d ", c.tag)
	c.nc.SetDeadline(time.Now().Add(patience))
	line := tag + command
	if literal != nil {
		line += fmt.Sprintf(" {%d+}\r\n%s", len(literal), literal)
	}
	if _, err := io.WriteString(c.nc, line+"\r\n"); err != nil {
		return "", errors.Join(errUnknown, err)
	}
	for {
		line, literals, err := c.line()
		switch {
		case err != nil:
			return "", errors.Join(errUnknown, err)
		case strings.HasPrefix(line, tag+"OK"):
			return line[len(tag):], nil
		case strings.HasPrefix(line, tag) && strings.Contains(line, "[UNAVAILABLE]"):
			return "", errors.Join(errUnknown, errors.New(line))
		case strings.HasPrefix(line, tag):
			return "", errors.Join(errRefused, errors.New(line))
		case strings.HasPrefix(line, "* BYE"):
			return "", errors.Join(errUnknown, errors.New(line))
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
