package imapserver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// searchCost is what it takes to look whether a message meets a criterion: the classes are orders of
// magnitude apart.
type searchCost uint8

const (
	fromRow     searchCost = iota // flags, numbers, internal date, size
	fromSummary                   // header fields
	fromBody                      // text
)

// criterion is a compiled search key.
type criterion struct {
	cost  searchCost
	keys  int // of the search that it is made of: what trying all of them on a message is, in steps
	match func(*openMessage) (bool, error)
	all   []criterion // for a conjunction: its parts, cheapest first
}

// searchKey compiles a key of SEARCH: a row of the table.
type searchKey func(*searchCompiler, *imap.SearchKey) (criterion, error)

// searchCompiler compiles the keys of one SEARCH.
type searchCompiler struct {
	c      *conn
	sel    *selection // the mailbox that is searched
	keys   int        // how many have been compiled
	tried  int        // how many keys have been tried on messages
	fields fieldSearch
	texts  textSearch
	decode func(string) (string, error)
	now    time.Time // OLDER and YOUNGER count from
}

// compile returns the criterion of a key (RFC 9051 §6.4.4).
func (p *searchCompiler) compile(k *imap.SearchKey) (criterion, error) {
	key, ok := p.c.s.features.searchKeys[k.Op]
	if !ok {
		return criterion{}, bad("Unknown search key %s", printable(string(k.Op)))
	}
	before := p.keys
	t, err := key(p, k)
	p.keys++
	t.keys = p.keys - before
	return t, err
}

// maxSearchKeys is how many keys a search may try on messages, some seconds' work: a hundred on each of ten
// million messages, or ten thousand on each of a hundred thousand.
const maxSearchKeys = 1 << 30

// try counts that a criterion is tried on a message.
func (p *searchCompiler) try(t *criterion) error {
	if p.tried += t.keys; p.tried > p.c.s.searchKeys {
		return no(imap.CodeLimit, "These are too many search keys for this many messages; ask with fewer")
	}
	return p.c.next(t.keys)
}

// maxSearchOctets is how long the different texts may be together that a search looks for, prepared
// for comparison. Looking for many takes about 30 times the memory.
const maxSearchOctets = 128 << 10

// check refuses what would take too much memory to look for.
func (p *searchCompiler) check() error {
	octets := p.texts.texts.Octets()
	for _, f := range p.fields.list {
		octets += f.texts.Octets()
	}
	if octets > maxSearchOctets {
		return no(imap.CodeLimit, "The texts of a search can have %d octets together", maxSearchOctets)
	}
	return nil
}

// compileAll compiles the operands of a key, cheapest first.
func (p *searchCompiler) compileAll(keys []imap.SearchKey) ([]criterion, error) {
	all := make([]criterion, len(keys))
	for i := range keys {
		var err error
		if all[i], err = p.compile(&keys[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b criterion) int { return int(a.cost) - int(b.cost) })
	return all, nil
}

func compileAnd(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
	all, err := p.compileAll(k.Keys)
	return conjunction(all), err
}

func compileOr(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
	any, err := p.compileAll(k.Keys)
	return criterion{cost: costOf(any), match: func(m *openMessage) (bool, error) {
		for i := range any {
			if ok, err := any[i].match(m); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}}, err
}

func compileNot(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
	negated, err := p.compile(&k.Keys[0])
	return criterion{cost: negated.cost, match: func(m *openMessage) (bool, error) {
		ok, err := negated.match(m)
		return !ok, err
	}}, err
}

// conjunction is met when all are.
func conjunction(all []criterion) criterion {
	keys := 0
	for i := range all {
		keys += all[i].keys
	}
	return criterion{cost: costOf(all), keys: keys, all: all, match: func(m *openMessage) (bool, error) {
		for i := range all {
			if ok, err := all[i].match(m); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}}
}

func costOf(list []criterion) (cost searchCost) {
	for _, t := range list {
		cost = max(cost, t.cost)
	}
	return cost
}

// rowPredicate says whether a message meets a criterion for which its row is enough.
type rowPredicate func(*mailbox.Row) bool

func rowCriterion(meets rowPredicate) criterion {
	return criterion{match: func(m *openMessage) (bool, error) { return meets(&m.row), nil }}
}

// split takes a criterion apart into what needs only the row and what needs more; either may be nil.
func (t criterion) split() (cheap, costly *criterion) {
	if t.cost == fromRow {
		return &t, nil
	}
	i := slices.IndexFunc(t.all, func(t criterion) bool { return t.cost > fromRow })
	if i <= 0 {
		return nil, &t
	}
	first, rest := conjunction(t.all[:i]), conjunction(t.all[i:])
	return &first, &rest
}

// errSkip says that a message cannot be read any more: it does not match.
var errSkip = errors.New("imapserver: message is gone")

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
