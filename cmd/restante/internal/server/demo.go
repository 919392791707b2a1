package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
)

// demoUser is the one user of the demonstration.
const demoUser = "ann"

// demoDefaults are ports of loopback that need no privileges.
var demoDefaults = config.Server{IMAP: "127.0.0.1:1143", IMAPS: "127.0.0.1:1993", LMTP: "127.0.0.1:1024", HTTP: "off"}

// serveDemo serves a mailbox to try things with, from a temporary folder, until ctx ends or a signal
// comes. Then nothing is left of it.
func serveDemo(ctx context.Context, w io.Writer, c config.Server, version string, log *slog.Logger) (err error) {
	if c.Data != "" {
		return cli.Usagef("--demo serves from a temporary folder, so --data does not go with it")
	}
	if c.Data, err = os.MkdirTemp("", "restante-demo-"); err != nil {
		return err
	}
	ctx, removed := removeOnSignal(ctx, c.Data)
	defer removed()
	defer func() { err = errors.Join(err, os.RemoveAll(c.Data)) }()
	defaults := demoDefaults
	for _, addr := range []*string{&defaults.IMAP, &defaults.IMAPS, &defaults.LMTP} {
		*addr = freeAddress(*addr)
	}
	setDefaults(&c, defaults)
	if c.LogLevel == "" { // no lines between those to paste
		if log, err = newLogger(os.Stderr, "warn"); err != nil {
			return err
		}
	}
	c.Store, c.Blobs, c.Cells = "", "", nil
	s, err := start(ctx, c, version, log)
	if err != nil {
		return err
	}
	if err := s.prepareDemo(ctx, w, c); err != nil {
		return errors.Join(err, s.stop())
	}
	return s.serve(ctx)
}

// freeAddress returns an address of loopback, or one with any free port when another program has its
// port.
func freeAddress(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return addr
}

// removeOnSignal returns a context that ends with any signal that ends a program. A second one ends the
// process at once, but not before the folder is removed. Output that nobody reads any more is an error
// of the write and not a signal. stop ends it.
func removeOnSignal(ctx context.Context, dir string) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)
	done := make(chan struct{})
	var task sync.WaitGroup
	task.Go(func() {
		for range 2 {
			select {
			case <-signals:
				cancel()
			case <-done:
				return
			}
		}
		_ = os.RemoveAll(dir)
		os.Exit(1)
	})
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		task.Wait()
		cancel()
	}
}

// prepareDemo creates the user and the mail, and prints what to do with them.
func (s *server) prepareDemo(ctx context.Context, w io.Writer, c config.Server) error {
	password, err := demoPassword()
	if err != nil {
		return err
	}
	if err := s.admin.AddUser(ctx, demoUser, password); err != nil {
		return err
	}
	if err := importDemoMail(ctx, s.admin, demoUser); err != nil {
		return err
	}
	g := guideData{
		User: demoUser, Password: password, IMAP: s.imapAddr, IMAPS: s.imapsAddr, LMTP: s.lmtpAddr, HTTP: s.httpAddr,
		Cert: s.selfSigned, Accounts: filepath.Join(c.Data, "accounts.toml"), Attachments: filepath.Join(c.Data, "attachments"),
	}
	if g.Cert == "" {
		g.Cert = c.TLSCert
	}
	if g.Bin, err = linkCommand(c.Data); err != nil {
		return err
	}
	_, g.Port, _ = net.SplitHostPort(s.imapsAddr)
	if err := os.WriteFile(g.Accounts, fmt.Appendf(nil, "[accounts.demo]\nurl = %q\npassword = %q\ncafile = %q\n",
		"imaps://"+demoUser+"@localhost:"+g.Port, password, g.Cert), 0o600); err != nil {
		return err
	}
	return demoGuide.Execute(w, g)
}

// linkCommand makes a folder below dir that has this program as "restante", for the PATH of a shell.
func linkCommand(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return "", err
	}
	return bin, os.Symlink(self, filepath.Join(bin, "restante"))
}

// demoWords are short, and hard to mistake for each other.
const demoWords = `amber anchor apple arrow autumn badger bamboo basket beacon birch blanket bottle breeze butter
candle canyon carpet castle cedar cherry circle clover cobalt copper coral cotton cradle crystal daisy desert
dolphin dragon eagle ember falcon feather fiddle forest fossil garden ginger glacier granite hammer harbor
hazel honey island ivory jacket jasmine jungle kettle ladder lantern lemon lizard magnet maple marble meadow
mirror monkey needle nutmeg ocean olive orange otter oyster paddle pepper pigeon planet pocket prairie pumpkin
quartz rabbit raven ribbon river rocket saddle salmon sandal shadow silver spider spruce summer sunset thunder
tiger timber tulip turtle valley velvet violin walnut willow window winter yellow zebra`

// demoPassword returns a password that is easily typed: four words of a hundred, enough for a
// server on loopback that soon ends.
func demoPassword() (string, error) {
	all := strings.Fields(demoWords)
	words := make([]string, 4)
	for i := range words {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(all))))
		if err != nil {
			return "", err
		}
		words[i] = all[n.Int64()]
	}
	return strings.Join(words, "-"), nil
}
