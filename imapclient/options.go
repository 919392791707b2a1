package imapclient

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"
)

// Options adjust a connection. A nil *Options, and the zero value of every field, is the default.
type Options struct {
	TLS *tls.Config // default: the system's roots, the host of the URL as ServerName, TLS 1.2

	// AllowPlain permits a connection without TLS, with the password in the clear. Without it,
	// imap:// needs STARTTLS, on loopback too.
	AllowPlain bool

	// InsecureSkipSTARTTLS, with AllowPlain, leaves STARTTLS out on imap:// even where the server offers
	// it: the password and all mail can be read, and changed, on the way. It is for servers whose
	// STARTTLS is broken, on a network that is trusted.
	InsecureSkipSTARTTLS bool

	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// ID is what the client tells of itself after login (RFC 2971); some servers refuse to select
	// a mailbox before they know. Default: the name of this library. An empty map sends nothing.
	ID map[string]string

	Timeouts Timeouts

	// Reconnect says how a Client makes a lost connection again.
	Reconnect Backoff

	// WatchForever lets Mailbox.Watch go on after what seldom mends itself: a login or a mailbox that
	// is refused, a certificate that does not hold. It tries again after Reconnect.Max, and tells of
	// each failure with an Event. Where a few failures lock an account, leave it off.
	WatchForever bool

	// MaxPipeline is how many commands may be on their way at once. Default: 256, and 25 for
	// servers that are known to end the connection above it.
	MaxPipeline int

	// MaxConnections is how many connections a Client may have at a time; default 2. With 1, or where
	// the server refuses a second, a message that is appended while bodies are fetched goes over the
	// first. What is owed to the loop is then held in memory up to BufferLimit; beyond that the error
	// is imap.ErrWouldBlock, and the connection is made again.
	MaxConnections int

	MaxLiteral  int64 // longest literal the server may send, octets; default 1 GiB
	MaxLine     int   // longest response without its literals, octets; default 64 MiB
	StreamOver  int64 // literals above this many octets are not held in memory; default 32 KiB
	BufferLimit int64 // octets held for a stream nobody reads while other commands run; default 16 MiB

	Log   *slog.Logger // commands at level debug and warnings; never content or secrets
	Trace *Trace
}

// Timeouts bound every wait. Zero is the default, a negative value no limit.
type Timeouts struct {
	Dial     time.Duration // to connect, TLS handshake included; default 30 s
	Greeting time.Duration // until the greeting is there; default 30 s
	Command  time.Duration // without a sign of the server while a reply is owed; default 5 min
	Literal  time.Duration // without progress inside a response or a literal, either way; default 1 min
	Poll     time.Duration // between two NOOPs where Watch has to do without IDLE; default 1 min
	Spare    time.Duration // until a Client ends its second connection when nothing uses it; default 20 s
	Idle     time.Duration // until IDLE is renewed (RFC 2177 §3), to see whether the server lives; default 9 min
}

// Backoff is how long a Client waits before it connects again: not at all when the session had lasted
// for longer than Max. A shorter one counts as a failure, and after a failure it is Min, then twice as
// long each time up to Max, with some chance in it.
type Backoff struct {
	Min      time.Duration // default 500 ms
	Max      time.Duration // default 1 min
	Attempts int           // failures in a row before giving up; default 6; negative: the connection is never made again
	// OnRetry is told why the connection is made again, and after which wait.
	OnRetry func(err error, wait time.Duration)
}

// Trace shows what happens on a connection. The functions are called from whichever goroutine
// does the work, one at a time for each direction, and must not use the connection.
type Trace struct {
	// Sent and Received get each piece that is written or read: a line, or several with their
	// literals. Passwords, tokens and SASL responses are replaced by "***"; literals that are
	// streamed are left out. The octets are only valid during the call.
	Sent, Received func(data []byte)
	// Command gets every command that ended.
	Command func(CommandStat)
}

// CommandStat is what became of a command.
type CommandStat struct {
	Name   string        // "UID FETCH"
	Queued time.Duration // from the call until it was written
	Done   time.Duration // from the call until its tagged reply
	Err    error
}

func (o *Options) normal() Options {
	var n Options
	if o != nil {
		n = *o
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	t := &n.Timeouts
	def(&t.Dial, 30*time.Second)
	def(&t.Greeting, 30*time.Second)
	def(&t.Command, 5*time.Minute)
	def(&t.Literal, time.Minute)
	def(&t.Poll, time.Minute)
	def(&t.Idle, 9*time.Minute)
	def(&t.Spare, 20*time.Second)
	def(&n.Reconnect.Min, 500*time.Millisecond)
	def(&n.Reconnect.Max, time.Minute)
	if n.Reconnect.Attempts == 0 {
		n.Reconnect.Attempts = 6
	}
	if n.MaxConnections == 0 {
		n.MaxConnections = 2
	}
	if n.MaxLiteral == 0 {
		n.MaxLiteral = 1 << 30
	}
	if n.MaxLine == 0 {
		n.MaxLine = 64 << 20
	}
	if n.StreamOver == 0 {
		n.StreamOver = 32 << 10
	}
	if n.BufferLimit == 0 {
		n.BufferLimit = 16 << 20
	}
	if n.ID == nil {
		n.ID = map[string]string{"name": "Restante"}
	}
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	if n.Trace == nil {
		n.Trace = new(Trace)
	}
	return n
}
