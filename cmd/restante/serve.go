package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"restante/auth"
	"restante/imapserver"
	"restante/lmtp"
	"restante/store/localstore"
)

func newServe() *cobra.Command {
	var (
		o          serverConfig
		configFile string
		demo       bool
	)
	cmd := &cobra.Command{
		Use:     "serve",
		GroupID: "server",
		Short:   "Serve mail over IMAP, and take it in over LMTP",
		Long: `Serve the mail in a data folder over IMAP. Mail comes in over LMTP, from a mail
transfer agent such as Postfix, or by 'restante import'.

Without a certificate the server makes one itself, which clients will not trust
by themselves. Passwords are accepted over TLS and from this machine only, unless
--allow-plaintext is given.

An address is HOST:PORT, or :PORT for all of this machine's addresses, or for LMTP
the path of a Unix socket; "off" turns a listener off. Flags win over the [server]
table of the configuration file.`,
		Example: `  restante serve --demo
  restante serve --data /var/lib/restante --tls-cert mail.crt --tls-key mail.key
  restante serve --imap off --imaps :993 --lmtp /run/restante/lmtp.sock`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c config
			if configFile != "" {
				loaded, err := loadConfig(configFile)
				if err != nil {
					return err
				}
				c = *loaded
			}
			merged := c.Server
			merged.override(cmd, &o)
			log, err := newLogger(cmd.ErrOrStderr(), merged.LogLevel)
			if err != nil {
				return err
			}
			if demo {
				return serveDemo(cmd.Context(), cmd.OutOrStdout(), merged, log)
			}
			merged.defaults()
			return serveForever(cmd.Context(), merged, log)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Data, "data", "", "`FOLDER` that holds the mail (default "+defaultData()+")")
	f.StringVar(&configFile, "config", "", "configuration `FILE`, TOML; see 'restante help config'")
	f.StringVar(&o.IMAP, "imap", "", "`ADDRESS` for IMAP with STARTTLS (default :143)")
	f.StringVar(&o.IMAPS, "imaps", "", "`ADDRESS` for IMAP over TLS (default :993)")
	f.StringVar(&o.LMTP, "lmtp", "", "`ADDRESS` or socket path for LMTP (default 127.0.0.1:24)")
	f.StringVar(&o.HTTP, "http", "", "`ADDRESS` for /metrics and /healthz (default off)")
	f.StringVar(&o.TLSCert, "tls-cert", "", "certificate chain, PEM `FILE`")
	f.StringVar(&o.TLSKey, "tls-key", "", "its private key, PEM `FILE`")
	f.BoolVar(&o.AllowPlaintext, "allow-plaintext", false, "accept passwords without TLS from other machines too")
	f.StringVar(&o.LogLevel, "log", "", "`LEVEL` of what to log: debug, info, warn or error (default info)")
	f.BoolVar(&demo, "demo", false, "serve a demonstration mailbox on loopback, from a temporary folder")
	return cmd
}

// noArgs refuses arguments, as an error of the command line.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, but there is %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// override takes over the flags that were given.
func (c *serverConfig) override(cmd *cobra.Command, flags *serverConfig) {
	for name, pair := range map[string][2]*string{
		"data": {&c.Data, &flags.Data}, "imap": {&c.IMAP, &flags.IMAP}, "imaps": {&c.IMAPS, &flags.IMAPS},
		"lmtp": {&c.LMTP, &flags.LMTP}, "http": {&c.HTTP, &flags.HTTP}, "tls-cert": {&c.TLSCert, &flags.TLSCert},
		"tls-key": {&c.TLSKey, &flags.TLSKey}, "log": {&c.LogLevel, &flags.LogLevel},
	} {
		if cmd.Flags().Changed(name) {
			*pair[0] = *pair[1]
		}
	}
	if cmd.Flags().Changed("allow-plaintext") {
		c.AllowPlaintext = flags.AllowPlaintext
	}
}

func (c *serverConfig) defaults() {
	def := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	def(&c.Data, defaultData())
	def(&c.IMAP, ":143")
	def(&c.IMAPS, ":993")
	def(&c.LMTP, "127.0.0.1:24")
	def(&c.HTTP, "off")
}

func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, usageError{fmt.Errorf("log level %q: use debug, info, warn or error", level)}
		}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

func serveForever(ctx context.Context, c serverConfig, log *slog.Logger) error {
	s, err := startServer(ctx, c, log)
	if err != nil {
		return err
	}
	log.Info("serving", "data", c.Data, "imap", s.imapAddr, "imaps", s.imapsAddr, "lmtp", s.lmtpAddr, "http", s.httpAddr)
	if s.selfSigned != "" {
		log.Warn("using a self-signed certificate; clients must be told to trust it", "cert", s.selfSigned)
	}
	return s.wait(ctx)
}

// server is everything that runs on one data folder.
type server struct {
	log   *slog.Logger
	store *localstore.Store
	admin *storeAdmin
	imap  *imapserver.Server
	lmtp  *lmtp.Server
	http  []*http.Server
	tls   *tls.Config

	// Where it listens; "" for what is off.
	imapAddr, imapsAddr, lmtpAddr, httpAddr string
	selfSigned                              string // the certificate that the server made, or ""

	listeners []net.Listener
	serving   int
	failed    chan error // gets the end of each Serve
}

// startServer opens the data folder and listens. When it returns an error nothing is left running.
func startServer(ctx context.Context, c serverConfig, log *slog.Logger) (_ *server, err error) {
	s := &server{log: log, failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	if s.store, err = localstore.Open(c.Data, &localstore.Options{Log: log}); err != nil {
		return nil, err
	}
	key, err := secretKey(filepath.Join(c.Data, "auth.key"))
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(s.store, &auth.Options{Key: key, Log: log})
	if err != nil {
		return nil, err
	}
	s.admin = &storeAdmin{store: s.store, auth: authenticator}
	hostname := c.Hostname
	if hostname == "" {
		hostname, _ = os.Hostname()
	}
	if s.tls, s.selfSigned, err = serverTLS(c.TLSCert, c.TLSKey, c.Data, hostname); err != nil {
		return nil, err
	}
	m := newMetrics()
	s.imap = &imapserver.Server{
		Store: s.store, Auth: authenticator, TLS: s.tls, AllowPlaintext: c.AllowPlaintext,
		Limits: c.Limits.imap(), Log: log, Observer: m, Version: version,
	}
	s.lmtp = &lmtp.Server{
		Store: s.store, Name: hostname, Postmaster: c.Postmaster, Limits: c.Limits.lmtp(),
		Log: log, Observer: m,
	}
	return s, s.listen(c, m)
}

// listen opens every listener and then starts to serve.
func (s *server) listen(c serverConfig, m *metrics) error {
	socket, err := listenAdmin(filepath.Join(c.Data, adminSocket))
	if err != nil {
		return err
	}
	var start []func()
	add := func(l net.Listener, serve func(net.Listener) error) {
		s.listeners = append(s.listeners, l)
		start = append(start, func() { s.failed <- serve(l) })
	}
	serveHTTP := func(h http.Handler) func(net.Listener) error {
		hs := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
		s.http = append(s.http, hs)
		return hs.Serve
	}
	add(socket, serveHTTP(adminHandler(s.admin, s.log)))
	for _, l := range []struct {
		what, addr string
		at         *string
		serve      func(net.Listener) error
	}{
		{"imap", c.IMAP, &s.imapAddr, s.imap.Serve},
		{"imaps", c.IMAPS, &s.imapsAddr, s.imap.ServeTLS},
		{"lmtp", c.LMTP, &s.lmtpAddr, s.lmtp.Serve},
		{"http", c.HTTP, &s.httpAddr, serveHTTP(m.handler(s.healthy))},
	} {
		if l.addr == "" || l.addr == "off" {
			continue
		}
		ln, err := listen(l.addr)
		if err != nil {
			return fmt.Errorf("--%s %s: %w", l.what, l.addr, listenHint(err))
		}
		*l.at = ln.Addr().String()
		add(ln, l.serve)
	}
	for _, f := range start {
		s.serving++
		go f()
	}
	return nil
}

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

// secretKey reads the key that belongs to the data, or makes it.
func secretKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		rand.Read(key)
		return key, os.WriteFile(path, key, 0o600)
	}
	return key, err
}

// healthy returns why the store takes no changes, or nil.
func (s *server) healthy() error { return s.store.Err() }

// shutdownGrace is how long clients have to finish what they are doing.
const shutdownGrace = 10 * time.Second

// wait serves until ctx ends or a listener fails, then stops everything.
func (s *server) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
		s.log.Info("stopping")
	case err = <-s.failed:
		s.serving--
	}
	return errors.Join(err, s.stop())
}

// stop ends all listeners and connections and closes the store.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	var errs []error
	for _, hs := range s.http {
		hs.Shutdown(ctx)
	}
	if s.imap != nil {
		errs = append(errs, s.imap.Shutdown(ctx), s.lmtp.Shutdown(ctx))
	}
	for _, l := range s.listeners {
		l.Close()
	}
	for ; s.serving > 0; s.serving-- {
		<-s.failed
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
