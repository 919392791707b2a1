package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var boxItem = regexp.MustCompile(`\b(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)`)

// ask gives a SELECT, EXAMINE or STATUS, and looks whether what it tells of the mailbox has not gone
// back.
func ask(c *client, b *box, text string) error {
	floor := b.known()
	var validity string
	var told counters
	_, err := c.do(text, nil, func(line string, _ [][]byte) {
		for _, m := range boxItem.FindAllStringSubmatch(line, -1) {
			n, _ := strconv.ParseUint(m[2], 10, 64)
			switch m[1] {
			case "UIDVALIDITY":
				validity = m[2]
			case "UIDNEXT":
				told.uidNext = uint32(n)
			default:
				told.high = n
			}
		}
	})
	if err == nil {
		b.saw(validity, told, floor)
	}
	return err
}

var (
	fetchUID = regexp.MustCompile(`\bUID (\d+)`)
	headerID = regexp.MustCompile(`^X-Id: ([^\r]*)\r`)
)

// read returns all messages of a mailbox. What LMTP writes before a message is no part of it.
func read(c *client, b *box) (all []found, err error) {
	if err := ask(c, b, "EXAMINE "+b.name+" (CONDSTORE)"); err != nil {
		return nil, err
	}
	_, err = c.do("UID FETCH 1:* (FLAGS MODSEQ BODY.PEEK[])", nil, func(line string, literals [][]byte) {
		uid, modSeq := fetchUID.FindStringSubmatch(line), modSeqItem.FindStringSubmatch(line)
		if uid == nil || modSeq == nil || len(literals) != 1 {
			return
		}
		f := found{id: "a message without id", flagged: strings.Contains(line, `\Flagged`)}
		n, _ := strconv.ParseUint(uid[1], 10, 32)
		f.uid = uint32(n)
		f.modSeq, _ = strconv.ParseUint(modSeq[1], 10, 64)
		text := literals[0]
		if i := bytes.Index(text, []byte("\r\nX-Id: ")); i >= 0 && strings.HasSuffix(b.name, "-delivered") {
			text = text[i+2:]
		}
		if h := headerID.FindSubmatch(text); h != nil {
			f.id = string(h[1])
		}
		f.sum = sha256.Sum256(text)
		all = append(all, f)
	})
	return all, err
}

// isThere looks for one message.
func isThere(c *client, b *box, uid uint32) (there bool, err error) {
	if err := ask(c, b, "EXAMINE "+b.name+" (CONDSTORE)"); err != nil {
		return false, err
	}
	_, err = c.do(fmt.Sprintf("UID FETCH %d (UID)", uid), nil, func(line string, _ [][]byte) {
		m := fetchUID.FindStringSubmatch(line)
		there = there || m != nil && m[1] == strconv.FormatUint(uint64(uid), 10)
	})
	return there, err
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
