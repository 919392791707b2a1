package imapserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"restante/imap"
	"restante/imapwire"
	"restante/store"
)

// state is where a connection is in RFC 9051 §3, as a bit so that a command's row can name several.
type state uint8

const (
	notAuthenticated state = 1 << iota
	authenticated
	selected
	logout

	anyState = notAuthenticated | authenticated | selected
	loggedIn = authenticated | selected
)

func (s state) String() string {
	switch s {
	case notAuthenticated:
		return "not authenticated"
	case authenticated:
		return "authenticated"
	case selected:
		return "selected"
	}
	return "logout"
}

// conn is one connection. All of it belongs to the goroutine that runs serve.
type conn struct {
	s    *Server
	id   uint64
	nc   net.Conn
	r    *imapwire.Reader
	ctx  context.Context // for the store: it outlives the begin of a shutdown, so that commands finish
	log  *slog.Logger
	addr netip.Addr
	tls  *tls.ConnectionState // nil without TLS

	shown   *x509.Certificate // the server's own; nil without TLS, or in a session that was resumed
	preauth *store.User       // who is known from the beginning; nil: whoever logs in

	out      []byte // what is not written yet; nil while idle
	flushes  int    // how often out was written
	writeErr error  // the first error of a write; nothing is written after it
	readErr  error  // the last error of a read; what a command fails with then is its consequence

	hangup atomic.Bool // nothing is read any more

	state state
	login
	commands int       // before login
	isLongID bool      // the command counts in Server.longIDs
	errors   int       // before the login in all, then in a row
	start    time.Time // of the connection, or when the last login ended

	work       work // of the command that runs
	tag        string
	literal    *imapwire.Literal // the message that the command announces; nil without one
	completion reply             // what the tagged OK says
}

// login is what belongs to a login, and ends with it.
type login struct {
	enabled   capSet
	user      store.User
	actor     store.Actor // the user
	account   store.Account
	sel       *selection // nil unless selected
	searchRes imap.UIDSet
	notify    *notification // nil until the first NOTIFY
	metadata  toldMetadata
}

func newConn(s *Server, nc net.Conn, id uint64, addr netip.Addr) *conn {
	c := &conn{
		s: s, id: id, nc: nc, addr: addr, state: notAuthenticated, start: time.Now(),
		ctx: s.hard,
		log: s.log.With("conn", id),
	}
	c.r = imapwire.NewReader(commandSource{c}, c.readerOptions())
	return c
}

// maxBeforeLogin is how many octets a line, and the literals of a command, may have before the login,
// so that nobody without an account can fill the memory.
const maxBeforeLogin = 16 << 10

// An ID may be longer: 30 names of 30 octets with values of 1024, all of which may be written with a
// backslash (RFC 2971 §3.3). Of those that are, a server reads maxLongIDs at a time, so that all
// strangers together hold 4 MiB with them; one more is refused as other commands are.
const (
	maxLongID  = 64 << 10 // octets of lines, and of literals
	maxLongIDs = 32
)

// readerOptions are the limits of what the client may send in its state.
func (c *conn) readerOptions() imapwire.ReaderOptions {
	l := &c.s.limits
	if c.account == nil {
		return imapwire.ReaderOptions{
			MaxLine: min(l.LineLength, maxBeforeLogin), MaxLiteral: min(l.CommandLiterals, maxBeforeLogin), MaxSkip: min(l.AppendLimit, 1<<20),
			MaxNonSync: c.maxNonSync(), Longer: c.longID,
		}
	}
	return imapwire.ReaderOptions{MaxLine: l.LineLength, MaxLiteral: l.CommandLiterals, MaxSkip: l.AppendLimit, MaxNonSync: c.maxNonSync()}
}

// longID returns the limits of a command before the login that goes over the usual ones.
func (c *conn) longID(start []byte) (maxLine int, maxLiteral int64) {
	usual := c.readerOptions()
	name := start[len(imapwire.Tag(start)):]
	if len(name) < 4 || !strings.EqualFold(string(name[:4]), " ID ") {
		return usual.MaxLine, usual.MaxLiteral
	}
	if c.s.longIDs.Add(1) > maxLongIDs {
		c.s.longIDs.Add(-1)
		return usual.MaxLine, usual.MaxLiteral
	}
	c.isLongID = true
	return min(c.s.limits.LineLength, maxLongID), min(c.s.limits.CommandLiterals, maxLongID)
}

// endLongID lets another connection send a long ID.
func (c *conn) endLongID() {
	if c.isLongID {
		c.isLongID = false
		c.s.longIDs.Add(-1)
	}
}

// commandSource is what the Reader reads from: the connection, with a deadline for every read.
type commandSource struct{ c *conn }

func (src commandSource) Read(p []byte) (int, error) {
	c := src.c
	deadline := time.Now().Add(c.s.limits.IdleTimeout)
	if c.account == nil {
		// One for all that is read until the login: trickling octets does not move it.
		deadline = c.start.Add(c.s.limits.AuthTimeout)
	}
	c.nc.SetReadDeadline(deadline)
	// After the deadline, so that a shutdown or stopReading at this very moment is not missed: they
	// set the deadline too.
	if c.s.ctx.Err() != nil || c.hangup.Load() {
		c.readErr = errShutdown
		return 0, c.readErr
	}
	n, err := c.nc.Read(p)
	if err != nil {
		if c.s.ctx.Err() != nil {
			err = errShutdown
		}
		c.readErr = err
	}
	return n, err
}

// stopReading makes a read that another goroutine is in, or about to begin, fail.
func (c *conn) stopReading() {
	c.hangup.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

// refuse tells a client from an address with too many connections to come back later.
func (c *conn) refuse(implicitTLS bool) {
	if !implicitTLS {
		c.bye(imap.CodeLimit, "Too many connections from your address, try again later")
	}
	c.nc.Close()
}

// serve runs the connection to its end.
func (c *conn) serve(implicitTLS bool) {
	nc := c.nc // STARTTLS puts another in its place, on top of it
	stop := context.AfterFunc(c.s.ctx, func() { nc.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	stopHard := context.AfterFunc(c.s.hard, func() { nc.Close() })
	defer stopHard()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic", "panic", p, "stack", string(debug.Stack()))
		}
		c.leave()
		c.nc.Close()
		c.release()
	}()
	if implicitTLS {
		if err := c.startTLS(); err != nil {
			c.log.Debug("TLS handshake failed", "err", err)
			return
		}
	}
	c.greet()
	for c.state != logout {
		if c.flush() != nil {
			return
		}
		c.release()
		if err := c.command(); err != nil {
			c.end(err)
			return
		}
	}
	c.flush()
}

// end says goodbye when the connection ends for a reason that the client should know.
func (c *conn) end(err error) {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errShutdown):
		c.bye(imap.CodeUnavailable, "Server is shutting down")
	case errors.Is(err, errProtocol):
		c.bye("", err.Error())
	case errors.As(err, new(*imapwire.LiteralTooBig)):
		c.bye(imap.CodeTooBig, "A literal this long is not accepted here")
	case errors.Is(err, imapwire.ErrEndlessLine):
		c.bye(imap.CodeLimit, "A line this long is not accepted")
	case errors.Is(err, errAccountDeleted):
		c.bye("", "The user was deleted")
	case errors.Is(err, store.ErrMoved):
		c.bye(imap.CodeUnavailable, "The account has moved; connect again")
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		c.bye("", "Autologout; idle for too long")
	case errors.Is(err, io.EOF):
	default:
		c.log.Debug("connection lost", "err", err)
	}
}

// errProtocol ends a connection whose client cannot be talked to any more.
var errProtocol = errors.New("protocol error")

type protocolError string

func (e protocolError) Error() string        { return string(e) }
func (e protocolError) Is(target error) bool { return target == errProtocol }

// bye writes an untagged BYE and everything before it.
func (c *conn) bye(code imap.Code, text string) {
	c.out = imapwire.AppendStatusResponse(c.out, "*", "BYE", code, "", text)
	c.flush()
}

// command reads and answers one command. It returns an error when the connection must end.
func (c *conn) command() error {
	defer c.endLongID()
	if err := c.waitNotifying(); err != nil {
		return err
	}
	frame, lit, err := c.r.ReadCommand(c.proceed)
	start := time.Now()
	if err != nil {
		return c.badFrame(frame, err)
	}
	if c.state == notAuthenticated {
		if c.commands++; c.commands > c.s.limits.CommandsBeforeAuth {
			return protocolError("Too many commands before login")
		}
	}
	c.completion, c.literal = reply{}, lit
	c.work.begin(c.s.now())
	name, err := c.parseAndRun(frame)
	c.endTurn()
	result := "OK"
	if err == errAnswered {
		return nil
	}
	if err != nil {
		if fatal := c.fail(err, &result); fatal != nil {
			return fatal
		}
	} else {
		c.resetErrors()
		text := c.completion.text
		if text == "" {
			text = name + " completed"
		}
		c.out = imapwire.AppendStatusResponse(c.out, c.tag, "OK", c.completion.code, c.completion.args, text)
	}
	c.observe(name, result, start)
	return nil
}

// parseAndRun parses a frame and runs its command.
func (c *conn) parseAndRun(frame []byte) (name string, err error) {
	if len(bytes.TrimSpace(frame)) == 0 {
		c.tag = "*"
		return "UNKNOWN", &imapwire.SyntaxError{Production: "command", Msg: "empty line"}
	}
	tag, cmd, err := imapwire.ParseCommand(frame, imapwire.ParseOptions{UTF8: c.utf8Names()})
	c.tag = tag
	if tag == "" {
		c.tag = "*"
	}
	if err != nil {
		return "UNKNOWN", err
	}
	name = cmd.Name()
	row, ok := c.s.features.commands[name]
	if !ok {
		return "UNKNOWN", &imapwire.UnknownCommand{Name: name}
	}
	if c.literal != nil && row.flags&ownsInput == 0 {
		return name, bad("%s takes no message", name)
	}
	if err := c.allowed(name, row); err != nil {
		return name, err
	}
	if row.flags&(noSync|syncAfter) == 0 && c.sel != nil {
		if err := c.sync(row.flags&usesSeq != 0); err != nil {
			return name, err
		}
	}
	if row.in == selected && row.flags&noSync == 0 && c.sel.box.Version().Deleted {
		err = errMailboxDeleted
	} else {
		err = row.run(c, cmd)
	}
	if row.flags&noSync == 0 && c.sel != nil && c.writeErr == nil {
		if err := c.sync(row.flags&noExpunge != 0); err != nil {
			return name, err
		}
		c.tellHighestModSeq(true)
	}
	if c.account != nil && c.writeErr == nil {
		if err := c.tell(); err != nil {
			return name, err
		}
	}
	return name, err
}

// allowed reports in which state a command was given when it must not be.
func (c *conn) allowed(name string, row command) error {
	if row.in&c.state != 0 {
		return c.allowedNumbers(name, row)
	}
	switch {
	case c.state == notAuthenticated:
		return bad("%s: log in first", name)
	case row.in == selected:
		return bad("%s: select a mailbox first", name)
	}
	return bad("%s is not allowed in the %s state", name, c.state)
}

// errAnswered says that the handler has sent the tagged answer itself.
var errAnswered = errors.New("imapserver: answered")

// badFrame answers a command that could not be framed.
func (c *conn) badFrame(frame []byte, err error) error {
	var big *imapwire.LiteralTooBig
	switch {
	case errors.Is(err, imapwire.ErrLineTooLong):
		// A tag to which the start of the line does not show an end may be longer.
		if c.tag = imapwire.Tag(frame); c.tag == "" || len(c.tag) == len(frame) {
			c.tag = "*"
		}
	case errors.As(err, &big) && !big.Fatal:
		c.tag = big.Tag
		if c.tag == "" {
			c.tag = "*"
		}
	default:
		return err
	}
	var result string
	return c.fail(err, &result)
}

// proceed asks for the rest of a command: it answers a synchronising literal.
func (c *conn) proceed() error {
	c.out = append(c.out, "+ OK\r\n"...)
	return c.flush()
}

func (c *conn) observe(name, result string, start time.Time) {
	d := time.Since(start)
	if c.s.Observer != nil {
		c.s.Observer.Command(name, result, d)
	}
	if c.log.Enabled(c.ctx, slog.LevelDebug) {
		c.log.Debug("command", "cmd", name, "result", result, "dur", d, "steps", c.work.steps)
	}
}
