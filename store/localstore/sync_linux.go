package localstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// fdatasync makes a file's octets and its length durable.
func fdatasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return err
		}
	}
}

// allocate gives a file octets of the disk.
func allocate(f *os.File, off, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, off, n)
		if err == unix.EOPNOTSUPP {
			return writeZeros(f, off, n)
		}
		if err != unix.EINTR {
			return err
		}
	}
}
