package localstore

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendfile writes octets of a file to w if w is a socket. It heeds w's deadline. ok is false when
// it has done nothing.
func sendfile(w io.Writer, f *os.File, off, count int64) (n int64, ok bool, err error) {
	switch w.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return 0, false, nil
	}
	out, err := w.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, false, nil
	}
	in, err := f.SyscallConn()
	if err != nil {
		return 0, false, nil
	}
	for n < count {
		var sent int
		var sendErr error
		writeErr := out.Write(func(dst uintptr) bool {
			controlErr := in.Control(func(src uintptr) {
				at := off + n
				sent, sendErr = unix.Sendfile(int(dst), int(src), &at, int(min(count-n, 1<<30)))
			})
			if controlErr != nil {
				sendErr = controlErr
			}
			return sendErr != unix.EAGAIN // false: wait until the socket takes more
		})
		if sent > 0 {
			n += int64(sent)
		}
		switch {
		case writeErr != nil:
			return n, true, writeErr
		case sendErr == unix.EINTR:
		case sendErr == unix.EINVAL || sendErr == unix.ENOSYS:
			return n, n > 0, sendErr
		case sendErr != nil:
			return n, true, os.NewSyscallError("sendfile", sendErr)
		case sent == 0:
			return n, true, io.ErrUnexpectedEOF
		}
	}
	return n, true, nil
}
