package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what /metrics shows. It observes the IMAP and the LMTP server.
type metrics struct {
	registry  *prometheus.Registry
	conns     prometheus.Gauge
	connTotal prometheus.Counter
	commands  *prometheus.HistogramVec
	delivered *prometheus.CounterVec
	octets    prometheus.Counter
	delivery  prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		conns:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "imap_connections", Help: "Open IMAP connections."}),
		connTotal: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "imap_connections_total", Help: "IMAP connections accepted."}),
		commands: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "imap_command_seconds", Help: "Time to answer IMAP commands, by command and result.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 4, 10)}, []string{"command", "result"}),
		delivered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lmtp_deliveries_total", Help: "LMTP recipients answered after a message, by reply code."}, []string{"code"}),
		octets: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lmtp_delivered_bytes_total", Help: "Octets of messages delivered by LMTP."}),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lmtp_delivery_seconds", Help: "Time the store took for a delivery.",
			Buckets: prometheus.ExponentialBuckets(100e-6, 4, 10)}),
	}
	m.registry.MustRegister(m.conns, m.connTotal, m.commands, m.delivered, m.octets, m.delivery,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ConnOpened implements imapserver.Observer, as do ConnClosed and Command.
func (m *metrics) ConnOpened() {
	m.conns.Inc()
	m.connTotal.Inc()
}

func (m *metrics) ConnClosed() { m.conns.Dec() }

func (m *metrics) Command(name, result string, d time.Duration) {
	m.commands.WithLabelValues(name, result).Observe(d.Seconds())
}

// Delivered implements lmtp.Observer.
func (m *metrics) Delivered(code int, size int64, took time.Duration) {
	m.delivered.WithLabelValues(strconv.Itoa(code)).Inc()
	m.delivery.Observe(took.Seconds())
	if code < 300 {
		m.octets.Add(float64(size))
	}
}

// handler serves /metrics and /healthz. healthy returns why the server cannot take mail, or nil.
func (m *metrics) handler(healthy func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := healthy(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n"))
	})
	return mux
}
