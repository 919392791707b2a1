package pgstore

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// natsTransport carries hints by NATS.
type natsTransport struct {
	conn    *nats.Conn
	subject string
}

// openNATS connects to one of the servers, in the background when none is there: hints may be lost.
func openNATS(h *hints, servers string) (transport, error) {
	log := h.cell.log
	conn, err := nats.Connect(servers, nats.Name("restante"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectPause), nats.ReconnectBufSize(-1), nats.Timeout(2*time.Second), nats.PingInterval(5*time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS is gone; changes of other machines are heard of late until it is back", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			log.Info("NATS is there")
			h.lost()
		}))
	if err != nil {
		return nil, badHints(fmt.Errorf("NATS: %w", err))
	}
	t := &natsTransport{conn, h.cell.channel()}
	if _, err := conn.Subscribe(t.subject, func(m *nats.Msg) { h.received(m.Data) }); err != nil {
		conn.Close()
		return nil, badHints(err)
	}
	// A server that is there hears of the subscription before the first change is made.
	if err := conn.FlushTimeout(2 * time.Second); err != nil {
		log.Warn("NATS cannot be reached; changes of other machines are heard of late until it is there", "err", err)
	}
	return t, nil
}

func (t *natsTransport) publish(octets []byte) error {
	if err := t.conn.Publish(t.subject, octets); err != nil && t.conn.IsConnected() {
		return err
	}
	return nil // what is lost while there is no connection is found out when there is one
}

func (t *natsTransport) close() {
	if t.conn.IsConnected() {
		_ = t.conn.FlushTimeout(time.Second)
	}
	t.conn.Close()
}
