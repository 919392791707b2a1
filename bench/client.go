package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"time"
)

// client is as thin as a client can be: it writes commands and counts what comes back, so that
// the server is what is measured.
type client struct {
	nc   net.Conn
	buf  []byte
	tail []byte // the start of the last line, as far as it was read
	tag  int
}

func dial(addr string) (*client, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{nc: nc, buf: make([]byte, 256<<10)}
	if _, err := c.until(func(last []byte) bool { return bytes.HasPrefix(last, []byte("* OK")) }); err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return c, nil
}

func login(addr, user, password string) (*client, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	_, err = c.do(fmt.Sprintf("LOGIN %s %q", user, password))
	return c, err
}

// until reads until the last complete line is one that the client waits for, and returns how many
// octets it read. Nothing may come behind that line.
func (c *client) until(done func(last []byte) bool) (int64, error) {
	var total int64
	c.tail = c.tail[:0]
	for {
		c.nc.SetReadDeadline(time.Now().Add(5 * time.Minute))
		n, err := c.nc.Read(c.buf)
		if err != nil {
			return total, err
		}
		total += int64(n)
		b := c.buf[:n]
		// Only the end matters: the line that the octets end with.
		ended := b[n-1] == '\n'
		line := b
		if ended {
			line = b[:n-1]
		}
		if i := bytes.LastIndexByte(line, '\n'); i >= 0 {
			c.tail = c.tail[:0]
			line = line[i+1:]
		}
		if room := 512 - len(c.tail); room > 0 {
			c.tail = append(c.tail, line[:min(room, len(line))]...)
		}
		if ended {
			if done(c.tail) {
				return total, nil
			}
			c.tail = c.tail[:0]
		}
	}
}

// do sends a command and waits for its OK. It returns how many octets the answer had.
func (c *client) do(command string) (int64, error) {
	c.tag++
	tag := fmt.Sprintf("b%d ", c.tag)
	if _, err := io.WriteString(c.nc, tag+command+"\r\n"); err != nil {
		return 0, err
	}
	return c.wait(tag, command)
}

func (c *client) wait(tag, command string) (int64, error) {
	n, err := c.until(func(last []byte) bool { return bytes.HasPrefix(last, []byte(tag)) })
	if err != nil {
		return n, fmt.Errorf("%.60s: %w", command, err)
	}
	if !bytes.HasPrefix(c.tail[len(tag):], []byte("OK")) {
		return n, fmt.Errorf("%.60s: %s", command, c.tail)
	}
	return n, nil
}

// append sends a message as a non-synchronising literal, in one write.
func (c *client) append(mailbox string, flags string, date time.Time, msg []byte) error {
	c.tag++
	tag := fmt.Sprintf("b%d ", c.tag)
	b := fmt.Appendf(nil, "%sAPPEND %s (%s) \"%s\" {%d+}\r\n", tag, mailbox, flags, date.Format("_2-Jan-2006 15:04:05 -0700"), len(msg))
	b = append(append(b, msg...), "\r\n"...)
	if _, err := c.nc.Write(b); err != nil {
		return err
	}
	_, err := c.wait(tag, "APPEND")
	return err
}

func (c *client) close() { c.nc.Close() }
