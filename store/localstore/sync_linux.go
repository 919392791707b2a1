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
