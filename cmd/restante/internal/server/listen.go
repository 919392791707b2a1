package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
)

// listen opens a TCP address, or a Unix socket when the address is a path.
func listen(addr string) (net.Listener, error) {
	if !strings.Contains(addr, "/") {
		return net.Listen("tcp", addr)
	}
	if info, err := os.Stat(addr); err == nil && info.Mode()&fs.ModeSocket != 0 {
		// Left behind by a server that was killed; one that lives answers.
		if nc, err := net.Dial("unix", addr); err == nil {
			nc.Close()
			return nil, errors.New("another server listens on this socket")
		}
		if err := os.Remove(addr); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", addr)
	if err != nil {
		return nil, err
	}
	// As open as a port on loopback; who must not deliver can be kept out by the folder it is in.
	if err := os.Chmod(addr, 0o666); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// checkAddresses refuses what cannot be an address to listen on, before anything is made on disk.
func checkAddresses(c config.Server) error {
	for _, l := range []struct{ what, addr string }{{"imap", c.IMAP}, {"imaps", c.IMAPS}, {"lmtp", c.LMTP}, {"http", c.HTTP}} {
		if isOff(l.addr) || strings.Contains(l.addr, "/") {
			continue
		}
		if _, _, err := net.SplitHostPort(l.addr); err != nil {
			return cli.Usagef("--%s %s: an address is written like 127.0.0.1:143 or :143, the path of a Unix socket with a slash", l.what, l.addr)
		}
	}
	return nil
}

// listenHint says what can be done about an address that cannot be listened on.
func listenHint(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (ports below 1024 need privileges; choose another, or \"off\")", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w (another program uses this port; end it, or choose another port, 0 for any that is free, or \"off\")", err)
	}
	return err
}
