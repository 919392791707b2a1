package imapserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/transcript"
	"restante/mailbox"
	"restante/store"
	"restante/store/memstore"
	"restante/store/storetest"
)

// TestRandomSessions has several clients give random commands on the same mailboxes, first one at a
// time, then all at once. Each believes what the untagged responses tell it and nothing else. When
// all is quiet, what it believes must be what the store holds.
func TestRandomSessions(t *testing.T) {
	all := stores()
	// A mailbox that forgets what was removed tells who comes back of all that is not there
	// (RFC 7162 §3.2.6).
	all["memstore-forgetful"] = func(testing.TB) store.Store { return memstore.Open(memstore.Options{History: 3 * 16}) }
	for name, open := range all {
		t.Run(name, func(t *testing.T) { randomSessions(t, startServer(t, open(t), nil), 3) })
	}
}

// randomSessions runs rounds of as many clients each.
func randomSessions(t *testing.T, ts *testServer, clients int) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(storetest.SeedEnv); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("%s: %v", storetest.SeedEnv, err)
		}
	}
	t.Logf("%s=%d", storetest.SeedEnv, seed)
	until := time.Now().Add(1500 * time.Millisecond)
	for round := uint64(0); round < 2 || time.Now().Before(until); round++ {
		r := newRandomRound(t, ts, clients, rand.New(rand.NewPCG(seed, round)))
		if err := r.run(round%2 == 1); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// randomRound is one user with a few clients.
type randomRound struct {
	rnd     *rand.Rand
	store   store.Store
	account store.Account
	clients []*believer

	mu struct {
		sync.Mutex
		bodies map[string]string // UIDVALIDITY and UID to the message, as the first client got it
	}
}

var randomBoxes = []string{"INBOX", "Other"}

func newRandomRound(t *testing.T, ts *testServer, clients int, rnd *rand.Rand) *randomRound {
	user := ts.target(t, false)
	r := &randomRound{rnd: rnd, store: ts.store, account: ts.account(t, user.User)}
	r.mu.bodies = map[string]string{}
	if _, err := ts.store.Commit(context.Background(), store.System, &store.Create{Account: r.account.ID(), Name: "Other"}); err != nil {
		t.Fatal(err)
	}
	// Sometimes more than FETCH looks up at a time.
	for i := range []int{5, 30, 600}[rnd.IntN(3)] {
		if err := user.Seed("INBOX", randomMessage(rnd, "seed", i), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range clients {
		enable := []string{"", "CONDSTORE", "QRESYNC", "QRESYNC", "UIDONLY", "UIDONLY CONDSTORE", "UIDONLY QRESYNC"}[rnd.IntN(7)]
		c, err := newBeliever(r, user, fmt.Sprintf("c%d", i), i >= 2, enable, rand.New(rand.NewPCG(rnd.Uint64(), 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.nc.Close() })
		r.clients = append(r.clients, c)
	}
	return r
}

func randomMessage(rnd *rand.Rand, who string, i int) []byte {
	return fmt.Appendf(nil, "Subject: %s %d %d\r\n\r\n%s\r\n", who, i, rnd.Uint64(), strings.Repeat("text ", rnd.IntN(30)))
}

func (r *randomRound) run(together bool) error {
	if !together {
		for range 8 {
			for range 25 {
				c := r.clients[r.rnd.IntN(len(r.clients))]
				if err := c.step(); err != nil {
					return c.explain(err)
				}
			}
			if err := r.check(); err != nil {
				return err
			}
		}
		return nil
	}
	for range 3 {
		errs := make(chan error, len(r.clients))
		for _, c := range r.clients {
			go func() {
				for range 40 {
					if err := c.step(); err != nil {
						errs <- c.explain(err)
						return
					}
				}
				errs <- nil
			}()
		}
		var first error
		for range r.clients {
			if err := <-errs; err != nil && first == nil {
				first = err
			}
		}
		if first != nil {
			return first
		}
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

// check compares what every client believes with the store.
func (r *randomRound) check() error {
	for _, c := range r.clients {
		if err := c.settle(); err != nil {
			return c.explain(err)
		}
		e, _ := r.account.Namespace().Lookup(c.box)
		box, err := r.store.Open(context.Background(), store.System, store.Ref{Account: r.account.ID(), Mailbox: e.ID})
		if err != nil {
			return err
		}
		err = c.compare(box.Version())
		box.Close()
		if err != nil {
			return c.explain(err)
		}
	}
	return nil
}

// believer is a client that believes what it is told.
type believer struct {
	round *randomRound
	name  string
	rev2  bool
	rnd   *rand.Rand
	nc    net.Conn
	r     *bufio.Reader
	tags  int
	sent  int
	log   []string // both directions

	box      string
	validity string
	readOnly bool
	view     []belief
	// mayExpunge is whether the command that is being answered allows EXPUNGE.
	mayExpunge bool
	result     string // what the last SEARCH or ESEARCH said
	searched   int    // how many messages the client knew of then

	sync syncing // what it knows of mod-sequences
}

// belief is what a client knows of the message in one place. uid 0: nothing yet.
type belief struct {
	uid   uint32
	known bool // flags are
	flags map[string]bool

	modSeq uint64 // 0: not known
}

func newBeliever(r *randomRound, user transcript.Target, name string, rev2 bool, enable string, rnd *rand.Rand) (*believer, error) {
	nc, err := user.Dial()
	if err != nil {
		return nil, err
	}
	c := &believer{round: r, name: name, rev2: rev2, rnd: rnd, nc: nc, r: bufio.NewReader(nc)}
	if _, err := c.line(); err != nil {
		return nil, err
	}
	if err := c.do(false, "LOGIN %s %s", user.User, user.Password); err != nil {
		return nil, err
	}
	if rev2 {
		if err := c.do(false, "ENABLE IMAP4rev2"); err != nil {
			return nil, err
		}
	}
	if err := c.sync.enable(c, enable); err != nil {
		return nil, err
	}
	return c, c.open("INBOX", false)
}

// explain adds what was said last.
func (c *believer) explain(err error) error {
	return fmt.Errorf("%s: %w\n%s", c.name, err, strings.Join(c.log[max(0, len(c.log)-60):], "\n"))
}

func (c *believer) note(dir, s string) {
	if len(s) > 300 {
		s = s[:300] + "..."
	}
	c.log = append(c.log, dir+" "+s)
}

// line reads one response with its literals.
func (c *believer) line() (string, error) {
	c.nc.SetDeadline(time.Now().Add(20 * time.Second))
	var all strings.Builder
	for {
		s, err := c.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		all.WriteString(strings.TrimSuffix(s, "\r\n"))
		m := literalEnd.FindStringSubmatch(s)
		if m == nil {
			c.note("S:", all.String())
			return all.String(), nil
		}
		n, _ := strconv.Atoi(m[1])
		lit := make([]byte, n)
		if _, err := io.ReadFull(c.r, lit); err != nil {
			return "", err
		}
		all.WriteString(strconv.Quote(string(lit)))
	}
}

var (
	literalEnd = regexp.MustCompile(`\{(\d+)\}\r\n$`)
	numbered   = regexp.MustCompile(`^\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH|UIDFETCH)(.*)$`)
	fetchUID   = regexp.MustCompile(`[( ]UID (\d+)`)
	fetchFlags = regexp.MustCompile(`[( ]FLAGS \(([^)]*)\)`)
	fetchBody  = regexp.MustCompile(`[( ]BODY\[\] \{\d+\}(".*")`)
)

func (c *believer) send(format string, args ...any) error {
	s := fmt.Sprintf(format, args...)
	c.note("C:", strings.TrimSuffix(s, "\r\n"))
	c.nc.SetDeadline(time.Now().Add(20 * time.Second))
	_, err := io.WriteString(c.nc, s)
	return err
}

// start sends a command.
func (c *believer) start(format string, args ...any) error {
	c.sent++
	c.sync.commands = append(c.sync.commands, fmt.Sprintf(format, args...))
	return c.send("%s%d %s\r\n", c.name, c.sent, fmt.Sprintf(format, args...))
}

// wait reads the answer of the oldest command. A NO is an error but for what other clients caused.
func (c *believer) wait(mayExpunge bool) error {
	c.tags++
	c.mayExpunge = mayExpunge
	tag := fmt.Sprintf("%s%d ", c.name, c.tags)
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if rest, ok := strings.CutPrefix(line, tag); ok {
			if !strings.HasPrefix(rest, "OK") && !strings.HasPrefix(rest, "NO [EXPUNGEISSUED]") && !strings.HasPrefix(rest, "NO [MODIFIED ") {
				return fmt.Errorf("answered %q", line)
			}
			c.sync.answered(rest)
			return nil
		}
		if err := c.untagged(line); err != nil {
			return fmt.Errorf("%w: %q", err, line)
		}
	}
}

func (c *believer) do(mayExpunge bool, format string, args ...any) error {
	if err := c.start(format, args...); err != nil {
		return err
	}
	return c.wait(mayExpunge)
}

// untagged believes one response.
func (c *believer) untagged(line string) error {
	switch {
	case strings.HasPrefix(line, "* SEARCH"), strings.HasPrefix(line, "* ESEARCH"):
		if strings.HasPrefix(line, "* SEARCH") == c.rev2 {
			return fmt.Errorf("the wrong form")
		}
		c.result, c.searched = line, len(c.view)
	case strings.HasPrefix(line, "* OK [UIDVALIDITY "):
		c.validity = strings.TrimSuffix(strings.Fields(line)[3], "]")
	case strings.HasPrefix(line, "* BYE"):
		return fmt.Errorf("said goodbye")
	case strings.HasPrefix(line, "* VANISHED "):
		return c.vanished(strings.Fields(line)[2:])
	case strings.HasPrefix(line, "* OK [HIGHESTMODSEQ "):
		c.sync.told, _ = strconv.ParseUint(strings.TrimSuffix(strings.Fields(line)[3], "]"), 10, 64)
	}
	m := numbered.FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	n, _ := strconv.Atoi(m[1])
	switch m[2] {
	case "EXISTS":
		if n < len(c.view) {
			return fmt.Errorf("EXISTS shrinks from %d", len(c.view))
		}
		for len(c.view) < n {
			c.view = append(c.view, belief{})
		}
	case "RECENT":
		if c.rev2 {
			return fmt.Errorf("RECENT in IMAP4rev2")
		}
	case "EXPUNGE":
		if c.sync.vanishes || c.sync.uidOnly {
			return fmt.Errorf("EXPUNGE in the place of VANISHED")
		}
		if !c.mayExpunge {
			return fmt.Errorf("EXPUNGE where it is forbidden")
		}
		if n < 1 || n > len(c.view) {
			return fmt.Errorf("there are %d", len(c.view))
		}
		c.view = slices.Delete(c.view, n-1, n)
	case "FETCH":
		if c.sync.uidOnly {
			return fmt.Errorf("a number of a message")
		}
		return c.fetched(n, m[3])
	case "UIDFETCH":
		if !c.sync.uidOnly {
			return fmt.Errorf("UIDONLY is not enabled")
		}
		place, err := c.place(uint32(n))
		if err != nil {
			return err
		}
		return c.fetched(place, m[3])
	}
	return nil
}

func (c *believer) fetched(n int, items string) error {
	if n < 1 || n > len(c.view) {
		return fmt.Errorf("there are %d", len(c.view))
	}
	b := &c.view[n-1]
	if m := fetchUID.FindStringSubmatch(items); m != nil {
		uid, _ := strconv.ParseUint(m[1], 10, 32)
		if b.uid != 0 && b.uid != uint32(uid) {
			return fmt.Errorf("message %d was UID %d", n, b.uid)
		}
		b.uid = uint32(uid)
	}
	m := fetchFlags.FindStringSubmatch(items)
	if err := c.sync.fetched(c, b, items, m != nil); err != nil {
		return err
	}
	if m != nil {
		b.flags, b.known = map[string]bool{}, true
		for _, f := range strings.Fields(m[1]) {
			if f == `\Recent` {
				if c.rev2 {
					return fmt.Errorf("\\Recent in IMAP4rev2")
				}
				continue
			}
			if b.flags[f] {
				return fmt.Errorf("%s twice", f)
			}
			b.flags[f] = true
		}
	}
	if m := fetchBody.FindStringSubmatch(items); m != nil && b.uid != 0 {
		return c.round.sameBody(c.validity, b.uid, m[1])
	}
	return nil
}

// sameBody checks that a message is the same for everybody.
func (r *randomRound) sameBody(validity string, uid uint32, body string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := fmt.Sprint(validity, uid)
	if old, ok := r.mu.bodies[key]; ok && old != body {
		return fmt.Errorf("UID %d was %s", uid, old)
	}
	r.mu.bodies[key] = body
	return nil
}

func (c *believer) open(box string, readOnly bool) error {
	if c.sync.vanishes {
		return c.reopen(box, readOnly)
	}
	c.view, c.box, c.readOnly = nil, box, readOnly
	if readOnly {
		return c.do(false, "EXAMINE %s", box)
	}
	return c.do(false, "SELECT %s", box)
}

// learn asks for what the client does not know of the messages.
func (c *believer) learn() error {
	var set []string
	for i, b := range c.view {
		if b.uid == 0 || !b.known || c.sync.modSeqs && b.modSeq == 0 {
			set = append(set, strconv.Itoa(i+1))
		}
	}
	if len(set) == 0 {
		return nil
	}
	items := "UID FLAGS"
	if c.sync.modSeqs {
		items += " MODSEQ"
	}
	if c.sync.uidOnly {
		return c.do(true, "UID FETCH 1:* (%s)", items)
	}
	return c.do(false, "FETCH %s (%s)", strings.Join(set, ","), items)
}

// settle hears what is new, without asking for what it should know.
func (c *believer) settle() error {
	if err := c.do(true, "NOOP"); err != nil {
		return err
	}
	if err := c.learn(); err != nil {
		return err
	}
	c.remember()
	return nil
}

// compare checks what the client believes.
func (c *believer) compare(v *mailbox.Version) error {
	if len(c.view) != v.Len() {
		return fmt.Errorf("believes in %d messages, there are %d", len(c.view), v.Len())
	}
	for seq, r := range v.Rows() {
		b := c.view[seq-1]
		want := map[string]bool{}
		for _, f := range v.Flags(v.Set(r)) {
			want[string(f)] = true
		}
		if b.uid != uint32(r.UID) || !maps.Equal(b.flags, want) {
			return fmt.Errorf("believes that %d is UID %d with %v, it is %d with %v", seq, b.uid, b.flags, r.UID, want)
		}
		if c.sync.modSeqs && b.modSeq != uint64(r.ModSeq) {
			return fmt.Errorf("believes that the mod-sequence of UID %d is %d, it is %d", b.uid, b.modSeq, r.ModSeq)
		}
	}
	return nil
}

// set is some messages, and how commands name them.
type set struct {
	places []int
	uid    string // "UID " when they are named by UID
	text   string
}

func (c *believer) set() set {
	n := len(c.view)
	a := c.rnd.IntN(n)
	b := a
	switch c.rnd.IntN(4) {
	case 0:
		b = min(n-1, a+c.rnd.IntN(4))
	case 1:
		a, b = 0, n-1
	}
	var s set
	for i := a; i <= b; i++ {
		s.places = append(s.places, i)
	}
	switch first, last := c.view[a].uid, c.view[b].uid; {
	case (c.sync.uidOnly || c.rnd.IntN(2) == 0) && first != 0 && last != 0:
		s.uid, s.text = "UID ", fmt.Sprintf("%d:%d", first, last)
	case a == 0 && b == n-1:
		s.text = "1:*"
	default:
		s.text = fmt.Sprintf("%d:%d", b+1, a+1)
	}
	return s
}

var randomFlags = []string{`\Seen`, `\Flagged`, `\Deleted`, `\Answered`, "work", "$Later"}

// step gives one command, or two at once.
func (c *believer) step() error {
	if c.sync.uidOnly || c.sync.vanishes {
		// VANISHED does not tell which message it is to who does not know the UIDs.
		// More may arrive behind the answer.
		for first := true; first || slices.ContainsFunc(c.view, func(b belief) bool { return b.uid == 0 }); first = false {
			if err := c.learn(); err != nil {
				return err
			}
		}
		if c.rnd.IntN(8) == 0 {
			c.remember()
		}
	}
	if len(c.view) == 0 {
		if c.rnd.IntN(2) == 0 {
			return c.append()
		}
		return c.do(true, "NOOP")
	}
	some := c.set()
	small := some // copies must not make the mailbox grow without end
	if len(some.places) > 8 {
		small = set{text: strconv.Itoa(1 + c.rnd.IntN(len(c.view)))}
		if c.sync.uidOnly {
			small = set{uid: "UID ", text: strconv.Itoa(int(c.view[c.rnd.IntN(len(c.view))].uid))}
		}
	}
	switch k := c.rnd.IntN(24); k {
	case 0:
		return c.do(true, "NOOP")
	case 1:
		return c.learn()
	case 2, 3, 4, 5, 6, 7:
		if c.readOnly {
			return c.do(true, "CHECK")
		}
		return c.store(some)
	case 8, 9, 10:
		items := []string{"FLAGS", "(UID FLAGS)", "BODY[]", "(UID BODY[] FLAGS)", "(BODY.PEEK[TEXT] UID)", "(RFC822.SIZE INTERNALDATE ENVELOPE)", "(BODY[HEADER.FIELDS (Subject)] BODYSTRUCTURE)"}[c.rnd.IntN(7)]
		return c.do(some.uid != "", "%sFETCH %s %s", some.uid, some.text, items)
	case 11, 12:
		return c.search()
	case 13:
		box := randomBoxes[c.rnd.IntN(2)]
		return c.do(true, "%sCOPY %s %s", small.uid, small.text, box)
	case 14:
		if c.readOnly {
			return nil
		}
		box := randomBoxes[c.rnd.IntN(2)]
		return c.do(true, "%sMOVE %s %s", small.uid, small.text, box)
	case 15:
		if c.readOnly {
			return nil
		}
		return c.do(true, "EXPUNGE")
	case 16:
		if c.readOnly || c.view[some.places[0]].uid == 0 {
			return nil
		}
		return c.do(true, "UID EXPUNGE %d:*", c.view[some.places[0]].uid)
	case 17, 18:
		return c.append()
	case 19, 20:
		return c.idle()
	case 21:
		if c.readOnly {
			return c.open(c.box, false)
		}
		if err := c.do(false, "%s", []string{"CLOSE", "UNSELECT"}[c.rnd.IntN(2)]); err != nil {
			return err
		}
		return c.open(randomBoxes[c.rnd.IntN(2)], c.rnd.IntN(4) == 0)
	case 22:
		return c.do(true, "STATUS %s (MESSAGES UNSEEN UIDNEXT)", randomBoxes[c.rnd.IntN(2)])
	default:
		if c.sync.uidOnly {
			return c.do(true, "UID FETCH 1:* (FLAGS)")
		}
		return c.pipelined()
	}
}

// store changes flags. With .SILENT the client knows what they are, unless it is told otherwise.
func (c *believer) store(s set) error {
	op := []string{"", "+", "-"}[c.rnd.IntN(3)]
	silent := c.rnd.IntN(2) == 0
	var flags []string
	for _, f := range randomFlags {
		if c.rnd.IntN(3) == 0 {
			flags = append(flags, f)
		}
	}
	item := op + "FLAGS"
	if c.sync.modSeqs && c.rnd.IntN(2) == 0 {
		return c.storeUnchanged(s, op, silent, flags)
	}
	if silent {
		item += ".SILENT"
		for _, i := range s.places {
			b := &c.view[i]
			if b.flags == nil || op == "" {
				b.flags = map[string]bool{}
				b.known = b.known || op == ""
			} else {
				b.flags = maps.Clone(b.flags)
			}
			for _, f := range flags {
				if op == "-" {
					delete(b.flags, f)
				} else {
					b.flags[f] = true
				}
			}
		}
	}
	return c.do(s.uid != "", "%sSTORE %s %s (%s)", s.uid, s.text, item, strings.Join(flags, " "))
}

// search checks that the numbers are within what the client knows, and that ALL means all.
func (c *believer) search() error {
	key := []string{"ALL", "UNSEEN", "OR DELETED FLAGGED", "KEYWORD work", "SUBJECT seed", "NOT TEXT text", "1:*"}[c.rnd.IntN(7)]
	c.result = ""
	if c.sync.uidOnly {
		return c.do(true, "UID SEARCH %s", strings.Replace(key, "1:*", "UID 1:*", 1))
	}
	if c.rnd.IntN(2) == 0 {
		return c.do(true, "UID SEARCH %s", key)
	}
	if err := c.do(false, "SEARCH %s", key); err != nil {
		return err
	}
	if c.result == "" {
		return fmt.Errorf("no result")
	}
	n := 0
	for _, f := range strings.FieldsFunc(c.result[strings.LastIndex(c.result, ")")+1:], func(r rune) bool { return r < '0' || r > '9' }) {
		x, _ := strconv.Atoi(f)
		n = max(n, x)
	}
	if n > c.searched || (key == "ALL" || key == "1:*") && n != c.searched {
		return fmt.Errorf("the highest is %d of %d", n, c.searched)
	}
	return nil
}

func (c *believer) append() error {
	msg := randomMessage(c.rnd, c.name, c.sent)
	flag := randomFlags[c.rnd.IntN(len(randomFlags))]
	return c.do(true, "APPEND %s (%s) {%d+}\r\n%s", randomBoxes[c.rnd.IntN(2)], flag, len(msg), msg)
}

func (c *believer) idle() error {
	if err := c.start("IDLE"); err != nil {
		return err
	}
	c.mayExpunge = true
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "+ ") {
			break
		}
		if err := c.untagged(line); err != nil {
			return fmt.Errorf("%w: %q", err, line)
		}
	}
	time.Sleep(time.Duration(c.rnd.IntN(2000)) * time.Microsecond)
	if err := c.send("DONE\r\n"); err != nil {
		return err
	}
	return c.wait(true)
}

// pipelined gives commands that keep the numbers, all before the first is answered.
func (c *believer) pipelined() error {
	n := len(c.view)
	cmds := []string{
		fmt.Sprintf("FETCH %d:* FLAGS", 1+c.rnd.IntN(n)),
		fmt.Sprintf("SEARCH %d", 1+c.rnd.IntN(n)),
		fmt.Sprintf("FETCH %d BODY[]", 1+c.rnd.IntN(n)),
	}
	if !c.readOnly {
		cmds = append(cmds, fmt.Sprintf("STORE %d +FLAGS (\\Seen)", 1+c.rnd.IntN(n)))
	}
	c.rnd.Shuffle(len(cmds), func(i, j int) { cmds[i], cmds[j] = cmds[j], cmds[i] })
	for _, cmd := range cmds {
		if err := c.start("%s", cmd); err != nil {
			return err
		}
	}
	for range cmds {
		if err := c.wait(false); err != nil {
			return err
		}
	}
	return nil
}
