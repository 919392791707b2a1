package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
	"restante/cmd/restante/internal/datadir"
)

// Root administers the store of another user, whose server does not run, through a process of that user:
// it opens the store and answers on the socket of the data folder, as a running server does, so that every
// file is that user's. Root itself reads what is imported, which that user may not be able to read.

// ready is the first line of a data server that answers. Any other line says why it does not.
const ready = "ready"

// newDataServer returns the command that is that process. It ends with its standard input.
func newDataServer() *cobra.Command {
	var c config.Server
	cmd := &cobra.Command{
		Use:    "data-server",
		Hidden: true,
		Args:   cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stop, err := serveData(cmd.Context(), &c, slog.Default())
			if err != nil {
				fmt.Fprintln(cmd.OutOrStdout(), err)
				return cli.ExitStatus(1)
			}
			fmt.Fprintln(cmd.OutOrStdout(), ready)
			io.Copy(io.Discard, cmd.InOrStdin())
			return stop()
		},
	}
	cmd.Flags().StringVar(&c.Data, "data", "", "")
	cmd.Flags().IntVar(&c.Limits.History, "history", 0, "")
	cmd.Flags().BoolVar(&c.SCRAMSHA1, "scram-sha-1", false, "")
	return cmd
}

// serveData answers on the socket of a data folder until stop is called.
func serveData(ctx context.Context, c *config.Server, log *slog.Logger) (stop func() error, err error) {
	api, err := openStore(ctx, c, log)
	if err != nil {
		return nil, err
	}
	serving, err := serveFolder(api, c.Data)
	if err != nil {
		return nil, err
	}
	return serving.Close, nil
}

// serveFolder answers on the socket of a data folder until the API is closed. In case of an error it
// closes the store.
func serveFolder(api *storeAPI, dir string) (API, error) {
	l, err := Listen(filepath.Join(dir, SocketName))
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	// Whoever asks is told of every error.
	s := &servingAPI{storeAPI: api, http: &http.Server{Handler: Handler(api, slog.New(slog.DiscardHandler))}, done: make(chan error, 1)}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// servingAPI is an API that answers on the socket of its folder too.
type servingAPI struct {
	*storeAPI
	http *http.Server
	done chan error
}

func (s *servingAPI) Close() error {
	s.http.Shutdown(context.Background())
	<-s.done
	return s.storeAPI.Close()
}

// ownersAPI asks a data server, which ends when it is closed.
type ownersAPI struct {
	*socketClient
	process *exec.Cmd
	stdin   io.Closer
}

// openAsOwner starts a data server.
func openAsOwner(c *config.Server, owner datadir.Owner) (API, error) {
	// By this name it can be executed wherever it is: its folder may be closed to the owner.
	program := "/proc/self/exe"
	if runtime.GOOS != "linux" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path: program, Args: []string{os.Args[0], "data-server", "--data", dir, "--history", strconv.Itoa(c.Limits.History),
			"--scram-sha-1=" + strconv.FormatBool(c.SCRAMSHA1)},
		Dir:    "/",
		Stderr: os.Stderr,
		// A group of its own, so that Ctrl-C does not end it in the middle of its work.
		SysProcAttr: &syscall.SysProcAttr{Credential: owner.Credential(), Setpgid: true},
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a process of the owner of %s: %w", dir, err)
	}
	said := bufio.NewScanner(stdout)
	if said.Scan(); said.Text() != ready {
		stdin.Close()
		if err := cmd.Wait(); said.Text() == "" {
			return nil, fmt.Errorf("a process of the owner of %s: %w", dir, err)
		}
		return nil, errors.New(said.Text())
	}
	return &ownersAPI{newSocketClient(filepath.Join(dir, SocketName)), cmd, stdin}, nil
}

func (a *ownersAPI) Close() error {
	a.socketClient.Close()
	a.stdin.Close()
	return a.process.Wait()
}
