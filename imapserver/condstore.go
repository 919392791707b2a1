package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// condStoreExtension tells clients the mod-sequences of messages, and changes what nobody else has
// changed. A command that shows that the client knows mod-sequences enables it (RFC 7162 §3.1).
var condStoreExtension = extension{
	name: "CONDSTORE", rfc: "RFC 7162",
	capabilities: afterLogin(string(imap.CapCondStore)),
	enables:      imap.CapCondStore,
	// RFC 7162 §3.1.8.
	selectParams: map[string]selectParam{
		"CONDSTORE": func(c *conn, _ imapwire.Option) (func() error, error) {
			return func() error {
				c.enable(imap.CapCondStore) // HIGHESTMODSEQ has been told
				return nil
			}, nil
		},
	},
	fetchItems: map[string]fetchItem{
		"MODSEQ": {
			asked: (*conn).enableCondStore,
			value: func(f *fetcher, _ *imap.FetchItem) error {
				f.c.out = appendModSeq(f.c.out, &f.msg.row)
				return nil
			},
		},
	},
	fetchModifiers: map[string]fetchModifier{"CHANGEDSINCE": fetchChangedSince},
	storeModifiers: map[string]storeModifier{
		"UNCHANGEDSINCE": func(c *conn, option imapwire.Option, op *store.StoreFlags) error {
			if op.UnchangedSince != nil {
				return bad("UNCHANGEDSINCE twice")
			}
			c.enableCondStore()
			op.UnchangedSince = &option.(*imapwire.UnchangedSince).ModSeq
			return nil
		},
	},
	searchKeys: map[imap.SearchOp]searchKey{imap.SearchModSeq: compileModSeq},
	statusItems: map[imap.StatusItems]statusItem{
		// RFC 7162 §3.1.7.
		imap.StatusHighestModSeq: func(c *conn, _ mailbox.Entry, counts *mailbox.Counts, s *imap.Status) error {
			c.enableCondStore()
			s.HighestModSeq = counts.HighestModSeq
			return nil
		},
	},
}

// condStore reports whether the client knows mod-sequences: every FETCH response that it did not ask for
// has one.
func (c *conn) condStore() bool { return c.enabled.has(imap.CapCondStore) }

// enable enables an extension without ENABLE.
func (c *conn) enable(x imap.Cap) {
	if !c.enabled.has(x) {
		c.enabled = append(c.enabled, x)
	}
}

// enableCondStore is called by the commands that enable CONDSTORE. The first of them is told the
// HIGHESTMODSEQ of the selected mailbox (RFC 7162 §3.1).
func (c *conn) enableCondStore() {
	if c.condStore() {
		return
	}
	c.enable(imap.CapCondStore)
	if c.sel != nil {
		c.appendHighestModSeq(c.sel.told)
	}
}

func (c *conn) appendHighestModSeq(n imap.ModSeq) {
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeHighestModSeq, imapwire.ModSeqArgs(n), "Highest mod-sequence")
}

// appendModSeq appends the value of MODSEQ (RFC 7162 §3.1.4.2).
func appendModSeq(dst []byte, row *mailbox.Row) []byte {
	return append(imapwire.AppendNumber(append(dst, '('), row.ModSeq), ')')
}

// fetchChangedSince answers only the messages with a higher mod-sequence (RFC 7162 §3.1.4.1). It costs
// what has changed, and a glance at each 512 messages.
func fetchChangedSince(f *fetcher, option imapwire.Option) error {
	since := option.(*imapwire.ChangedSince).ModSeq
	if !f.has(imap.FetchModSeq.Name) {
		if err := f.add(imap.FetchModSeq); err != nil {
			return err
		}
	}
	view := f.c.sel.view
	var isAsked func(imap.SeqNum, imap.UID) bool
	switch set := f.cmd.Set.(type) {
	case imap.SeqSet:
		set = set.Resolve(imap.SeqNum(view.Len()))
		isAsked = func(seq imap.SeqNum, _ imap.UID) bool { return set.Contains(seq) }
	case imap.UIDSet:
		set = set.Resolve(view.MaxUID())
		isAsked = func(_ imap.SeqNum, uid imap.UID) bool { return set.Contains(uid) }
	default:
		isAsked = func(_ imap.SeqNum, uid imap.UID) bool { return f.c.searchRes.Contains(uid) }
	}
	if partialOption(f.cmd.Modifiers) != nil { // which has chosen among all messages (RFC 9394 §3.4)
		rows := f.rows
		f.rows = func(yield func(imap.SeqNum, *mailbox.Row) bool) {
			for seq, row := range rows {
				if row.ModSeq > since && !yield(seq, row) {
					return
				}
			}
		}
		return nil
	}
	f.rows = func(yield func(imap.SeqNum, *mailbox.Row) bool) {
		for seq, row := range view.ChangedSince(since) {
			if isAsked(seq, row.UID) && !yield(seq, row) {
				return
			}
		}
	}
	return nil
}

// compileModSeq is the key MODSEQ (RFC 7162 §3.1.5). A message has one mod-sequence for all of its
// flags, so the entry makes no difference.
func compileModSeq(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
	p.c.enableCondStore()
	least := k.ModSeq
	return rowCriterion(func(r *mailbox.Row) bool { return r.ModSeq >= least }), nil
}

// asksModSeq reports whether MODSEQ is among the keys of a search.
func asksModSeq(k *imap.SearchKey) bool {
	if k.Op == imap.SearchModSeq {
		return true
	}
	for i := range k.Keys {
		if asksModSeq(&k.Keys[i]) {
			return true
		}
	}
	return false
}

// foundModSeq returns the highest mod-sequence of what a search with the key MODSEQ has found
// (RFC 7162 §3.1.6); 0: of nothing, or there is no such key.
func foundModSeq(sel *selection, cmd *imapwire.Search, hits []searchHit) (highest imap.ModSeq) {
	if !asksModSeq(&cmd.Key) {
		return 0
	}
	for i := range hits {
		if _, row, ok := sel.view.Find(hits[i].uid); ok {
			highest = max(highest, row.ModSeq)
		}
	}
	return highest
}

// addFoundModSeq adds the highest mod-sequence of what an answer tells: with MIN or MAX alone, or both,
// of those, else of all that was found (RFC 4731 §3.2).
func addFoundModSeq(sel *selection, cmd *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
	told := hits
	if len(hits) > 0 && d.Items&^(imapwire.ESearchMin|imapwire.ESearchMax) == 0 && d.Items != 0 && len(d.Extra) == 0 {
		told = nil
		if d.Items&imapwire.ESearchMin != 0 {
			told = append(told, hits[0])
		}
		if d.Items&imapwire.ESearchMax != 0 {
			told = append(told, hits[len(hits)-1])
		}
	}
	if modseq := foundModSeq(sel, cmd, told); modseq != 0 {
		d.ModSeq, d.Items = modseq, d.Items|imapwire.ESearchModSeq
	}
}
