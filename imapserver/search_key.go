package imapserver

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/message"
	"restante/store"
)

// errSkip says that a message cannot be read any more: it does not match.
var errSkip = errors.New("imapserver: message is gone")

// cost is what it takes to evaluate a key: the classes are orders of magnitude apart.
type cost uint8

const (
	fromRow     cost = iota // flags, numbers, internal date, size
	fromSummary             // header fields
	fromBody                // text
)

// test is a compiled search key.
type test struct {
	cost  cost
	match func(*fetched) (bool, error)
	all   []test // for a conjunction: its parts, cheapest first
}

// split takes a program apart into what needs only the row and what needs more; either may be nil.
func (t test) split() (cheap, costly *test) {
	if t.cost == fromRow {
		return &t, nil
	}
	i := slices.IndexFunc(t.all, func(t test) bool { return t.cost > fromRow })
	if i <= 0 {
		return nil, &t
	}
	first, rest := conjunction(t.all[:i]), conjunction(t.all[i:])
	return &first, &rest
}

// program compiles search keys for one SEARCH.
type program struct {
	c      *conn
	texts  int // how many keys look at the text
	decode func(string) (string, error)
	msg    fetched
}

// maxTexts is how many keys of a SEARCH may look at the text: each reads all of a message.
const maxTexts = 100

// compile returns the test of a key (RFC 9051 §6.4.4).
func (p *program) compile(k *imap.SearchKey) (test, error) {
	switch k.Op {
	case imap.SearchAnd:
		tests, err := p.compileAll(k.Keys)
		return conjunction(tests), err
	case imap.SearchOr:
		tests, err := p.compileAll(k.Keys)
		return disjunction(tests), err
	case imap.SearchNot:
		t, err := p.compile(&k.Keys[0])
		if err != nil {
			return t, err
		}
		return test{cost: t.cost, match: func(m *fetched) (bool, error) {
			ok, err := t.match(m)
			return !ok, err
		}}, nil
	case imap.SearchSeq, imap.SearchUID:
		return p.set(k.Set)
	}
	if bits, want, ok := p.flag(k); ok {
		return row(func(r *mailbox.Row) bool { return r.Flags&bits != 0 == want }), nil
	}
	if day, ok := dateOps[k.Op]; ok {
		return day.compile(k), nil
	}
	return p.compileOther(k)
}

func (p *program) compileOther(k *imap.SearchKey) (test, error) {
	recent := p.c.sel.recent
	switch k.Op {
	case imap.SearchAll:
		return row(func(*mailbox.Row) bool { return true }), nil
	case imap.SearchRecent:
		return row(func(r *mailbox.Row) bool { return recent.Contains(r.UID) }), nil
	case imap.SearchNew:
		return row(func(r *mailbox.Row) bool { return r.Flags&mailbox.BitSeen == 0 && recent.Contains(r.UID) }), nil
	case imap.SearchOld:
		return row(func(r *mailbox.Row) bool { return !recent.Contains(r.UID) }), nil
	case imap.SearchLarger:
		return row(func(r *mailbox.Row) bool { return int64(r.Size) > k.Size }), nil
	case imap.SearchSmaller:
		return row(func(r *mailbox.Row) bool { return int64(r.Size) < k.Size }), nil
	}
	if k.Op == imap.SearchBody || k.Op == imap.SearchText {
		if p.texts++; p.texts > maxTexts {
			return test{}, no(imap.CodeLimit, "A search can have %d BODY and TEXT keys", maxTexts)
		}
	}
	text, err := p.decode(k.Text)
	if err != nil {
		return test{}, err
	}
	switch k.Op {
	case imap.SearchFrom, imap.SearchTo, imap.SearchCc, imap.SearchBcc:
		return header(string(k.Op), text, true), nil
	case imap.SearchSubject:
		return header(string(k.Op), text, false), nil
	case imap.SearchHeader:
		return header(k.Name, text, false), nil
	case imap.SearchBody:
		return content(text, false), nil
	case imap.SearchText:
		return content(text, true), nil
	}
	return test{}, bad("Unknown search key %s", printable(string(k.Op)))
}

func (p *program) compileAll(keys []imap.SearchKey) ([]test, error) {
	tests := make([]test, len(keys))
	for i := range keys {
		var err error
		if tests[i], err = p.compile(&keys[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(tests, func(a, b test) int { return int(a.cost) - int(b.cost) })
	return tests, nil
}

func costOf(tests []test) (c cost) {
	for _, t := range tests {
		c = max(c, t.cost)
	}
	return c
}

func conjunction(tests []test) test {
	return test{cost: costOf(tests), all: tests, match: func(m *fetched) (bool, error) {
		for i := range tests {
			if ok, err := tests[i].match(m); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}}
}

func disjunction(tests []test) test {
	return test{cost: costOf(tests), match: func(m *fetched) (bool, error) {
		for i := range tests {
			if ok, err := tests[i].match(m); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}}
}

func row(f func(*mailbox.Row) bool) test {
	return test{match: func(m *fetched) (bool, error) { return f(&m.row), nil }}
}

// set is a key that names messages by number. Numbers that do not exist match nothing: clients give
// "1:*" without looking whether the mailbox is empty.
func (p *program) set(set imap.NumSet) (test, error) {
	view := p.c.sel.view
	switch set := set.(type) {
	case imap.SeqSet:
		set = set.Resolve(imap.SeqNum(view.Len()))
		return test{match: func(m *fetched) (bool, error) { return set.Contains(m.seq), nil }}, nil
	case imap.UIDSet:
		set = set.Resolve(view.MaxUID())
		return row(func(r *mailbox.Row) bool { return set.Contains(r.UID) }), nil
	}
	result := p.c.searchRes
	return row(func(r *mailbox.Row) bool { return result.Contains(r.UID) }), nil
}

// flagOps are the keys that ask for a flag, and whether it must be there.
var flagOps = map[imap.SearchOp]struct {
	bit  mailbox.FlagBits
	want bool
}{
	imap.SearchAnswered: {mailbox.BitAnswered, true}, imap.SearchUnanswered: {mailbox.BitAnswered, false},
	imap.SearchDeleted: {mailbox.BitDeleted, true}, imap.SearchUndeleted: {mailbox.BitDeleted, false},
	imap.SearchDraft: {mailbox.BitDraft, true}, imap.SearchUndraft: {mailbox.BitDraft, false},
	imap.SearchFlagged: {mailbox.BitFlagged, true}, imap.SearchUnflagged: {mailbox.BitFlagged, false},
	imap.SearchSeen: {mailbox.BitSeen, true}, imap.SearchUnseen: {mailbox.BitSeen, false},
}

func (p *program) flag(k *imap.SearchKey) (bits mailbox.FlagBits, want, ok bool) {
	switch k.Op {
	case imap.SearchKeyword, imap.SearchUnkeyword:
		// A keyword that the mailbox does not know has no bit: no message carries it.
		return p.c.sel.view.Bit(k.Flag), k.Op == imap.SearchKeyword, true
	}
	f, ok := flagOps[k.Op]
	return f.bit, f.want, ok
}

// dateOp compares days, without regard to times and zones (RFC 9051 §6.4.4).
type dateOp struct {
	sent bool // the Date header, not the internal date
	ok   func(day, want int64) bool
}

func dayBefore(day, want int64) bool { return day < want }
func dayOn(day, want int64) bool     { return day == want }
func daySince(day, want int64) bool  { return day >= want }

var dateOps = map[imap.SearchOp]dateOp{
	imap.SearchBefore: {false, dayBefore}, imap.SearchOn: {false, dayOn}, imap.SearchSince: {false, daySince},
	imap.SearchSentBefore: {true, dayBefore}, imap.SearchSentOn: {true, dayOn}, imap.SearchSentSince: {true, daySince},
}

// day numbers the days by their date as it is written, whatever the zone.
func day(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

func (op dateOp) compile(k *imap.SearchKey) test {
	want := day(k.Date)
	if !op.sent {
		return row(func(r *mailbox.Row) bool { return op.ok(day(r.Date.Time()), want) })
	}
	return test{cost: fromSummary, match: func(m *fetched) (bool, error) {
		sum, err := m.summary()
		if err != nil {
			return false, unreadable(err)
		}
		sent, ok := sum.SentDay()
		return ok && op.ok(day(sent), want), nil
	}}
}

// header is a key that looks into header fields of one name. Addresses are also looked at as the
// envelope has them, without the backslashes of quoted pairs (RFC 5322 §3.2.1).
func header(name, text string, addresses bool) test {
	fields := []string{name}
	matcher := message.NewMatcher(text)
	return test{cost: fromSummary, match: func(m *fetched) (bool, error) {
		block, err := m.header(fields)
		if err != nil {
			return false, unreadable(err)
		}
		for value := range message.HeaderValues(string(block), name) {
			if matcher.MatchString(value) {
				return true, nil
			}
			if addresses && strings.Contains(value, `\`) && matcher.MatchString(withoutQuotedPairs(value)) {
				return true, nil
			}
		}
		return false, nil
	}}
}

// withoutQuotedPairs replaces each backslash and the character after it by that character.
func withoutQuotedPairs(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// header returns the header fields of the given names, as they are in the message.
func (m *fetched) header(names []string) ([]byte, error) {
	sum, err := m.summary()
	if err != nil {
		return nil, err
	}
	if block, ok := sum.HeaderFields(nil, names, false); ok {
		return block, nil
	}
	body, err := m.open()
	if err != nil {
		return nil, err
	}
	block := make([]byte, min(sum.HeaderLen(), maxHeader))
	if _, err := body.ReadAt(block, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return block, nil
}

// content is BODY, or TEXT when the header counts too.
func content(text string, withHeader bool) test {
	matcher := message.NewMatcher(text)
	return test{cost: fromBody, match: func(m *fetched) (bool, error) {
		st, err := m.structure()
		if err != nil {
			return false, unreadable(err)
		}
		body, err := m.open()
		if err != nil {
			return false, unreadable(err)
		}
		ok, err := matcher.Matches(body, st, withHeader)
		return ok, unreadable(err)
	}}
}

// unreadable says what an error of reading a message means for a search: a message that has just
// gone does not match, anything else ends the search.
func unreadable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrGone):
		return errSkip
	}
	return fmt.Errorf("imapserver: reading a message to search it: %w", err)
}
