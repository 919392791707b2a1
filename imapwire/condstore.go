package imapwire

import (
	"strconv"
	"strings"

	"restante/imap"
)

func init() {
	selectParams.add("CONDSTORE", func(*lexer) Option { return CondStore{} })
	fetchModifiers.add("CHANGEDSINCE", parseChangedSince)
	storeModifiers.add("UNCHANGEDSINCE", parseUnchangedSince)
	searchKeys.add(string(imap.SearchModSeq), modSeqArg)
	intern("ALL", "PRIV", "SHARED")
}

// CondStore is the parameter CONDSTORE of SELECT and EXAMINE (RFC 7162 §3.1.8).
type CondStore struct{}

// Name returns "CONDSTORE".
func (CondStore) Name() string { return "CONDSTORE" }

// AppendValue appends nothing.
func (CondStore) AppendValue(*Encoder) {}

// ChangedSince is the modifier CHANGEDSINCE of FETCH (RFC 7162 §3.1.4.1).
type ChangedSince struct{ ModSeq imap.ModSeq }

// Name returns "CHANGEDSINCE".
func (*ChangedSince) Name() string { return "CHANGEDSINCE" }

// AppendValue appends the mod-sequence.
func (o *ChangedSince) AppendValue(e *Encoder) { e.modSeq(o.ModSeq) }

// parseChangedSince parses
//
//	chgsince-fetch-mod = "CHANGEDSINCE" SP mod-sequence-value
//
// and 0, for all messages: clients that know nothing yet send it, and servers take it.
func parseChangedSince(l *lexer) Option { return &ChangedSince{l.modSeqZero()} }

// UnchangedSince is the modifier UNCHANGEDSINCE of STORE (RFC 7162 §3.1.3).
type UnchangedSince struct{ ModSeq imap.ModSeq }

// Name returns "UNCHANGEDSINCE".
func (*UnchangedSince) Name() string { return "UNCHANGEDSINCE" }

// AppendValue appends the mod-sequence.
func (o *UnchangedSince) AppendValue(e *Encoder) { e.modSeq(o.ModSeq) }

// parseUnchangedSince parses
//
//	store-modifier = "UNCHANGEDSINCE" SP mod-sequence-valzer
func parseUnchangedSince(l *lexer) Option { return &UnchangedSince{l.modSeqZero()} }

// modSeqZero parses
//
//	SP mod-sequence-valzer
func (l *lexer) modSeqZero() imap.ModSeq {
	l.sp("mod-sequence-valzer")
	return imap.ModSeq(l.number64("mod-sequence-valzer"))
}

// modSeq appends a mod-sequence, which has 63 bits (RFC 7162 §3.1), with a space in front.
func (e *Encoder) modSeq(n imap.ModSeq) {
	e.SP()
	e.Number(int64(n))
}

// modSeqArg is what follows the search key MODSEQ (RFC 7162 §3.1.5):
//
//	search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer
//	search-modseq-ext  = SP entry-name SP entry-type-req
//
// in ModSeq, Name and Text.
var modSeqArg = searchArg{
	parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
		p.sp("search-modsequence")
		if p.peek() == '"' {
			start := p.pos
			k.Name = string(p.quoted("entry-name"))
			if p.err == nil && (len(k.Name) < 8 || !strings.EqualFold(k.Name[:7], "/flags/")) {
				p.failAt(start, "entry-name", "expected /flags/ and a flag")
			}
			p.sp("search-modseq-ext")
			start = p.pos
			k.Text = p.word("entry-type-req")
			if p.err == nil && k.Text != "ALL" && k.Text != "PRIV" && k.Text != "SHARED" {
				p.failAt(start, "entry-type-req", "expected all, priv or shared")
			}
			p.sp("search-modsequence")
		}
		k.ModSeq = imap.ModSeq(p.number64("mod-sequence-valzer"))
		return k
	},
	append: func(e *searchEncoder, k *imap.SearchKey) {
		if k.Name != "" {
			e.SP()
			e.String(k.Name)
			e.SP()
			e.Atom(strings.ToLower(k.Text))
		}
		e.modSeq(k.ModSeq)
	},
}

// HighestModSeq returns the argument of HIGHESTMODSEQ (RFC 7162 §3.1.2.1).
func (r *StatusResponse) HighestModSeq() (imap.ModSeq, bool) {
	n, ok := r.num(imap.CodeHighestModSeq, 64)
	return imap.ModSeq(n), ok
}

// ModSeqArgs returns the argument of HIGHESTMODSEQ.
func ModSeqArgs(n imap.ModSeq) string { return strconv.FormatUint(uint64(n), 10) }
