package bench

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"restante/internal/dovecottest"
	"restante/internal/servertest"
)

var (
	messages = flag.Int("messages", 500, "messages in the mailbox")
	rounds   = flag.Int("rounds", 1, "how often each is measured, alternately")
	span     = flag.Duration("time", 50*time.Millisecond, "how long a rate is measured at least")
	idlers   = flag.Int("idle", 20, "connections in IDLE")
	only     = flag.String("only", "", "measure only what has this in its name")
	data     = flag.String("data", "", "folder for the servers' data (default: a temporary one)")
)

// side is one of the servers.
type side struct {
	name           string
	addr           string
	user, password string
	memory         func() int64 // octets that the server's processes use
	// fresh starts another server of the kind, whose memory nothing has grown yet; nil where every
	// connection has a process of its own anyway.
	fresh func() *side
}

// measure is one line of the table: higher is better, unless less says otherwise.
type measure struct {
	name string
	unit string
	less bool
	run  func(t *testing.T, s *side) float64
}

// TestCompare measures both servers, alternately, and prints medians and ratios. With the default
// flags it is a test that the measuring works; bench/run has the figures.
func TestCompare(t *testing.T) {
	sides := []*side{restante(t), dovecot(t)}
	for _, s := range sides {
		start := time.Now()
		load(t, s)
		t.Logf("%s: %d messages loaded in %v", s.name, *messages, time.Since(start).Round(time.Millisecond))
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\t%s\t%s\tratio\t\n", "measure", sides[0].name, sides[1].name)
	for _, m := range measures() {
		if !strings.Contains(m.name, *only) {
			continue
		}
		var results [2][]float64
		for range *rounds {
			for i, s := range sides {
				results[i] = append(results[i], m.run(t, s))
			}
		}
		a, b := median(results[0]), median(results[1])
		ratio := a / b
		if m.less {
			ratio = b / a
		}
		fmt.Fprintf(w, "%s (%s)\t%s\t%s\t%.2f\t\n", m.name, m.unit, figure(a), figure(b), ratio)
		w.Flush()
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func figure(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2fM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.2f", v)
}

func restante(t *testing.T) *side {
	dir := *data
	if dir == "" {
		dir = t.TempDir()
	}
	s := startRestante(t, filepath.Join(dir, "restante"))
	s.fresh = func() *side { return startRestante(t, filepath.Join(t.TempDir(), "restante")) }
	return s
}

func startRestante(t *testing.T, dir string) *side {
	config := filepath.Join(t.TempDir(), "config.toml")
	limits := "[server.limits]\nconnections_per_user = 100000\nconnections_per_address = 100000\n"
	if err := os.WriteFile(config, []byte(limits), 0o600); err != nil {
		t.Fatal(err)
	}
	s := servertest.Start(t, dir, "--config", config)
	s.AddUser(t, "ann", "secret")
	return &side{name: "restante", addr: s.IMAPAddr, user: "ann", password: "secret",
		memory: func() int64 { return memory(t, []int{s.PID}) }}
}

// manyWatches lets Dovecot watch as many mailboxes as there are connections: with the system's
// usual limit of inotify instances it would fall back to looking every half minute.
func manyWatches(t *testing.T) {
	for _, name := range []string{"max_user_instances", "max_user_watches"} {
		path := "/proc/sys/fs/inotify/" + name
		old, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if n, _ := strconv.Atoi(strings.TrimSpace(string(old))); n < 100_000 && os.WriteFile(path, []byte("100000"), 0o644) == nil {
			t.Cleanup(func() { os.WriteFile(path, old, 0o644) })
		}
	}
}

func dovecot(t *testing.T) *side {
	manyWatches(t)
	s := dovecottest.Start(t,
		"service imap {\n  process_limit = 20000\n  client_limit = 1\n}",
		"service imap-login {\n  process_limit = 20000\n}",
		"service anvil {\n  client_limit = 100000\n}",
		"service auth {\n  client_limit = 100000\n}",
		"service imap-hibernate {\n}")
	return &side{name: "dovecot", addr: s.IMAPAddr, user: s.User, password: s.Password,
		memory: func() int64 { return memory(t, descendants(t, s.Dir)) }}
}

// descendants returns the processes of a Dovecot, found by its configuration's folder.
func descendants(t *testing.T, dir string) []int {
	text, err := os.ReadFile(filepath.Join(dir, "run", "master.pid"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ps", "-eo", "pid,ppid").Output()
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{master}
	for line := range strings.Lines(string(out)) {
		var pid, ppid int
		if n, _ := fmt.Sscan(line, &pid, &ppid); n == 2 && ppid == master {
			pids = append(pids, pid)
		}
	}
	return pids
}

// memory returns the proportional set size of processes: what they share counts once.
func memory(t *testing.T, pids []int) int64 {
	var total int64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has just ended
		}
		for line := range strings.Lines(string(text)) {
			var kb int64
			if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kb); n == 1 {
				total += kb << 10
			}
		}
	}
	return total
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load fills INBOX over IMAP, with 8 connections that take turns, so that order is kept and both
// servers hold the same.
func load(t *testing.T, s *side) {
	const workers = 8
	type job struct {
		msg  []byte
		date time.Time
	}
	jobs := make(chan job, workers)
	var wg sync.WaitGroup
	errs := make(chan error, workers)
	for range workers {
		c := must[*client](t)(login(s.addr, s.user, s.password))
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer c.close()
			for j := range jobs {
				if err := c.append("INBOX", "", j.date, j.msg); err != nil {
					errs <- err
					for range jobs {
					}
					return
				}
			}
		}()
	}
	corpus := NewCorpus(1)
	for n := range *messages {
		msg, date := corpus.Next(n)
		jobs <- job{msg, date}
	}
	close(jobs)
	wg.Wait()
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
	// Once over everything, as any client would, so that Dovecot has its caches.
	c := must[*client](t)(login(s.addr, s.user, s.password))
	defer c.close()
	for _, cmd := range []string{"SELECT INBOX", "FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)", "CREATE bench"} {
		must[int64](t)(c.do(cmd))
	}
}

// rate runs f over and over for at least as long as -time says, after one run that does not count, and returns
// how many units it did per second; f returns how many it did.
func rate(t *testing.T, f func() (float64, error)) float64 {
	must[float64](t)(f())
	start, total := time.Now(), 0.0
	for time.Since(start) < *span {
		total += must[float64](t)(f())
	}
	return total / time.Since(start).Seconds()
}

// session opens a connection with INBOX selected.
func session(t *testing.T, s *side) *client {
	c := must[*client](t)(login(s.addr, s.user, s.password))
	must[int64](t)(c.do("SELECT INBOX"))
	return c
}

func fetch(name, items string) measure {
	return measure{name: name, unit: "messages/s", run: func(t *testing.T, s *side) float64 {
		c := session(t, s)
		defer c.close()
		return rate(t, func() (float64, error) {
			_, err := c.do("FETCH 1:* " + items)
			return float64(*messages), err
		})
	}}
}

// ordered is a command that orders all messages.
func ordered(name, command string) measure {
	return measure{name: name, unit: "messages/s", run: func(t *testing.T, s *side) float64 {
		c := session(t, s)
		defer c.close()
		return rate(t, func() (float64, error) {
			_, err := c.do(command)
			return float64(*messages), err
		})
	}}
}

func measures() []measure {
	return []measure{
		{name: "idle memory", unit: "KB/connection", less: true, run: func(t *testing.T, s *side) float64 {
			if s.fresh != nil {
				s = s.fresh()
			}
			bytes, _ := idle(t, s, false)
			return bytes / 1024
		}},
		{name: "SELECT", unit: "1/s", run: func(t *testing.T, s *side) float64 {
			c := session(t, s)
			defer c.close()
			return rate(t, func() (float64, error) { _, err := c.do("SELECT INBOX"); return 1, err })
		}},
		fetch("FETCH FLAGS", "(FLAGS)"),
		fetch("FETCH ENVELOPE", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"),
		fetch("FETCH BODYSTRUCTURE", "(BODYSTRUCTURE)"),
		{name: "all bodies", unit: "MB/s", run: func(t *testing.T, s *side) float64 {
			c := session(t, s)
			defer c.close()
			return rate(t, func() (float64, error) {
				n, err := c.do("FETCH 1:* (BODY.PEEK[])")
				return float64(n) / 1e6, err
			})
		}},
		{name: "random bodies, 8 connections", unit: "messages/s", run: randomBodies},
		{name: "APPEND 4 KB, 1 connection", unit: "messages/s", run: appendRate(1)},
		{name: "APPEND 4 KB, 16 connections", unit: "messages/s", run: appendRate(16)},
		{name: "STORE 1:*", unit: "messages/s", run: func(t *testing.T, s *side) float64 {
			c := session(t, s)
			defer c.close()
			sign := "+"
			return rate(t, func() (float64, error) {
				_, err := c.do("STORE 1:* " + sign + `FLAGS.SILENT (\Flagged)`)
				sign = map[string]string{"+": "-", "-": "+"}[sign]
				return float64(*messages), err
			})
		}},
		ordered("SORT by date", "SORT (DATE) UTF-8 ALL"),
		ordered("SORT by subject", "SORT (SUBJECT) UTF-8 ALL"),
		ordered("THREAD references", "THREAD REFERENCES UTF-8 ALL"),
		{name: "login", unit: "1/s", run: logins},
		{name: "new mail heard of, median", unit: "ms", less: true, run: func(t *testing.T, s *side) float64 {
			_, heard := idle(t, s, true)
			return heard.Seconds() * 1000
		}},
	}
}

// parallel runs f in n goroutines for as long as -time says and returns units per second.
func parallel(t *testing.T, n int, f func(worker int, end time.Time) (int, error)) float64 {
	var wg sync.WaitGroup
	counts, errs := make([]int, n), make([]error, n)
	start := time.Now()
	end := start.Add(*span)
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			counts[i], errs[i] = f(i, end)
		}()
	}
	wg.Wait()
	elapsed := time.Since(start).Seconds()
	total := 0
	for i := range n {
		check(t, errs[i])
		total += counts[i]
	}
	return float64(total) / elapsed
}

func randomBodies(t *testing.T, s *side) float64 {
	clients := make([]*client, 8)
	for i := range clients {
		clients[i] = session(t, s)
		defer clients[i].close()
	}
	return parallel(t, len(clients), func(i int, end time.Time) (n int, err error) {
		rnd := rand.New(rand.NewPCG(uint64(i), 7))
		for ; time.Now().Before(end) && err == nil; n++ {
			_, err = clients[i].do(fmt.Sprintf("FETCH %d (BODY.PEEK[])", rnd.IntN(*messages)+1))
		}
		return n, err
	})
}

func appendRate(conns int) func(*testing.T, *side) float64 {
	return func(t *testing.T, s *side) float64 {
		msg, date := NewCorpus(2).Message(1, 4096)
		clients := make([]*client, conns)
		for i := range clients {
			clients[i] = must[*client](t)(login(s.addr, s.user, s.password))
			defer clients[i].close()
		}
		return parallel(t, conns, func(i int, end time.Time) (n int, err error) {
			for ; time.Now().Before(end) && err == nil; n++ {
				err = clients[i].append("bench", "", date, msg)
			}
			return n, err
		})
	}
}

func logins(t *testing.T, s *side) float64 {
	return parallel(t, 4, func(_ int, end time.Time) (n int, err error) {
		for ; time.Now().Before(end); n++ {
			c, err := login(s.addr, s.user, s.password)
			if err != nil {
				return n, err
			}
			_, err = c.do("LOGOUT")
			c.close()
			if err != nil {
				return n, err
			}
		}
		return n, nil
	})
}

// idle puts connections into IDLE and returns what each costs the server, and when the median of
// them has heard of a message that another connection appends. The cost is that of
// as many connections again: the first make the server as large as logins and a warm heap make it.
func idle(t *testing.T, s *side, deliver bool) (bytesEach float64, heard time.Duration) {
	writer := must[*client](t)(login(s.addr, s.user, s.password))
	defer writer.close()
	must[int64](t)(writer.do("CREATE idle"))
	defer writer.do("DELETE idle")
	var conns []net.Conn
	open := func(n int) int64 {
		for range n {
			c := must[*client](t)(login(s.addr, s.user, s.password))
			t.Cleanup(c.close)
			must[int64](t)(c.do("SELECT idle"))
			_, err := io.WriteString(c.nc, "i IDLE\r\n")
			check(t, err)
			must[int](t)(c.nc.Read(c.buf))
			conns = append(conns, c.nc)
			c.buf = nil
		}
		time.Sleep(2 * time.Second)
		return s.memory()
	}
	defer func() {
		for _, nc := range conns {
			nc.Close()
		}
	}()
	if !deliver {
		before := open(*idlers)
		return float64(open(*idlers)-before) / float64(*idlers), 0
	}
	open(*idlers)
	msg, date := NewCorpus(3).Message(1, 4096)
	times := make([]float64, *idlers)
	var wg sync.WaitGroup
	var acknowledged time.Time
	ready := make(chan struct{})
	for i, nc := range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := make([]byte, 256)
			nc.SetReadDeadline(time.Now().Add(time.Minute))
			_, err := nc.Read(b)
			at := time.Now()
			<-ready
			if err != nil {
				t.Error(err)
			}
			times[i] = at.Sub(acknowledged).Seconds()
		}()
	}
	time.Sleep(100 * time.Millisecond)
	check(t, writer.append("idle", "", date, msg))
	acknowledged = time.Now()
	close(ready)
	wg.Wait()
	// Some hear before the writer has read its OK: that is no time at all.
	return 0, time.Duration(max(median(times), 1e-6) * float64(time.Second))
}
