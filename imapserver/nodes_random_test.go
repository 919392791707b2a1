package imapserver_test

import (
	"math/rand/v2"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// TestRandomSessionsOnNodes spreads the sessions of TestRandomSessions over two machines, which tell
// each other what has changed by PostgreSQL, by NATS, and by NATS when half of that is lost.
func TestRandomSessionsOnNodes(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) { randomSessions(t, startNodes(t, "", "").servers[0], 4) })
	t.Run("NATS", func(t *testing.T) {
		url := startNATS(t)
		randomSessions(t, startNodes(t, url, url).servers[0], 4)
	})
	t.Run("HintsLost", func(t *testing.T) {
		a, b := startNATS(t), startNATS(t)
		carrySome(t, a, b)
		randomSessions(t, startNodes(t, a, b).servers[0], 4)
	})
}

// TestRandomNotifyOnNodes spreads the sessions of TestRandomNotify over two machines.
func TestRandomNotifyOnNodes(t *testing.T) { randomNotify(t, startNodes(t, "", "").servers[0]) }

// startNATS starts a server and returns its address.
func startNATS(t *testing.T) string {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s.ClientURL()
}

// carrySome carries what is published on one of two NATS servers to the other, but only half of it.
func carrySome(t *testing.T, urls ...string) {
	t.Helper()
	var conns [2]*nats.Conn
	for i, url := range urls {
		// Without an echo, what comes from the other side does not go back.
		conn, err := nats.Connect(url, nats.NoEcho())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		conns[i] = conn
	}
	for i, conn := range conns {
		other := conns[1-i]
		_, err := conn.Subscribe("*", func(m *nats.Msg) {
			if rand.IntN(2) == 0 {
				other.Publish(m.Subject, m.Data) // when that is lost, too, it is as well
			}
		})
		if err == nil {
			err = conn.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
