package storetest

import (
	"bufio"
	"bytes"
	"encoding/json"
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
// has left. What the writer told to be done must be there, and what it had only begun must be
// there as a whole or not at all.
type crash struct {
	*env
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
	c.id(c.account(crashUser), crashShared)
	c.load()
	for round := range rounds {
		c.close()
		c.round(round)
		what := "killed"
		if tear != nil {
			what = tear(c.dir, c.rnd)
		}
		c.Logf("round %d: %d changes in all, %d messages in %d mailboxes; %s", round, c.completed, len(c.given), len(c.state.boxes), what)
		c.open()
		c.check()
		if shared := c.box(c.account(crashUser), crashShared); shared.Version().Len() > 1000 {
			c.expunge(shared, uidsOf(shared.Version())...)
		}
		c.load()
	}
}

// load takes the state as the store says it is.
func (c *crash) load() {
	c.Helper()
	got, err := load(c.store, c.account(crashUser))
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
	// Killed after so many changes, or, to hit what it does when it opens, after so long.
	changes, after := 1+c.rnd.IntN(800), time.Second
	if n%4 == 3 {
		after = time.Duration(c.rnd.IntN(60)) * time.Millisecond
	}
	timer := time.AfterFunc(after, kill)
	defer timer.Stop()

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
		if rec.Done {
			if changes--; changes == 0 {
				kill()
			}
		}
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
		c.begun[r.Worker] = r
		if c.floor[r.Worker] = 0; r.Box == crashShared || r.To == crashShared {
			shared := c.state.boxes[crashShared]
			if n := len(shared.msgs); n > 0 {
				c.floor[r.Worker] = shared.msgs[n-1].UID
			}
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
	switch r.Op {
	case "append", "copy", "move":
		for i, uid := range r.New {
			key := givenUID{r.UIDValidity, uid}
			if c.given[key] || uid <= c.floor[r.Worker] {
				return fmt.Errorf("UID %d was given again, or after %d", uid, c.floor[r.Worker])
			}
			c.given[key] = true
			if i >= len(r.ModSeqs) || r.ModSeqs[i] <= c.before[r.UIDValidity].HighestModSeq || uid < c.before[r.UIDValidity].UIDNext {
				return fmt.Errorf("UID %d with mod-sequences %v, but the mailbox was already at %+v", uid, r.ModSeqs, c.before[r.UIDValidity])
			}
		}
	case "create":
		if _, ok := c.marks[r.UIDValidity]; ok || r.UIDValidity <= c.validity {
			return fmt.Errorf("UIDVALIDITY %d was given again, or after %d", r.UIDValidity, c.validity)
		}
		c.see(mark{UIDValidity: r.UIDValidity})
	case "user":
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

// check compares the store with what must be there.
func (c *crash) check() {
	c.Helper()
	got, err := load(c.store, c.account(crashUser))
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
				c.must(st.apply(r))
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
