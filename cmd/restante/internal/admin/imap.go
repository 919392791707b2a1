package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
)

func newIMAP() *cobra.Command {
	var data dataFlags
	var user string
	cmd := &cobra.Command{
		Use:     "imap --user NAME",
		GroupID: cli.GroupServer,
		Short:   "Speak IMAP on standard input and output, for ssh and mbsync's Tunnel",
		Long: `Speak IMAP on standard input and output as a user who is logged in already
(PREAUTH), as clients want it that reach the server through ssh: mbsync's Tunnel, for
one. No password is asked: who may open the data folder, the server's own user and
root, may read all mail.

This works while the server runs, and while it does not. A server that runs serves any
number of them; without one, the first keeps the store open and serves the others, which
end with it.`,
		Example: `  restante imap --user ann
  ssh mail@mail.example.org restante imap --user ann
  Tunnel "ssh -q mail@mail.example.org restante imap --user ann"    # in ~/.mbsyncrc`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if user == "" {
				return cli.Usagef("whose mail? Say --user NAME")
			}
			// A client that goes away in the middle of an answer is an error of the write: the store
			// is closed as it should be.
			signal.Ignore(syscall.SIGPIPE)
			slog.SetLogLoggerLevel(slog.LevelWarn) // clients show what comes on standard error
			return data.serveIMAP(cmd.Context(), user, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	data.add(cmd)
	cmd.Flags().StringVar(&user, "user", "", "`NAME` of the user who is logged in")
	return cmd
}

// serveIMAP serves a client at the ends of a pipe.
func (d *dataFlags) serveIMAP(ctx context.Context, user string, in io.Reader, out io.Writer) error {
	api, err := d.openServing(ctx)
	if err != nil {
		return err
	}
	return errors.Join(pipeIMAP(ctx, api, user, in, out), api.Close())
}

// openServing is open, after which further commands reach the data through this one.
func (d *dataFlags) openServing(ctx context.Context) (API, error) {
	c, err := d.settings()
	if err != nil {
		return nil, err
	}
	api, err := open(ctx, &c, false)
	if err != nil || c.IsShared() {
		return api, err
	}
	if s, ok := api.(*storeAPI); ok {
		return serveFolder(s, c.Data)
	}
	return api, nil
}

// pipeIMAP serves a client whose commands come from in and whose answers go to out, until one of both
// sides ends it. At the end of in the commands that came before it are answered.
func pipeIMAP(ctx context.Context, api API, user string, in io.Reader, out io.Writer) error {
	served := make(chan error, 1)
	connected := make(chan *net.UnixConn, 1)
	go func() {
		served <- api.IMAP(ctx, user, func() (net.Conn, error) {
			server, client, err := socketPair()
			if err == nil {
				connected <- client
			}
			return server, err
		})
	}()
	var client *net.UnixConn
	select {
	case client = <-connected:
	case err := <-served:
		return err
	}
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	// Nobody waits for this one: nothing ends a read of standard input but its end, or that of the
	// process.
	go func() {
		_, _ = io.Copy(client, in)
		client.CloseWrite()
	}()
	_, err := io.Copy(out, client)
	client.Close()
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, <-served)
}

// socketPair returns both ends of a connection, of which one can end without the other, unlike those of
// net.Pipe.
func socketPair() (server, client *net.UnixConn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "socketpair")
		nc, fileErr := net.FileConn(f)
		err = errors.Join(err, fileErr, f.Close())
		ends[i], _ = nc.(*net.UnixConn)
	}
	if err != nil {
		for _, end := range ends {
			if end != nil {
				end.Close()
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}
