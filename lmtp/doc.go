// Package lmtp takes mail for delivery: the server's side of LMTP (RFC 2033), which is SMTP
// (RFC 5321) with a reply for each recipient, with 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531),
// PIPELINING (RFC 2920), SIZE (RFC 1870), CHUNKING (RFC 3030) and enhanced status codes
// (RFC 2034, RFC 3463).
//
// A positive reply after the message means that the store has made it durable.
package lmtp

import (
	"context"
	"time"

	"restante/store"
)

// Users is what delivery needs of a store.Directory.
type Users interface {
	User(ctx context.Context, name string) (store.User, error)
	Users(ctx context.Context) ([]store.User, error)
}

// Limits bound what clients may take. A zero field is its default.
type Limits struct {
	MessageSize int64         // octets of a message as it is sent; default 50 MiB
	Recipients  int           // of one message; default 1000
	Line        int           // octets of a command line; default and least 4096
	Connections int           // at a time; default 200
	Errors      int           // refused commands in one connection; default 100
	Idle        time.Duration // without an octet from, or taken by, the client; default 5 minutes
	Memory      int64         // octets of a message held in memory, more go to a file; default 1 MiB
}

func (l Limits) orDefault() Limits {
	def(&l.MessageSize, 50<<20)
	l.MessageSize = min(l.MessageSize, store.MaxMessageSize-1<<20) // room for our headers
	def(&l.Recipients, 1000)
	def(&l.Line, 4096)
	l.Line = max(l.Line, 4096)
	def(&l.Connections, 200)
	def(&l.Errors, 100)
	def(&l.Idle, 5*time.Minute)
	def(&l.Memory, 1<<20)
	return l
}

func def[T int | int64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Observer is told of deliveries, for metrics. Its methods may be called concurrently.
type Observer interface {
	// Delivered is called for each recipient of each message with the reply code that the
	// client got, the message's octets and how long the store took: 0 when the message did not
	// come so far.
	Delivered(code int, size int64, took time.Duration)
}
