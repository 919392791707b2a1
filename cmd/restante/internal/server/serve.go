// Package server is 'restante serve': the IMAP and LMTP servers on one data folder, its metrics, its
// certificate and the socket for the commands of package admin; and the demonstration.
package server

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
)

// NewServe returns the command 'restante serve'.
func NewServe() *cobra.Command {
	var (
		flags      config.Server
		configFile string
		demo       bool
	)
	cmd := &cobra.Command{
		Use:     "serve",
		GroupID: cli.GroupServer,
		Short:   "Serve mail over IMAP, and take it in over LMTP",
		Long: `Serve the mail in a data folder over IMAP. Mail comes in over LMTP, from a mail
transfer agent such as Postfix, or by 'restante import'.

Without a certificate the server makes one itself, which clients will not trust
by themselves. One whose files change is taken at once. Passwords are accepted over TLS and from this machine only, unless
--allow-plaintext is given.

An address is HOST:PORT, or :PORT for all of this machine's addresses, or for LMTP
the path of a Unix socket; "off" turns a listener off. Flags win over the [server]
table of the configuration file.

The mail is in the data folder, or, with --store and --blobs, in a PostgreSQL database
and an object store, which any number of machines may serve at the same time:
docs/cluster.md says how. Passwords of theirs come from the environment or from files.

SIGHUP reads the certificate and the configuration file again. The log level and
where the certificate is are taken over; what else has changed waits for a restart,
and the log says so.`,
		Example: `  restante serve --demo
  restante serve --data /var/lib/restante --tls-cert mail.crt --tls-key mail.key
  restante serve --imap off --imaps :993 --lmtp /run/restante/lmtp.sock
  restante serve --store postgres://restante@db1,db2/mail --blobs s3://mail`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set := &settings{load: func() (config.Server, error) {
				var file config.File
				if configFile != "" {
					loaded, err := config.Load(configFile)
					if err != nil {
						return config.Server{}, err
					}
					file = *loaded
				}
				override(&file.Server, cmd, &flags)
				if !demo {
					setDefaults(&file.Server, config.Server{Data: config.DefaultData(), IMAP: ":143", IMAPS: ":993", LMTP: "127.0.0.1:24", HTTP: "off"})
				}
				return file.Server, nil
			}}
			if err := set.first(); err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: &set.level}))
			if demo {
				return serveDemo(cmd.Context(), cmd.OutOrStdout(), set.now, cmd.Root().Version, log)
			}
			return run(cmd.Context(), set, cmd.Root().Version, log)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.Data, "data", "", "`FOLDER` that holds the mail (default "+config.DefaultData()+")")
	f.StringVar(&configFile, "config", "", "configuration `FILE`, TOML; see 'restante help config'")
	config.AddStoreFlags(f, &flags)
	f.StringVar(&flags.IMAP, "imap", "", "`ADDRESS` for IMAP with STARTTLS (default :143)")
	f.StringVar(&flags.IMAPS, "imaps", "", "`ADDRESS` for IMAP over TLS (default :993)")
	f.StringVar(&flags.LMTP, "lmtp", "", "`ADDRESS` or socket path for LMTP (default 127.0.0.1:24)")
	f.StringVar(&flags.HTTP, "http", "", "`ADDRESS` for /metrics and /healthz (default off)")
	f.StringVar(&flags.TLSCert, "tls-cert", "", "certificate chain, PEM `FILE`")
	f.StringVar(&flags.TLSKey, "tls-key", "", "its private key, PEM `FILE`")
	f.BoolVar(&flags.AllowPlaintext, "allow-plaintext", false, "accept passwords without TLS from other machines too")
	f.StringVar(&flags.LogLevel, "log", "", "`LEVEL` of what to log: debug, info, warn or error (default info)")
	f.BoolVar(&demo, "demo", false, "serve a demonstration mailbox on loopback, from a temporary folder")
	return cmd
}

// override takes over the flags that were given.
func override(c *config.Server, cmd *cobra.Command, flags *config.Server) {
	for name, pair := range map[string][2]*string{
		"data": {&c.Data, &flags.Data}, "imap": {&c.IMAP, &flags.IMAP}, "imaps": {&c.IMAPS, &flags.IMAPS},
		"lmtp": {&c.LMTP, &flags.LMTP}, "http": {&c.HTTP, &flags.HTTP}, "tls-cert": {&c.TLSCert, &flags.TLSCert},
		"tls-key": {&c.TLSKey, &flags.TLSKey}, "log": {&c.LogLevel, &flags.LogLevel},
		"store": {&c.Store, &flags.Store}, "blobs": {&c.Blobs, &flags.Blobs}, "nats": {&c.NATS, &flags.NATS},
	} {
		if cmd.Flags().Changed(name) {
			*pair[0] = *pair[1]
		}
	}
	if cmd.Flags().Changed("allow-plaintext") {
		c.AllowPlaintext = flags.AllowPlaintext
	}
}

// setDefaults fills in the folder and the addresses that were not given.
func setDefaults(c *config.Server, defaults config.Server) {
	for _, pair := range [][2]*string{
		{&c.Data, &defaults.Data}, {&c.IMAP, &defaults.IMAP}, {&c.IMAPS, &defaults.IMAPS},
		{&c.LMTP, &defaults.LMTP}, {&c.HTTP, &defaults.HTTP},
	} {
		if *pair[0] == "" {
			*pair[0] = *pair[1]
		}
	}
}

func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	l, err := parseLevel(level)
	if err != nil {
		return nil, err
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

func parseLevel(level string) (l slog.Level, err error) {
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return l, cli.Usagef("log level %q: use debug, info, warn or error", level)
		}
	}
	return l, nil
}
