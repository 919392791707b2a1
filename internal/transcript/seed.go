package transcript

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"restante/imap"
)

// connect opens a connection. how is "raw", which leaves the greeting to the transcript, or the
// revision that the session is logged in for.
func (r *runner) connect(name, how string) (*session, error) {
	nc, err := r.target.Dial()
	if err != nil {
		return nil, err
	}
	s := newSession(name, nc)
	s.raw = how == "raw"
	if s.raw {
		return s, nil
	}
	err = s.greeting(r.limit())
	if err == nil {
		err = s.login(r.limit(), r.target.User, r.target.Password, how == "rev2")
	}
	if err == nil && slices.Contains(r.labels, "compress") {
		if _, err = s.simple(r.limit(), "COMPRESS DEFLATE"); err == nil {
			err = s.compress()
		}
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("session %s: %w", name, err)
	}
	return s, nil
}

func (s *session) greeting(limit time.Duration) error {
	greeting, err := s.next(limit)
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if greeting.tag != "*" || !greeting.nodes[0].is("OK") {
		return fmt.Errorf("greeting: %s", join(greeting.nodes))
	}
	return nil
}

func (s *session) login(limit time.Duration, user, password string, rev2 bool) error {
	if _, err := s.simple(limit, "LOGIN "+astring(user)+" "+astring(password)); err != nil {
		return err
	}
	if rev2 {
		if _, err := s.simple(limit, "ENABLE IMAP4rev2"); err != nil {
			return err
		}
		s.rev2 = true
	}
	return nil
}

// simple sends a command and returns the untagged responses; anything but OK is an error.
func (s *session) simple(limit time.Duration, text string) (untagged []response, err error) {
	verb, _, _ := strings.Cut(text, " ")
	tag, err := s.command(limit, 0, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	for {
		got, err := s.next(limit)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", verb, err)
		case got.tag == tag && !got.nodes[0].is("OK"):
			return nil, fmt.Errorf("%s: %s", verb, s.log[len(s.log)-1])
		case got.tag == tag:
			return untagged, nil
		case got.tag == "+":
			return nil, fmt.Errorf("%s: unexpected continuation request", verb)
		}
		untagged = append(untagged, got)
	}
}

func (s *session) capabilities(limit time.Duration) (caps []string, err error) {
	untagged, err := s.simple(limit, "CAPABILITY")
	for _, u := range untagged {
		if u.nodes[0].is("CAPABILITY") {
			for _, c := range u.nodes[1].kids {
				caps = append(caps, c.text)
			}
		}
	}
	return caps, err
}

// message is the n-th message, from 1, that "seed MAILBOX 3" makes. Up to 9 they have one size.
func message(n int) (text string, date time.Time) {
	date = time.Date(2024, 1, n, 10, 0, 0, 0, time.UTC)
	return fmt.Sprintf("Date: %s\r\n"+
		"From: Ann <ann@example.org>\r\n"+
		"To: Bob <bob@example.org>\r\n"+
		"Subject: Message %d\r\n"+
		"Message-ID: <%d@example.org>\r\n"+
		"\r\n"+
		"This is message %d.\r\n", date.Format("Mon, 02 Jan 2006 15:04:05 -0700"), n, n, n), date
}

// seed carries out "seed MAILBOX WHAT [(flags)] [date]".
func (r *runner) seed(args []string) error {
	name, _, err := unquote(args[0])
	if err != nil {
		return err
	}
	var flags []imap.Flag
	date := time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC)
	for _, arg := range args[2:] {
		if strings.HasPrefix(arg, "(") {
			for f := range strings.FieldsSeq(strings.Trim(arg, "()")) {
				flags = append(flags, imap.Flag(f))
			}
			continue
		}
		text, _, err := unquote(arg)
		if err != nil {
			return err
		}
		if date, err = time.Parse("_2-Jan-2006 15:04:05 -0700", text); err != nil {
			return err
		}
	}
	what, quoted, err := unquote(args[1])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(what)
	if quoted || err != nil {
		if !quoted {
			if what, err = r.sc.file(what); err != nil {
				return err
			}
		}
		return r.deliver(name, what, flags, date)
	}
	for range count {
		r.mailbox[name]++
		text, date := message(r.mailbox[name])
		if err := r.deliver(name, text, flags, date); err != nil {
			return err
		}
	}
	return nil
}

// deliver brings a message into a mailbox: by the target's way, or as a client would.
func (r *runner) deliver(mailbox, text string, flags []imap.Flag, date time.Time) error {
	if r.target.Seed != nil {
		return r.target.Seed(mailbox, []byte(text), flags, date)
	}
	s := r.sessions["seed"]
	if s == nil {
		var err error
		if s, err = r.connect("Y", "rev1"); err != nil {
			return err
		}
		r.sessions["seed"] = s
	}
	return s.appendMessage(r.limit(), mailbox, text, flags, date)
}

// appendMessage appends with a synchronising literal, which every server knows, and creates the
// mailbox when the server asks for that.
func (s *session) appendMessage(limit time.Duration, mailbox, text string, flags []imap.Flag, date time.Time) error {
	names := make([]string, len(flags))
	for i, f := range flags {
		names[i] = string(f)
	}
	for attempt := 0; ; attempt++ {
		tag, err := s.command(limit, 0, fmt.Sprintf("APPEND %s (%s) %q {%d}", astring(mailbox), strings.Join(names, " "),
			date.Format("_2-Jan-2006 15:04:05 -0700"), len(text)))
		if err != nil {
			return err
		}
		for {
			got, err := s.next(limit)
			if err != nil {
				return fmt.Errorf("APPEND: %w", err)
			}
			if got.tag == "+" {
				if err := s.send(limit, text+"\r\n"); err != nil {
					return err
				}
			}
			if got.tag != tag {
				continue
			}
			if got.nodes[0].is("OK") {
				return nil
			}
			if attempt > 0 || !strings.Contains(join(got.nodes), "TRYCREATE") {
				return fmt.Errorf("APPEND: %s", s.log[len(s.log)-1])
			}
			break
		}
		if _, err := s.simple(limit, "CREATE "+astring(mailbox)); err != nil {
			return err
		}
	}
}

// wipe makes an account as fresh as a client can: an empty INBOX and nothing else.
func (s *session) wipe(limit time.Duration) error {
	for _, what := range []string{"LSUB", "LIST"} {
		listed, err := s.simple(limit, what+` "" "*"`)
		if err != nil {
			return err
		}
		for i := len(listed) - 1; i >= 0; i-- { // inferiors before their parents
			l := listed[i].nodes
			if len(l) < 4 || !l[0].is(what) || strings.EqualFold(l[3].text, imap.Inbox) {
				continue
			}
			verb := map[string]string{"LSUB": "UNSUBSCRIBE ", "LIST": "DELETE "}[what]
			if _, err := s.simple(limit, verb+astring(l[3].text)); err != nil && !strings.Contains(join(l), "Noselect") {
				return err
			}
		}
	}
	for _, command := range []string{"SELECT INBOX", `STORE 1:* +FLAGS.SILENT (\Deleted)`, "EXPUNGE", "CLOSE"} {
		if _, err := s.simple(limit, command); err != nil && !strings.HasPrefix(command, "STORE") {
			return err
		}
	}
	return nil
}

// dialer returns how to reach host:port.
func dialer(addr string) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.DialTimeout("tcp", addr, 10*time.Second) }
}

var errNoUser = errors.New("IMAP_USER and IMAP_PASSWORD are not set")
