package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// verify compares what nodes show with what was acknowledged. Nobody writes meanwhile.
func (l *load) verify(out io.Writer, nodes []node) (v verdict, err error) {
	for _, n := range nodes {
		tell := func(b *box) func(string, ...any) {
			return func(format string, args ...any) {
				fmt.Fprintf(out, "%s: %s's %s: %s\n", n.name, b.user, b.name, fmt.Sprintf(format, args...))
			}
		}
		there := map[*place]bool{}
		for _, user := range users {
			c, err := dial(n.imap, user, password)
			if err != nil {
				return v, fmt.Errorf("%s: %w", n.name, err)
			}
			defer c.close()
			for _, b := range l.boxes {
				if b.user != user {
					continue
				}
				messages, err := read(c, b)
				if err != nil {
					return v, fmt.Errorf("%s: reading %s: %w", n.name, b.name, err)
				}
				one, at := b.compare(messages, tell(b))
				v.add(one)
				for p := range at {
					there[p] = true
				}
			}
			names, err := list(c, l.name)
			if err != nil {
				return v, fmt.Errorf("%s: %w", n.name, err)
			}
			for _, w := range l.writers {
				for name, made := range w.made {
					if w.user == user && (made == yes && !names[name] || made == no && names[name]) {
						tell(w.home)("mailbox %s: there %v, acknowledged %d", name, names[name], made)
						v.wrong++
					}
				}
			}
		}
		for _, w := range l.writers {
			for _, p := range w.home.mu.places {
				if p.other != nil && there[p] == there[p.other] {
					tell(w.home)("%s, which was moved, is at both places or at none: %v", p.message.id, there[p])
					v.wrong++
				}
			}
		}
	}
	for _, b := range l.boxes {
		for _, wrong := range b.mu.wrong {
			fmt.Fprintf(out, "%s's %s: %s\n", b.user, b.name, wrong)
			v.wrong++
		}
		b.mu.wrong = nil // told once
	}
	return v, nil
}

var (
	fetchUID = regexp.MustCompile(`\bUID (\d+)`)
	headerID = regexp.MustCompile(`^X-Id: ([^\r]*)\r`)
	okItem   = regexp.MustCompile(`^\* OK \[(UIDVALIDITY|UIDNEXT) (\d+)\]`)
)

// read returns all messages of a mailbox. What LMTP writes before a message is no part of it.
func read(c *client, b *box) (all []found, err error) {
	floor := b.known()
	var validity string
	var next uint64
	_, err = c.do("EXAMINE "+b.name, nil, func(line string, _ [][]byte) {
		switch m := okItem.FindStringSubmatch(line); {
		case m == nil:
		case m[1] == "UIDVALIDITY":
			validity = m[2]
		default:
			next, _ = strconv.ParseUint(m[2], 10, 32)
		}
	})
	if err != nil {
		return nil, err
	}
	b.saw(validity, uint32(next), floor)
	_, err = c.do("UID FETCH 1:* (FLAGS BODY.PEEK[])", nil, func(line string, literals [][]byte) {
		m := fetchUID.FindStringSubmatch(line)
		if m == nil || len(literals) != 1 {
			return
		}
		uid, _ := strconv.ParseUint(m[1], 10, 32)
		text := literals[0]
		if strings.HasSuffix(b.name, "-delivered") {
			if i := bytes.Index(text, []byte("\r\nX-Id: ")); i >= 0 {
				text = text[i+2:]
			}
		}
		id := "?"
		if h := headerID.FindSubmatch(text); h != nil {
			id = string(h[1])
		}
		all = append(all, found{id, uint32(uid), sha256.Sum256(text), strings.Contains(line, `\Flagged`)})
	})
	return all, err
}

// list returns the names of the mailboxes that begin with prefix.
func list(c *client, prefix string) (map[string]bool, error) {
	names := map[string]bool{}
	_, err := c.do(`LIST "" "`+prefix+`*"`, nil, func(line string, _ [][]byte) {
		if f := strings.Fields(line); len(f) > 2 && f[1] == "LIST" {
			names[strings.Trim(f[len(f)-1], `"`)] = true
		}
	})
	return names, err
}
