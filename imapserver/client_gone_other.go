//go:build !linux

package imapserver

import "syscall"

// clientGone reports whether the peer of a socket has closed its side of the connection, or reset it.
// Only Linux can tell past what waits to be read; elsewhere a client that has gone is noticed when
// something is written to it.
func clientGone(syscall.RawConn) bool { return false }
