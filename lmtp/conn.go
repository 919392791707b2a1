package lmtp

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// conn is one connection. One goroutine runs it; mu is for Shutdown's.
type conn struct {
	server *Server
	nc     net.Conn
	br     *bufio.Reader // of the conn itself, which sets deadlines
	bw     *bufio.Writer
	log    *slog.Logger
	mu     struct {
		sync.Mutex
		busy     bool // with a message; not to be disturbed
		draining bool // Shutdown was called
	}

	helo    string // the client's name; "" before LHLO
	refused int    // commands
	tx      *transaction
	quit    bool
}

// transaction is a mail transaction, from MAIL to the replies after the message.
type transaction struct {
	from       address
	utf8       bool
	recipients []recipient
	message    *incoming // BDAT has begun
}

var errDraining = errors.New("lmtp: server is shutting down")

// Read reads from the client, with a deadline for each read.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.startRead(); err != nil {
		return 0, err
	}
	return c.nc.Read(p)
}

func (c *conn) startRead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.draining && !c.mu.busy {
		return errDraining
	}
	return c.nc.SetReadDeadline(time.Now().Add(c.server.limits.Idle))
}

// drain ends the connection as soon as it is not busy.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.draining = true
	if !c.mu.busy {
		c.nc.SetReadDeadline(time.Now())
	}
}

func (c *conn) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.draining
}

func (c *conn) setBusy(busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.busy = busy
}

func (c *conn) reply(r reply) { fmt.Fprintf(c.bw, "%s\r\n", r) }

// refuse counts a command that the client should not have sent.
func (c *conn) refuse(r reply) {
	c.refused++
	c.reply(r)
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.reset()
	c.reply(reply{220, "", c.server.name + " LMTP server ready"})
	for !c.quit {
		if c.isDraining() {
			c.reply(replyShutdown)
			break
		}
		if c.refused > c.server.limits.Errors {
			c.log.Info("connection ended: too many errors", "addr", c.nc.RemoteAddr(), "limit", c.server.limits.Errors)
			c.reply(replyManyErrors)
			break
		}
		// Replies to pipelined commands go together (RFC 2920 §3.2).
		if c.br.Buffered() == 0 && c.bw.Flush() != nil {
			return
		}
		line, err := c.readLine()
		if err != nil {
			if c.sayWhy(err) {
				break
			}
			return
		}
		if line == nil {
			c.refuse(replyLong)
			continue
		}
		c.command(string(line))
	}
	c.bw.Flush()
}

// sayWhy tells a client that is still there why the connection ends.
func (c *conn) sayWhy(err error) bool {
	switch {
	case errors.Is(err, errDraining) || c.isDraining():
		c.reply(replyShutdown)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.reply(replyIdle)
	default:
		return false
	}
	return true
}

// readLine returns a command without its line end, or nil for one that is too long.
func (c *conn) readLine() ([]byte, error) {
	line, err := c.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		for err == bufio.ErrBufferFull {
			_, err = c.br.ReadSlice('\n')
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

var commands = map[string]func(c *conn, args string){
	"LHLO": (*conn).lhlo,
	"MAIL": (*conn).mail,
	"RCPT": (*conn).rcpt,
	"DATA": (*conn).data,
	"BDAT": (*conn).bdat,
	"RSET": (*conn).rset,
	"NOOP": func(c *conn, _ string) { c.reply(replyOK) },
	"VRFY": func(c *conn, _ string) {
		c.reply(reply{252, "2.5.0", "Send some mail, and see"})
	},
	"HELP": func(c *conn, _ string) { c.reply(reply{214, "2.0.0", "This is LMTP, RFC 2033"}) },
	"QUIT": func(c *conn, _ string) {
		c.quit = true
		c.reply(reply{221, "2.0.0", "Bye"})
	},
	"HELO": (*conn).notSMTP,
	"EHLO": (*conn).notSMTP,
}

func (c *conn) command(line string) {
	verb, args, _ := strings.Cut(line, " ")
	run, ok := commands[strings.ToUpper(verb)]
	if !ok {
		c.refuse(replyUnknown)
		return
	}
	run(c, strings.TrimSpace(args))
}

// notSMTP refuses the greetings of SMTP (RFC 2033 §4.1).
func (c *conn) notSMTP(string) { c.refuse(replyUnknown.with("This is LMTP, say LHLO")) }

func (c *conn) lhlo(args string) {
	name, _, _ := strings.Cut(args, " ")
	if !isHostName(name) {
		c.refuse(replySyntax.with("LHLO wants the name of the client"))
		return
	}
	c.reset()
	c.helo = name
	for _, keyword := range []string{
		c.server.name, "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING",
	} {
		fmt.Fprintf(c.bw, "250-%s\r\n", keyword)
	}
	fmt.Fprintf(c.bw, "250 SIZE %d\r\n", c.server.limits.MessageSize)
}

// isHostName takes everything that cannot break a Received field.
func isHostName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c == 0x7f || strings.IndexByte(`()<>@,;\"`, c) >= 0 {
			return false
		}
	}
	return true
}

func (c *conn) rset(string) {
	c.reset()
	c.reply(replyOK)
}

// reset forgets the transaction.
func (c *conn) reset() {
	if c.tx != nil && c.tx.message != nil {
		c.tx.message.spool.Close()
	}
	c.tx = nil
}
