package imapserver

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// clientGone reports whether the peer of a socket has closed its side of the connection, or reset it.
// It reads nothing, and looks past what waits to be read: commands sent ahead, or the alert with which
// TLS ends. A nil socket never goes.
func clientGone(socket syscall.RawConn) (gone bool) {
	if socket == nil {
		return false
	}
	err := socket.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0
	})
	return gone || err != nil
}
