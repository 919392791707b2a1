package bench

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"restante/internal/pgtest"
	"restante/internal/servertest"
)

var (
	storeURL  = flag.String("store", "", "database of the cluster, postgres://…; default: a small one of the test's own")
	blobsURL  = flag.String("blobs", "", "its object store, s3://… or file:///…; default: a temporary folder")
	natsURL   = flag.String("nats", "", "its NATS servers; default: the database carries hints")
	writers   = flag.Int("writers", 8, "connections that append to the cluster")
	mailboxes = flag.Int("mailboxes", 4, "into how many mailboxes, each of a user of its own")
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestCluster measures two servers on one PostgreSQL, beside pgbench -N on the same and beside an
// embedded store. With the default flags it is a test that the measuring works; bench/run-cluster
// has the figures.
func TestCluster(t *testing.T) {
	c := startCluster(t)
	local := &side{name: "embedded"}
	*local = *startRestante(t, filepath.Join(t.TempDir(), "restante"))
	load(t, local)
	start := time.Now()
	load(t, c.nodes[0])
	t.Logf("%d messages loaded in %v", *messages, time.Since(start).Round(time.Millisecond))

	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, value float64, beside string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", name, figure(value), beside)
		w.Flush()
	}
	var tps, appends []float64
	for range *rounds {
		tps = append(tps, c.pgbench(t))
		appends = append(appends, c.appends(t))
	}
	line("pgbench -N (transactions/s)", median(tps), "")
	line(fmt.Sprintf("APPEND 4 KB, %d connections, two nodes (messages/s)", *writers), median(appends), fmt.Sprintf("%.2f of pgbench", median(appends)/median(tps)))

	cold, warm := c.selects(t)
	line("SELECT, cold (ms)", cold.Seconds()*1e3, fmt.Sprintf("%d messages", *messages))
	line("SELECT, warm (ms)", warm.Seconds()*1e3, "")
	envelope := fetch("", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)")
	var here, there []float64
	for range *rounds {
		here, there = append(here, envelope.run(t, c.nodes[0])), append(there, envelope.run(t, local))
	}
	line("FETCH ENVELOPE, warm (messages/s)", median(here), fmt.Sprintf("%.2f of the embedded store", median(here)/median(there)))
	s := session(t, c.nodes[0])
	defer s.close()
	start = time.Now()
	must[int64](t)(s.do(`STORE 1:* +FLAGS.SILENT (\Flagged)`))
	line("STORE 1:* (s)", time.Since(start).Seconds(), "")
	line("heard of on the other node, median (ms)", c.heard(t).Seconds()*1e3, "")
	bytesEach, _ := idle(t, c.nodes[1], false)
	line("idle memory (KB/connection)", bytesEach/1024, "")
}

// cluster is two servers on one database.
type cluster struct {
	nodes [2]*side
	store string
	users int
}

func startCluster(t *testing.T) *cluster {
	c := &cluster{store: *storeURL, users: *mailboxes}
	if c.store == "" {
		c.store = pgtest.Database(t, t.TempDir())
	}
	blobs := *blobsURL
	if blobs == "" {
		blobs = "file://" + filepath.Join(t.TempDir(), "blobs")
	}
	config := filepath.Join(t.TempDir(), "config.toml")
	limits := "[server.limits]\nconnections_per_user = 100000\nconnections_per_address = 100000\n"
	check(t, os.WriteFile(config, []byte(limits), 0o600))
	for i := range c.nodes {
		s := servertest.Start(t, filepath.Join(t.TempDir(), "node"), "--config", config, "--store", c.store, "--blobs", blobs, "--nats", *natsURL)
		c.nodes[i] = &side{name: fmt.Sprintf("node %d", i), addr: s.IMAPAddr, user: "ann", password: "secret",
			memory: func() int64 { return memory(t, []int{s.PID}) }}
		if i == 0 {
			s.AddUser(t, "ann", "secret")
			for n := range c.users {
				s.AddUser(t, fmt.Sprintf("user%d", n), "secret")
			}
		}
	}
	return c
}

// pgbench returns how many transactions a second pgbench -N makes with as many connections.
func (c *cluster) pgbench(t *testing.T) float64 {
	bin, err := pgtest.Program("pgbench")
	check(t, err)
	seconds := max(1, int(span.Seconds()))
	database := c.store
	if u, err := url.Parse(c.store); err == nil && u.Query().Has("search_path") { // which libpq knows as an option
		q := u.Query()
		q.Set("options", "-c search_path="+q.Get("search_path"))
		q.Del("search_path")
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
		database = u.String()
	}
	for _, args := range [][]string{{"-i", "-q", "-s", "50"}, {"-N", "-n", "-c", strconv.Itoa(*writers), "-j", "2", "-T", strconv.Itoa(seconds)}} {
		if args[0] == "-i" && *storeURL == "" {
			args[3] = "1"
		}
		out, err := exec.Command(bin, append(args, database)...).CombinedOutput()
		if err != nil {
			t.Fatalf("pgbench: %v\n%s", err, out)
		}
		if m := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out); m != nil {
			tps, err := strconv.ParseFloat(string(m[1]), 64)
			check(t, err)
			return tps
		}
	}
	t.Fatal("pgbench says no tps")
	return 0
}

// appends returns how many messages a second many connections append over both nodes.
func (c *cluster) appends(t *testing.T) float64 {
	msg, date := NewCorpus(2).Message(1, 4096)
	clients := make([]*client, *writers)
	for i := range clients {
		clients[i] = must[*client](t)(login(c.nodes[i%2].addr, fmt.Sprintf("user%d", i/2%c.users), "secret"))
		defer clients[i].close()
	}
	return parallel(t, len(clients), func(i int, end time.Time) (n int, err error) {
		for ; time.Now().Before(end) && err == nil; n++ {
			err = clients[i].append("INBOX", "", date, msg)
		}
		return n, err
	})
}

// selects returns how long a SELECT takes on the node that has never seen the mailbox, and again.
func (c *cluster) selects(t *testing.T) (cold, warm time.Duration) {
	s := must[*client](t)(login(c.nodes[1].addr, "ann", "secret"))
	defer s.close()
	var took []float64
	for i := range 21 {
		start := time.Now()
		must[int64](t)(s.do("SELECT INBOX"))
		if i == 0 {
			cold = time.Since(start)
		} else {
			took = append(took, float64(time.Since(start)))
		}
	}
	return cold, time.Duration(median(took))
}

// heard returns the median of how long it takes from the OK of an APPEND on one node until a session
// in IDLE on the other has heard of the message.
func (c *cluster) heard(t *testing.T) time.Duration {
	writer := must[*client](t)(login(c.nodes[0].addr, "ann", "secret"))
	defer writer.close()
	must[int64](t)(writer.do("CREATE heard"))
	listener := must[*client](t)(login(c.nodes[1].addr, "ann", "secret"))
	defer listener.close()
	must[int64](t)(listener.do("SELECT heard"))
	_, err := io.WriteString(listener.nc, "i IDLE\r\n")
	check(t, err)
	_, err = listener.until(func(last []byte) bool { return bytes.HasPrefix(last, []byte("+")) })
	check(t, err)
	msg, date := NewCorpus(2).Message(1, 4096)
	var took []float64
	for range 20 {
		var wg sync.WaitGroup
		var done, heard time.Time
		var errs [2]error
		wg.Go(func() {
			_, errs[1] = listener.until(func(last []byte) bool { return bytes.HasPrefix(last, []byte("* ")) }) // EXISTS, or RECENT behind it
			heard = time.Now()
		})
		errs[0] = writer.append("heard", "", date, msg)
		done = time.Now()
		wg.Wait()
		check(t, errors.Join(errs[:]...))
		took = append(took, float64(max(0, heard.Sub(done))))
	}
	return time.Duration(median(took))
}
