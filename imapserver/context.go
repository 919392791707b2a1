package imapserver

import (
	"slices"
	"unsafe"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// contextSearchExtension is RETURN (UPDATE) of SEARCH, and CONTEXT, which makes no difference: nothing is
// kept of a search whose changes are not told.
var contextSearchExtension = extension{
	name: "CONTEXT=SEARCH", rfc: "RFC 5267",
	capabilities: afterLogin(string(imap.CapContextSearch)),
	commands: map[string]command{
		"CANCELUPDATE": {in: selected, run: handler(runCancelUpdate)},
	},
	searchReturns: []searchReturn{
		{name: "CONTEXT"},
		{name: "UPDATE", check: checkUpdate, done: updateContext},
	},
}

// contextSortExtension is RETURN (UPDATE) of SORT.
var contextSortExtension = extension{
	name: "CONTEXT=SORT", rfc: "RFC 5267",
	capabilities: afterLogin(string(imap.CapContextSort)),
}

const (
	// maxContexts is how many searches a session may have whose changes it is told.
	maxContexts = 16
	// maxContextOctets is how much they may hold together: what they look for, and what they have found.
	maxContextOctets = 1 << 20
)

// searchContext is a search whose client is told what changes in its results (RFC 5267 §4.3). The keys
// are tried again on a message when it comes or when its flags change; what only the passing of time
// changes, as of OLDER, is told with that.
type searchContext struct {
	tag     string
	uid     bool
	charset string
	key     imap.SearchKey
	items   []imap.FetchItem // that are told of new messages (RFC 5465 §7)
	octets  int              // of the key and the items
	found   imap.UIDSet
	// order is that of a SORT, sorted the messages in it; nil: that of the mailbox.
	order  []imap.SortCriterion
	sorted []imap.UID
}

func (x *searchContext) size() int {
	return x.octets + len(x.found.Ranges())*int(unsafe.Sizeof(imap.Range[imap.UID]{})) + len(x.sorted)*4
}

// checkUpdate refuses a tag that has been used (RFC 5267 §4.3), and items that there are not.
func checkUpdate(c *conn, cmd *imapwire.Search) error {
	if slices.ContainsFunc(c.sel.contexts, func(x *searchContext) bool { return x.tag == c.tag }) {
		return bad("Tag reuse")
	}
	return c.knownItems(updateItems(cmd))
}

func updateItems(cmd *imapwire.Search) []imap.FetchItem {
	for _, o := range cmd.ReturnOptions {
		if update, ok := o.(*imapwire.Update); ok {
			return update.Items
		}
	}
	return nil
}

// updateContext makes a context of a search that has succeeded, if there is room for it.
func updateContext(c *conn, cmd *imapwire.Search, order []imap.SortCriterion, hits []searchHit, err error) {
	if err != nil {
		return
	}
	x := &searchContext{tag: c.tag, uid: cmd.UID, charset: cmd.Charset, order: order, items: updateItems(cmd), found: hitUIDs(hits)}
	x.key, x.octets = c.fixedKey(&cmd.Key)
	x.octets += notifyOctets(nil, x.items)
	c.askedItems(x.items)
	if order != nil {
		x.sorted = make([]imap.UID, len(hits))
		for i := range hits {
			x.sorted[i] = hits[i].uid
		}
	}
	if len(c.sel.contexts) == maxContexts {
		c.appendNoUpdate(x, "Too many contexts")
		return
	}
	c.sel.contexts = append(c.sel.contexts, x)
	c.boundContexts()
}

func (c *conn) appendNoUpdate(x *searchContext, text string) {
	c.out = imapwire.AppendStatusResponse(c.out, "*", "NO", imap.CodeNoUpdate, string(imapwire.AppendQuoted(nil, x.tag)), text)
}

// boundContexts ends the youngest contexts when there is no room for all. The RFC has NOUPDATE for a
// context that does not begin; it is the only way to say that one ends, too.
func (c *conn) boundContexts() {
	total := 0
	c.sel.contexts = slices.DeleteFunc(c.sel.contexts, func(x *searchContext) bool {
		if total+x.size() > maxContextOctets {
			c.appendNoUpdate(x, "The contexts hold too much")
			return true
		}
		total += x.size()
		return false
	})
}

// fixedKey returns a key in which numbers of messages, and "$", mean for ever what they mean now, and
// how many octets it takes.
func (c *conn) fixedKey(k *imap.SearchKey) (fixed imap.SearchKey, octets int) {
	fixed = *k
	switch set := k.Set.(type) {
	case imap.SeqSet:
		fixed.Op, fixed.Set = imap.SearchUID, c.sel.view.UIDs(set.Resolve(imap.SeqNum(c.sel.view.Len())))
	case imap.SearchResult:
		fixed.Op, fixed.Set = imap.SearchUID, c.searchRes.Clone()
	}
	octets = int(unsafe.Sizeof(fixed)) + len(k.Name) + len(k.Text) + len(k.Flag)
	if uids, ok := fixed.Set.(imap.UIDSet); ok {
		octets += len(uids.Ranges()) * int(unsafe.Sizeof(imap.Range[imap.UID]{}))
	}
	fixed.Keys = make([]imap.SearchKey, len(k.Keys))
	for i := range k.Keys {
		n := 0
		fixed.Keys[i], n = c.fixedKey(&k.Keys[i])
		octets += n
	}
	return fixed, octets
}

// runCancelUpdate is CANCELUPDATE (RFC 5267 §4.3.5).
func runCancelUpdate(c *conn, cmd *imapwire.CancelUpdate) error {
	known := map[string]bool{}
	for _, x := range c.sel.contexts {
		known[x.tag] = true
	}
	for _, tag := range cmd.Tags {
		if !known[tag] {
			return bad("No command %s has asked for updates", printable(tag))
		}
	}
	c.sel.contexts = slices.DeleteFunc(c.sel.contexts, func(x *searchContext) bool { return slices.Contains(cmd.Tags, x.tag) })
	c.completion.text = "No further updates"
	return nil
}

// tellGone tells which messages leave the results with EXPUNGE, in front of it: their numbers are those
// of the version that the client knows (RFC 5267 §4.3.4).
func (c *conn) tellGone(gone []mailbox.Numbered, last *mailbox.Version) {
	if len(gone) == 0 || len(c.sel.contexts) == 0 {
		return
	}
	uids := make([]imap.UID, len(gone))
	for i := range gone {
		uids[i] = gone[i].Row.UID
	}
	all := imap.UIDs(uids...)
	for _, x := range c.sel.contexts {
		c.appendUpdate(x, x.remove(x.found.Intersect(all), last), nil)
	}
}

// tellContexts tells how what has come and changed changes the results, behind EXISTS and FETCH. A
// context of which that cannot be found out ends.
func (c *conn) tellContexts(d *mailbox.Delta) error {
	if len(c.sel.contexts) == 0 || len(d.Added) == 0 && d.Unchanged() {
		return nil
	}
	if c.uidOnly() {
		c.endContexts(func(x *searchContext) string {
			if !x.uid {
				return "Message numbers are not told any more"
			}
			return ""
		})
	}
	c.endContexts(func(x *searchContext) string {
		if c.writeErr != nil {
			return ""
		}
		removed, added, err := c.changes(x, d)
		if err != nil {
			c.log.Debug("a context ends", "err", err)
			return "This context takes too much"
		}
		if isNew := x.found.Intersect(addedUIDs(d)); len(x.items) > 0 && !isNew.Empty() {
			// In front of ADDTO (RFC 5465 §7).
			if err := c.tellItems(isNew, x.items); err != nil {
				c.log.Debug("a context ends", "err", err)
				return "What is new cannot be told"
			}
		}
		c.appendUpdate(x, removed, added)
		return ""
	})
	c.boundContexts()
	return c.writeErr
}

func addedUIDs(d *mailbox.Delta) imap.UIDSet {
	uids := make([]imap.UID, len(d.Added))
	for i := range d.Added {
		uids[i] = d.Added[i].Row.UID
	}
	return imap.UIDs(uids...)
}

// endContexts ends the contexts for which there is a reason.
func (c *conn) endContexts(reason func(*searchContext) string) {
	c.sel.contexts = slices.DeleteFunc(c.sel.contexts, func(x *searchContext) bool {
		why := reason(x)
		if why != "" {
			c.appendNoUpdate(x, why)
		}
		return why != ""
	})
}

// changes brings the results up to date, and returns what REMOVEFROM and ADDTO tell.
func (c *conn) changes(x *searchContext, d *mailbox.Delta) (removed, added []byte, err error) {
	p, root, err := c.compileSearch(c.sel, x.charset, &x.key)
	if err != nil {
		return nil, nil, err
	}
	var seen int
	hits, err := p.find(root, d.Rows(), &seen)
	if err != nil {
		return nil, nil, err
	}
	match := hitUIDs(hits)
	var gone []imap.UID
	for y := range d.Changed() {
		if x.found.Contains(y.Row.UID) && !match.Contains(y.Row.UID) {
			gone = append(gone, y.Row.UID)
		}
	}
	removed = x.remove(imap.UIDs(gone...), c.sel.view)
	hits = slices.DeleteFunc(hits, func(h searchHit) bool { return x.found.Contains(h.uid) })
	added, err = c.add(x, hits)
	return removed, added, err
}

// remove takes messages out of the results, and returns what REMOVEFROM tells (RFC 5267 §4.3.4). Their
// numbers are those of a version.
func (x *searchContext) remove(gone imap.UIDSet, numbers *mailbox.Version) (told []byte) {
	if gone.Empty() {
		return nil
	}
	number := func(uid imap.UID) uint32 {
		if x.uid {
			return uint32(uid)
		}
		seq, _, _ := numbers.Find(uid)
		return uint32(seq)
	}
	x.found = x.found.Minus(gone)
	if x.order == nil {
		var run []uint32
		for uid := range gone.All() {
			run = append(run, number(uid))
		}
		return appendRun(nil, 0, run)
	}
	kept := x.sorted[:0]
	for i := 0; i < len(x.sorted); {
		if !gone.Contains(x.sorted[i]) {
			kept = append(kept, x.sorted[i])
			i++
			continue
		}
		var run []uint32
		for ; i < len(x.sorted) && gone.Contains(x.sorted[i]); i++ {
			run = append(run, number(x.sorted[i]))
		}
		told = appendRun(told, len(kept)+1, run)
	}
	x.sorted = kept
	return told
}

// add puts messages into the results, and returns what ADDTO tells (RFC 5267 §4.3.3).
func (c *conn) add(x *searchContext, hits []searchHit) (told []byte, err error) {
	if len(hits) == 0 {
		return nil, nil
	}
	x.found = x.found.Union(hitUIDs(hits))
	if x.order == nil {
		return appendRun(nil, 0, sortedNumbers(hits, x.uid)), nil
	}
	s, err := newSorter(c, x.order)
	if err != nil {
		return nil, err
	}
	var run []uint32
	from := 0 // where the run begins
	for _, h := range hits {
		at, err := s.place(h.uid, x.sorted)
		if err != nil {
			return nil, err
		}
		x.sorted = slices.Insert(x.sorted, at, h.uid)
		if at != from+len(run) {
			told = appendRun(told, from+1, run)
			from, run = at, nil
		}
		run = append(run, h.number(x.uid))
	}
	return appendRun(told, from+1, run), nil
}

// appendRun appends messages and their position.
func appendRun(dst []byte, position int, run []uint32) []byte {
	if len(run) == 0 {
		return dst
	}
	if len(dst) > 0 {
		dst = append(dst, ' ')
	}
	return imapwire.AppendSorted(append(imapwire.AppendNumber(dst, uint32(position)), ' '), run)
}

// appendUpdate writes the ESEARCH response of a context whose results have changed.
func (c *conn) appendUpdate(x *searchContext, removed, added []byte) {
	d := imapwire.ESearchData{Tag: x.tag, UID: x.uid}
	if len(removed) > 0 {
		d.Extra = append(d.Extra, imap.RawItem{Name: "REMOVEFROM", Value: "(" + string(removed) + ")"})
	}
	if len(added) > 0 {
		d.Extra = append(d.Extra, imap.RawItem{Name: "ADDTO", Value: "(" + string(added) + ")"})
	}
	if len(d.Extra) > 0 {
		c.out = imapwire.AppendESearch(c.out, &d)
	}
}
