package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"restante/auth"
	"restante/cmd/restante/internal/admin"
	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/datadir"
	"restante/cmd/restante/internal/mailstore"
	"restante/imapserver"
	"restante/lmtp"
)

// run serves until ctx ends or a listener fails.
func run(ctx context.Context, set *settings, version string, log *slog.Logger) error {
	c := set.now
	s, err := start(ctx, c, version, log)
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	s.hangup, s.settings = hangup, set
	log.Info("serving", "data", c.Data, "imap", s.imapAddr, "imaps", s.imapsAddr, "lmtp", s.lmtpAddr, "http", s.httpAddr)
	if s.selfSigned != "" {
		log.Warn("using a self-signed certificate; clients must be told to trust it", "cert", s.selfSigned)
	}
	s.warnOfNames(ctx)
	return s.serve(ctx)
}

// server is everything that runs on one data folder.
type server struct {
	log   *slog.Logger
	store mailstore.Store
	admin admin.API
	imap  *imapserver.Server
	lmtp  *lmtp.Server
	http  []*http.Server

	certificates *certificates
	hostname     string
	proxies      proxies

	// Where it listens; "" for what is off.
	imapAddr, imapsAddr, lmtpAddr, httpAddr string
	selfSigned                              string // the certificate that the server made, or ""

	listeners []net.Listener
	serving   int        // goroutines in Serve
	failed    chan error // gets the end of each Serve
	grace     time.Duration

	hangup   <-chan os.Signal // SIGHUP: to reload settings; nil for never
	settings *settings
}

// start opens the data folder and listens. When it returns an error nothing is left running.
func start(ctx context.Context, c config.Server, version string, log *slog.Logger) (_ *server, err error) {
	s := &server{log: log, failed: make(chan error, 8), grace: shutdownGrace}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if isOff(c.IMAP) && isOff(c.IMAPS) && isOff(c.LMTP) {
		return nil, cli.Usagef("imap, imaps and lmtp are all off: there is nothing to serve")
	}
	if err := checkAddresses(c); err != nil {
		return nil, err
	}
	if err := checkDomains(c.Domains); err != nil {
		return nil, err
	}
	if s.proxies, err = newProxies(c); err != nil {
		return nil, err
	}
	if err := datadir.Prepare(c.Data, log); err != nil {
		return nil, err
	}
	if s.store, err = mailstore.Open(ctx, &c, log); err != nil {
		s.store = nil
		return nil, err
	}
	key, err := s.authKey(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(loginNames{s.store, c.Domains}, &auth.Options{Params: auth.Params{SCRAMSHA1: c.SCRAMSHA1}, Key: key, Anonymous: c.Anonymous, Log: log})
	if err != nil {
		return nil, err
	}
	if s.hostname = c.Hostname; s.hostname == "" {
		s.hostname, _ = os.Hostname()
	}
	paths, err := certificateFiles(c, s.hostname, log)
	if err != nil {
		return nil, err
	}
	if s.certificates, err = newCertificates(paths, log); err != nil {
		return nil, err
	}
	if paths.selfSigned {
		s.selfSigned = paths.cert
	}
	tlsConfig := s.certificates.config()
	clientNames, err := clientCertificates(c, tlsConfig)
	if err != nil {
		return nil, err
	}
	m := newMetrics()
	mail := admin.Gate(s.store, &c)
	s.imap = &imapserver.Server{
		Mail: mail, Auth: authenticator, TLS: tlsConfig, ClientNames: clientNames, AllowPlaintext: c.AllowPlaintext,
		Limits: admin.IMAPLimits(c.Limits), Log: log, Observer: m, Version: version,
	}
	s.admin = admin.New(s.store, authenticator, s.imap, c.Quota)
	s.lmtp = &lmtp.Server{
		Users: s.store, Mail: mail, Name: s.hostname, Domains: c.Domains, Postmaster: c.Postmaster, Limits: lmtp.Limits{MessageSize: c.Limits.AppendLimit},
		Log: log, Observer: m,
	}
	return s, s.listen(c, m)
}

// listen opens every listener and then starts to serve.
func (s *server) listen(c config.Server, m *metrics) error {
	socket, err := admin.Listen(filepath.Join(c.Data, admin.SocketName))
	if err != nil {
		return err
	}
	var loops []func()
	add := func(l net.Listener, serve func(net.Listener) error) {
		s.listeners = append(s.listeners, l)
		loops = append(loops, func() { s.failed <- serve(l) })
	}
	serveHTTP := func(h http.Handler) func(net.Listener) error {
		hs := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
		s.http = append(s.http, hs)
		return hs.Serve
	}
	add(socket, serveHTTP(admin.Handler(s.admin, s.log)))
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
		if isOff(l.addr) {
			continue
		}
		ln, err := listen(l.addr)
		if err != nil {
			return fmt.Errorf("--%s %s: %w", l.what, l.addr, listenHint(err))
		}
		*l.at = ln.Addr().String()
		add(s.proxies.wrap(l.what, ln, s.log), l.serve)
	}
	for _, f := range loops {
		s.serving++
		go f()
	}
	return nil
}

func isOff(addr string) bool { return addr == "" || addr == "off" }

// keyLength is the octets of auth.key.
const keyLength = 32

// authKey returns the key of salts for users that do not exist: all machines must have the same.
func (s *server) authKey(ctx context.Context, data string) ([]byte, error) {
	if shared, ok := s.store.(mailstore.Shared); ok {
		return shared.SharedKey(ctx, "auth", keyLength)
	}
	return secretKey(filepath.Join(data, "auth.key"))
}

// secretKey reads the key that belongs to the data, or makes it. A damaged one is an error: with
// another key the salts for users that do not exist change, which tells them from real ones.
func secretKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = make([]byte, keyLength)
		rand.Read(key)
		return key, datadir.WriteFile(path, key, 0o600)
	case err == nil && len(key) != keyLength:
		return nil, fmt.Errorf("%s is damaged: it has %d octets, not %d; restore it from a backup, or remove it, "+
			"and a new one is made (passwords stay as they are; who compares SCRAM's salts can tell once which users exist)",
			path, len(key), keyLength)
	}
	return key, err
}

// healthy returns why the store takes no changes, or nil.
func (s *server) healthy() error { return s.store.Err() }

// shutdownGrace is how long clients have to finish what they are doing.
const shutdownGrace = 10 * time.Second

// serve serves until ctx ends or a listener fails, then stops everything. A hangup reloads.
func (s *server) serve(ctx context.Context) error {
	for {
		select {
		case <-s.hangup:
			s.reload()
			continue
		case <-ctx.Done():
			s.log.Info("stopping")
			return s.stop()
		case err := <-s.failed:
			s.serving--
			return errors.Join(err, s.stop())
		}
	}
}

// stop ends all listeners and connections and closes the store. That clients were cut off, which did not
// read their answers, or deliver their messages, in time, is no error.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	var errs []error
	for _, hs := range s.http {
		hs.Shutdown(ctx)
	}
	if s.imap != nil {
		for _, err := range []error{s.imap.Shutdown(ctx), s.lmtp.Shutdown(ctx)} {
			if errors.Is(err, context.DeadlineExceeded) {
				s.log.Warn("clients that had not finished were cut off", "grace", s.grace)
			} else {
				errs = append(errs, err)
			}
		}
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
