package peers

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"restante/internal/pgtest"
	"restante/internal/servertest"
)

// Environment variables: with the first set to 1, the clients drive two servers on one PostgreSQL; with
// the others these keep bodies and carry hints, instead of a temporary folder and the database.
const (
	onNodes      = "RESTANTE_PEERS_NODES"
	nodesObjects = "RESTANTE_PEERS_BLOBS"
	nodesHints   = "RESTANTE_PEERS_NATS"
)

func TestMain(m *testing.M) {
	if os.Getenv(onNodes) != "1" {
		os.Exit(m.Run())
	}
	pgtest.Main(m)
}

// startNodes runs two servers on one store, with one certificate. The addresses of the server that it
// returns are those of a balancer, which hands each connection to either.
func startNodes(t *testing.T) *servertest.Server {
	t.Helper()
	dir := t.TempDir()
	blobs := os.Getenv(nodesObjects)
	if blobs == "" {
		blobs = "file://" + filepath.Join(dir, "blobs")
	}
	args := []string{"--store", pgtest.Database(t, dir), "--blobs", blobs, "--nats", os.Getenv(nodesHints)}
	first, second := filepath.Join(dir, "node1"), filepath.Join(dir, "node2")
	a := servertest.Start(t, first, args...)
	for _, name := range []string{"self-signed.crt", "self-signed.key"} {
		text, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(second, name), string(text))
	}
	b := servertest.Start(t, second, args...)
	front := *a
	front.IMAPAddr = balance(t, a.IMAPAddr, b.IMAPAddr)
	front.IMAPSAddr = balance(t, a.IMAPSAddr, b.IMAPSAddr)
	front.LMTPAddr = balance(t, a.LMTPAddr, b.LMTPAddr)
	return &front
}

// balance listens until the test ends, and hands each connection to one of the addresses.
func balance(t *testing.T, to ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			client, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			server, err := net.Dial("tcp", to[rand.IntN(len(to))])
			if err != nil {
				t.Error(err)
				client.Close()
				continue
			}
			serving.Go(func() { forward(client, server) })
		}
	})
	return l.Addr().String()
}

// forward connects two connections until both directions have ended.
func forward(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			io.Copy(way[1], way[0])
			way[1].(*net.TCPConn).CloseWrite()
		})
	}
	wg.Wait()
	a.Close()
	b.Close()
}
