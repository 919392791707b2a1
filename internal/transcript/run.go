package transcript

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/imap"
)

var update = flag.Bool("update", false, "rewrite the expectations of transcripts that fail")

// Mode is a kind of server to run transcripts against.
type Mode struct {
	// Name tells modes apart: "memstore", "localstore-tls". The parts between hyphens are labels
	// for only, skip and conditions.
	Name string
	// TLS says that Dial's connections are encrypted from the start. It makes the label tls
	// instead of plain.
	TLS bool
	// Compress says that every session compresses as soon as it is logged in. It makes the label
	// compress.
	Compress bool
	// Start returns a fresh account, on a server of its own or on a shared one. What it needs is
	// released by t.Cleanup. It may be called concurrently.
	Start func(t testing.TB) Target
}

// Target is an account on a running server.
type Target struct {
	Dial           func() (net.Conn, error)
	User, Password string
	// StartTLS is the client's configuration for the directive tls; nil when the server has no
	// STARTTLS.
	StartTLS *tls.Config
	// Seed delivers a message, to a mailbox that it makes if it does not exist, without a
	// session's help. nil: messages are seeded with APPEND.
	Seed func(mailbox string, msg []byte, flags []imap.Flag, date time.Time) error
	// Settle, if not nil, is called before every line that is sent: it returns when the machine of each
	// session has heard of everything that was acknowledged on whichever. nil: there is one machine.
	Settle func() error
	// Limit is how long a response may take; zero is 10 seconds.
	Limit time.Duration

	remote bool // a server that is not ours: what it lacks is not run
}

// Run runs the transcripts in dir, in each mode that they are for, for an IMAP4rev1 and for an
// IMAP4rev2 client: as parallel subtests called mode/revision/transcript. Without any transcript
// it fails.
//
// With the environment variable IMAP_ADDR set (host:port; imaps://host:port for TLS from the
// start) they run against that server instead of the modes, as IMAP_USER with IMAP_PASSWORD and
// with the labels of IMAP_LABELS; see [Remote].
func Run(t *testing.T, dir string, modes []Mode) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.imap"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts in %s", dir)
	}
	var scripts []*script
	for _, path := range paths {
		sc, err := load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		scripts = append(scripts, sc)
	}
	if addr := os.Getenv("IMAP_ADDR"); addr != "" {
		modes = []Mode{Remote(addr, os.Getenv("IMAP_USER"), os.Getenv("IMAP_PASSWORD"),
			strings.Fields(os.Getenv("IMAP_LABELS"))...)}
	}
	updating := new(updates)
	t.Cleanup(func() { updating.write(t) })
	for _, mode := range modes {
		t.Run(mode.Name, func(t *testing.T) {
			for _, rev := range []string{"rev1", "rev2"} {
				t.Run(rev, func(t *testing.T) {
					for _, sc := range scripts {
						runIn(t, sc, mode, rev, updating)
					}
				})
			}
		})
	}
}

// labels are what conditions of a transcript are about.
func (m *Mode) labels(rev string) []string {
	transport := "plain"
	if m.TLS {
		transport = "tls"
	}
	labels := append(strings.Split(m.Name, "-"), rev, transport)
	if m.Compress {
		labels = append(labels, "compress")
	}
	return labels
}

// runIn runs one transcript in one mode, as a subtest.
func runIn(t *testing.T, sc *script, mode Mode, rev string, up *updates) {
	labels := mode.labels(rev)
	if !sc.applies(labels) {
		return
	}
	t.Run(strings.TrimSuffix(filepath.Base(sc.path), ".imap"), func(t *testing.T) {
		t.Parallel()
		r := &runner{sc: sc, labels: labels, target: mode.Start(t), vars: vars{}}
		defer r.close()
		if *update {
			r.updates = up
		}
		err := r.run()
		if errors.As(err, new(lacks)) {
			t.Logf("not run: %v", err)
		} else if err != nil {
			t.Error(err)
		}
	})
}

// runner is one run of one transcript.
type runner struct {
	sc       *script
	labels   []string
	target   Target
	vars     vars
	sessions map[string]*session
	mailbox  map[string]int   // how many messages were seeded by number
	updates  *updates         // nil unless -update
	replaced map[int][]string // by line: what -update puts in its place
}

// lacks is what a server that is not ours has no capability for.
type lacks string

func (l lacks) Error() string { return "the server lacks " + string(l) }

func (r *runner) limit() time.Duration {
	if r.target.Limit == 0 {
		return 10 * time.Second
	}
	return r.target.Limit
}

func (r *runner) run() error {
	r.sessions, r.mailbox = map[string]*session{}, map[string]int{}
	groups, err := r.sc.groups(r.labels)
	if err != nil {
		return err
	}
	r.credentials()
	if err := r.needs(); err != nil {
		return err
	}
	for i := range groups {
		g := &groups[i]
		if g.do != nil {
			if err := r.do(groups[i:]); err != nil {
				return r.sc.errorf(g.do.line, "%s: %w", r.sc.lines[g.do.line-1], err)
			}
			continue
		}
		if err := r.expect(g); err != nil {
			return err
		}
	}
	for _, name := range r.names() {
		if s := r.sessions[name]; len(s.sent) > 0 {
			return r.sc.errorf(s.sent[0].line, "the transcript ends without the result of %s %s", s.sent[0].tag, s.sent[0].text)
		}
	}
	return nil
}

func (r *runner) names() (names []string) {
	for name := range r.sessions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *runner) close() {
	for _, s := range r.sessions {
		s.nc.Close()
	}
}

// needs finds out whether the server has the capabilities that the transcript is about.
func (r *runner) needs() error {
	rev2 := slices.Contains(r.labels, "rev2") && slices.ContainsFunc(r.sc.steps, func(s step) bool { return s.session != "" })
	if len(r.sc.need) == 0 && !(rev2 && r.target.remote) {
		return nil
	}
	caps, err := r.capabilities()
	if err != nil {
		return fmt.Errorf("%s: %w", r.sc.path, err)
	}
	need := slices.Clone(r.sc.need)
	if rev2 {
		need = append(need, "IMAP4rev2")
	}
	for _, c := range need {
		if !slices.ContainsFunc(caps, func(have string) bool { return strings.EqualFold(have, c) }) {
			if r.target.remote {
				return lacks(c)
			}
			return fmt.Errorf("%s: %w", r.sc.path, errors.New(lacks(c).Error()))
		}
	}
	return nil
}

// capabilities returns what the server has before and after logging in.
func (r *runner) capabilities() ([]string, error) {
	s, err := r.connect("Z", "raw")
	if err != nil {
		return nil, err
	}
	defer s.nc.Close()
	if err := s.greeting(r.limit()); err != nil {
		return nil, err
	}
	before, err := s.capabilities(r.limit())
	if err != nil {
		return nil, err
	}
	if err := s.login(r.limit(), r.target.User, r.target.Password, false); err != nil {
		return nil, err
	}
	after, err := s.capabilities(r.limit())
	return append(before, after...), err
}

// session returns the session of that name, connecting it when it is mentioned first.
func (r *runner) session(name string) (*session, error) {
	if s := r.sessions[name]; s != nil {
		if s.gone {
			return nil, fmt.Errorf("session %s is closed", name)
		}
		return s, nil
	}
	rev := "rev1"
	if slices.Contains(r.labels, "rev2") {
		rev = "rev2"
	}
	s, err := r.connect(name, rev)
	if err == nil {
		r.sessions[name] = s
	}
	return s, err
}

// do carries out a line that expects nothing. The groups after it tell how long literals are.
func (r *runner) do(groups []group) error {
	st := groups[0].do
	if st.session == "" {
		return r.direct(st)
	}
	s, err := r.session(st.session)
	if err != nil {
		return err
	}
	text, err := r.substitute(st, groups[1:])
	if err != nil {
		return err
	}
	if r.target.Settle != nil {
		if err := r.target.Settle(); err != nil {
			return err
		}
	}
	switch st.op {
	case ':':
		r.vars["tag"], err = s.command(r.limit(), st.line, text)
		return err
	case '>':
		return s.send(r.limit(), text+"\r\n")
	}
	return s.send(r.limit(), text)
}

// direct carries out a directive.
func (r *runner) direct(st *step) error {
	switch args := st.words[1:]; st.words[0] {
	case "seed":
		return r.seed(args)
	case "connect":
		if r.sessions[args[0]] != nil {
			return fmt.Errorf("session %s is connected already", args[0])
		}
		rev := "rev1"
		if slices.Contains(r.labels, "rev2") {
			rev = "rev2"
		}
		if len(args) == 2 {
			rev = args[1]
		}
		s, err := r.connect(args[0], rev)
		if err == nil {
			r.sessions[args[0]] = s
		}
		return err
	case "tls":
		s, err := r.session(args[0])
		if err != nil {
			return err
		}
		if r.target.StartTLS == nil {
			return errors.New("the target has no STARTTLS")
		}
		return s.startTLS(r.limit(), r.target.StartTLS)
	case "compress", "uncompress":
		s, err := r.session(args[0])
		if err != nil {
			return err
		}
		if st.words[0] == "compress" {
			return s.compress()
		}
		return s.uncompress()
	default: // close
		s, err := r.session(args[0])
		if err != nil {
			return err
		}
		s.gone, s.sent = true, nil
		return s.nc.Close()
	}
}

// expect reads until a group has what it waits for, or cannot get it any more.
func (r *runner) expect(g *group) error {
	name := ""
	if g.end != nil {
		name = g.end.session
	} else {
		name = g.expect[0].session
	}
	s, err := r.session(name)
	if err != nil {
		return r.sc.errorf(g.first(), "%w", err)
	}
	tag := ""
	if g.end != nil && g.end.op == '=' {
		if len(s.sent) == 0 {
			return r.sc.errorf(g.end.line, "no command is waiting for a tagged response")
		}
		tag = s.sent[0].tag
	}
	rep := newReport(r, g, s)
	for rep.waiting() {
		got, err := s.next(r.limit())
		if err != nil {
			if g.end != nil && g.end.op == '$' && closed(err) {
				s.gone, s.sent = true, nil
				rep.ended = true
				break
			}
			return rep.broken(err)
		}
		rep.take(&got, tag)
	}
	return rep.result()
}

// closed reports whether a read failed because the other side is gone, and not for want of data.
func closed(err error) bool {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() || errors.As(err, new(*violation)) {
		return false
	}
	return errors.Is(err, io.EOF) || errors.As(err, new(*net.OpError)) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// first is the line that a group begins in.
func (g *group) first() int {
	if len(g.expect) > 0 {
		return g.expect[0].line
	}
	return g.end.line
}
