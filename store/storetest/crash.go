package storetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/store"
)

// crash kills a process that writes, again and again on the same directory, and checks what it
// has left. A commit that the writer told to be done must be there, and one that it had only begun
// must be there as a whole or not at all.
type crash struct {
	*env
	user  store.AccountID
	rnd   *rand.Rand
	state *state // what must be there
	begun [workers]*record
	floor [workers]imap.UID // of what is begun: UIDs that Shared had given to others before

	marks     map[uint32]mark // by UIDVALIDITY: how far each mailbox was seen
	before    map[uint32]mark // the same, before this round
	given     map[givenUID]bool
	accounts  map[store.AccountID]bool
	validity  uint32 // the highest before this round
	completed int
}

type givenUID struct {
	uidValidity uint32
	uid         imap.UID
}

func testCrash(t *testing.T, o Opener, tear func(string, *rand.Rand) string) {
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	if s := os.Getenv(RoundsEnv); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatalf("%s: %v", RoundsEnv, err)
		}
	}
	c := &crash{env: newEnv(t, o), rnd: newRand(t), marks: map[uint32]mark{}, given: map[givenUID]bool{}, accounts: map[store.AccountID]bool{}}
	a := c.account(crashUser)
	c.user = a.ID()
	c.ref(a, crashShared)
	c.load()
	for round := range rounds {
		c.close()
		if o.Check != nil {
			c.must(o.Check(c.dir))
		}
		c.round(round)
		what := "killed"
		if tear != nil {
			what = tear(c.dir, c.rnd)
		}
		c.Logf("round %d: %d commits in all, %d messages in %d mailboxes; %s", round, c.completed, len(c.given), len(c.state.boxes), what)
		c.open()
		c.check()
		if shared := c.box(c.account(crashUser), crashShared); shared.Version().Len() > 1000 {
			c.expunge(shared, uidsOf(shared.Version())...)
		}
		c.load()
	}
}

// stuckAfter is how long a writer may take for all that it is to do, on any machine.
const stuckAfter = 5 * time.Minute

// load takes the state as the store says it is.
func (c *crash) load() {
	c.Helper()
	got, err := load(c.store, c.user)
	if err != nil {
		c.Fatal(err)
	}
	c.state = got
	for _, b := range got.boxes {
		c.see(b.mark)
		c.validity = max(c.validity, b.UIDValidity)
		for _, m := range b.msgs {
			c.given[givenUID{b.UIDValidity, m.UID}] = true
		}
	}
	c.before = map[uint32]mark{}
	for k, m := range c.marks {
		c.before[k] = m
		c.validity = max(c.validity, k)
	}
}

// see notes how far a mailbox is: it may never be seen behind that.
func (c *crash) see(m mark) {
	old := c.marks[m.UIDValidity]
	c.marks[m.UIDValidity] = mark{m.UIDValidity, max(old.UIDNext, m.UIDNext), max(old.HighestModSeq, m.HighestModSeq)}
}

// round runs a writer, kills it at a random moment, and reads what it has told.
func (c *crash) round(n int) {
	c.Helper()
	c.begun = [workers]*record{}
	var pattern []string
	for name := range strings.SplitSeq(path.Dir(c.Name()), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	config, err := json.Marshal(childConfig{c.dir, c.rnd.Uint64()})
	c.must(err)
	r, w, err := os.Pipe()
	c.must(err)
	defer r.Close()
	cmd := exec.Command(os.Args[0], "-test.run="+strings.Join(pattern, "/"))
	cmd.Env = append(os.Environ(), childEnv+"="+string(config))
	cmd.ExtraFiles = []*os.File{w}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	c.must(cmd.Start())
	w.Close()
	kill := func() { cmd.Process.Kill() }
	// It is killed when it has begun or made so many commits, of which at least one was
	// acknowledged; or, every fourth time, while it opens the store.
	count, begun, opening := 1+c.rnd.IntN(500), c.rnd.IntN(2) == 0, n%4 == 3
	acknowledged := 0
	stuck := time.AfterFunc(stuckAfter, kill)
	defer stuck.Stop()

	var failure error
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break // the last line may have been cut off; it says nothing then
		}
		var rec record
		if err == nil {
			err = json.Unmarshal(line, &rec)
		}
		if err == nil {
			err = c.told(&rec)
		}
		if err != nil && failure == nil {
			failure = fmt.Errorf("%w\nthe writer said %.2000s", err, line)
			kill()
		}
		switch {
		case rec.Op == "open" && !rec.Done && opening:
			time.AfterFunc(time.Duration(c.rnd.IntN(60))*time.Millisecond, kill)
		case rec.Op != "commit" || opening:
		default:
			if rec.Done && rec.Err == "" {
				acknowledged++
			}
			if rec.Done != begun {
				count--
			}
			if count <= 0 && acknowledged > 0 {
				kill()
			}
		}
	}
	if !stuck.Stop() {
		failure = errors.Join(failure, errors.New("the writer got stuck"))
	}
	err = cmd.Wait()
	if failure != nil {
		c.Fatalf("round %d: %v\n%s", n, failure, output.String())
	}
	if cmd.ProcessState.ExitCode() != -1 {
		c.Fatalf("round %d: the writer ended by itself: %v\n%s", n, err, output.String())
	}
}

// told applies what the writer has told, and checks that nothing was given out twice.
func (c *crash) told(r *record) error {
	if !r.Done {
		if r.Op == "open" {
			return nil
		}
		c.begun[r.Worker], c.floor[r.Worker] = r, 0
		if msgs := c.state.boxes[crashShared].msgs; len(msgs) > 0 {
			c.floor[r.Worker] = msgs[len(msgs)-1].UID
		}
		return nil
	}
	c.begun[r.Worker] = nil
	if r.Op == "open" || r.Op == "begin" || strings.HasPrefix(r.Op, "unexpected") {
		if r.Err != "" {
			return fmt.Errorf("%s failed: %s", r.Op, r.Err)
		}
		return nil
	}
	c.completed++
	if r.Err != "" {
		return nil
	}
	for i := range r.Steps {
		if err := c.toldStep(r.Worker, &r.Steps[i]); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	if r.Op == "user" {
		if c.accounts[r.ID] {
			return fmt.Errorf("account ID %d was given again", r.ID)
		}
		c.accounts[r.ID] = true
	}
	for _, m := range r.Seen {
		c.see(m)
	}
	return c.state.apply(r)
}

// toldStep checks what was given out by one operation.
func (c *crash) toldStep(worker int, s *crashStep) error {
	if s.Op == "create" {
		if _, ok := c.marks[s.UIDValidity]; ok || s.UIDValidity <= c.validity {
			return fmt.Errorf("UIDVALIDITY %d was given again, or after %d", s.UIDValidity, c.validity)
		}
		c.see(mark{UIDValidity: s.UIDValidity})
	}
	shared := c.state.boxes[crashShared].UIDValidity == s.UIDValidity
	for _, uid := range s.New {
		key := givenUID{s.UIDValidity, uid}
		if c.given[key] || shared && uid <= c.floor[worker] {
			return fmt.Errorf("UID %d was given again, or after %d", uid, c.floor[worker])
		}
		c.given[key] = true
		if before := c.before[s.UIDValidity]; s.ModSeq <= before.HighestModSeq || uid < before.UIDNext {
			return fmt.Errorf("UID %d with mod-sequence %d, but the mailbox was already at %+v", uid, s.ModSeq, before)
		}
	}
	return nil
}

// check compares the store with what must be there.
func (c *crash) check() {
	c.Helper()
	got, err := load(c.store, c.user)
	if err != nil {
		c.Fatal(err)
	}
	for name, b := range got.boxes {
		if m := c.marks[b.UIDValidity]; b.UIDNext < m.UIDNext || b.HighestModSeq < m.HighestModSeq {
			c.Errorf("mailbox %s is at %+v, but was seen at %+v", name, b.mark, m)
		}
		if _, known := c.marks[b.UIDValidity]; !known && b.UIDValidity <= c.validity {
			c.Errorf("mailbox %s has UIDVALIDITY %d, which was given after %d", name, b.UIDValidity, c.validity)
		}
		c.checkRemoved(name, b)
	}

	// Of Shared, what nobody was told must be of changes that had begun.
	want, have := c.state.boxes[crashShared], got.boxes[crashShared]
	if have == nil {
		c.Fatalf("%s is gone", crashShared)
	}
	var extra, old []stateMsg
	known := map[imap.UID]bool{}
	for _, m := range want.msgs {
		known[m.UID] = true
	}
	for _, m := range have.msgs {
		if known[m.UID] {
			old = append(old, m)
		} else {
			extra = append(extra, m)
		}
	}
	if err := compareMessages(old, want.msgs); err != nil {
		c.Errorf("%s: %v", crashShared, err)
	}
	for i, r := range c.begun {
		var errs [2]error // if the change was not made, and if it was
		left := [2][]stateMsg{extra, extra}
		for made := range errs {
			if made == 1 && r == nil {
				errs[1] = errs[0]
				break
			}
			st := c.state.clone()
			if made == 1 {
				if errs[1] = st.apply(r); errs[1] != nil {
					continue // it was drawn to fail, so it was not made
				}
			}
			errs[made] = st.compare(got, crashPrefix(i))
			// Only this worker's change has messages with these hashes.
			last := 0
			for _, m := range st.boxes[crashShared].pending {
				at := slices.IndexFunc(left[made], m.matches)
				if at < last {
					errs[made] = fmt.Errorf("mailbox %s lacks %+v, or it comes too early", crashShared, m)
					break
				}
				left[made] = slices.Delete(slices.Clone(left[made]), at, at+1)
				last = at
			}
		}
		switch {
		case errs[1] == nil && r != nil: // if both are right, the change has not touched its mailboxes
			extra = left[1]
		case errs[0] != nil:
			c.Errorf("worker %d, which had begun %+v:\nas if it had not: %v\nas if it had: %v", i, r, errs[0], errs[1])
		}
	}
	if len(extra) > 0 {
		c.Errorf("%s has messages that nobody appended, or a part of a change: %+v", crashShared, extra)
	}
	for _, u := range got.users {
		var id store.AccountID
		fmt.Sscan(u, &id)
		c.accounts[id] = true
	}
	if c.Failed() {
		c.FailNow()
	}
}

// checkRemoved checks that a mailbox that remembers everything that was removed tells of every
// message that somebody was told of and that is not there any more.
func (c *crash) checkRemoved(name string, b *stateBox) {
	c.Helper()
	if b.removedSince > 0 {
		return
	}
	there := map[imap.UID]bool{}
	for _, m := range b.msgs {
		there[m.UID] = true
	}
	for key := range c.given {
		if key.uidValidity == b.UIDValidity && !there[key.uid] && !b.removed.Contains(key.uid) {
			c.Errorf("mailbox %s: UID %d is not there, and not said to be removed", name, key.uid)
		}
	}
}
