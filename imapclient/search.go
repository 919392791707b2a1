package imapclient

import (
	"context"
	"slices"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["SEARCH"] = spec{hazard: selected | usesSeq | readsFlags | searches, narrow: narrowSearch}
	commands["UID SEARCH"] = spec{hazard: selected | readsFlags | searches | mayExpunge, narrow: narrowSearch}
}

// narrowSearch says how the search is answered, and what its key holds.
func narrowSearch(cmd imapwire.Command, h hazard) hazard {
	c, ok := cmd.(*imapwire.Search)
	if !ok {
		return h
	}
	if c.Return != nil {
		h &^= searches // ESEARCH tells the tag
	}
	if namesSeq(c.Key) {
		h |= usesSeq
	}
	return h
}

// SearchOptions say what Search is to tell and to do.
type SearchOptions struct {
	Seq   bool // sequence numbers instead of UIDs
	Count bool // how many there are; without the numbers where the server can leave them out
	Min   bool // the lowest number, likewise
	Max   bool // the highest number, likewise
	Save  bool // keep the result on the server, as imap.SearchResult (RFC 9051 §6.4.4.1)
}

// SearchData is the result of a search (RFC 9051 §7.3.4).
type SearchData struct {
	UIDs  imap.UIDSet
	Seqs  imap.SeqSet // with SearchOptions.Seq, instead
	Count uint32
	Min   uint32 // 0: nothing matches
	Max   uint32
}

// Search looks for messages (RFC 9051 §6.4.4), by ESEARCH where that is offered. Text that is not
// ASCII is sent as UTF-8; a server that does not take that is an error with the code BADCHARSET.
// o may be nil.
func (c *Conn) Search(ctx context.Context, key imap.SearchKey, o *SearchOptions) *Pending[*SearchData] {
	if o == nil {
		o = new(SearchOptions)
	}
	wire := &imapwire.Search{UID: !o.Seq, Key: key}
	if !c.usesUTF8() && !ascii(key) {
		wire.Charset = "UTF-8"
	}
	caps := c.Caps()
	if caps.Has(imap.CapESearch) {
		wire.Return = &imapwire.SearchReturn{Count: o.Count, Min: o.Min, Max: o.Max, Save: o.Save,
			All: !o.Count && !o.Min && !o.Max}
	} else if o.Save {
		return failed[*SearchData](c, ctx, wire, imap.ErrUnsupported)
	}
	s := &search{wire: wire, o: *o}
	v := new(*SearchData)
	*v = &s.out
	cmd := c.newCommand(ctx, wire)
	cmd.data = func(r imapwire.Response) bool { return s.data(r, cmd.tag) }
	cmd.end = func(_ *imapwire.StatusResponse, err error) error {
		s.finish()
		return err
	}
	return send(cmd, v)
}

func (c *Conn) usesUTF8() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.utf8
}

// ascii reports whether a search key needs no charset.
func ascii(k imap.SearchKey) bool {
	for _, s := range []string{k.Text, k.Name} {
		for i := 0; i < len(s); i++ {
			if s[i] >= 0x80 {
				return false
			}
		}
	}
	for _, sub := range k.Keys {
		if !ascii(sub) {
			return false
		}
	}
	return true
}

// search puts the responses to one SEARCH together: ESEARCH, or any number of SEARCH.
type search struct {
	wire *imapwire.Search
	o    SearchOptions
	out  SearchData
	told imapwire.ESearchItems

	last       uint32   // the highest of the numbers so far
	disordered []uint32 // those from the first on that is not higher than all before it
}

func (s *search) data(r imapwire.Response, tag string) bool {
	switch r := r.(type) {
	case *imapwire.SearchData:
		if r.Name != "SEARCH" {
			return false
		}
		s.add(r.Nums)
		return true
	case *imapwire.ESearchData:
		if r.Tag != tag && r.Tag != "" {
			return false
		}
		s.esearch(r)
		return true
	}
	return false
}

// add takes the numbers of a SEARCH. They may come in any order, and in any number of responses.
func (s *search) add(nums []uint32) {
	for i, n := range nums {
		switch {
		case n == 0:
		case n <= s.last || len(s.disordered) > 0:
			s.disordered = append(s.disordered, nums[i:]...)
			return
		case s.wire.UID:
			s.out.UIDs.Add(imap.UID(n))
		default:
			s.out.Seqs.Add(imap.SeqNum(n))
		}
		s.last = max(s.last, n)
	}
}

// order adds the numbers from the first on that came behind a higher one.
func order[T imap.Num](set imap.Set[T], nums []uint32) imap.Set[T] {
	if len(nums) == 0 {
		return set
	}
	slices.Sort(nums)
	var more imap.Set[T]
	for _, n := range nums {
		if n != 0 {
			more.Add(T(n))
		}
	}
	return set.Union(more)
}

// esearch takes an ESEARCH. What its numbers are, the command knows: some servers leave UID out.
func (s *search) esearch(r *imapwire.ESearchData) {
	s.told |= r.Items
	s.out.Count, s.out.Min, s.out.Max = max(s.out.Count, r.Count), max(s.out.Min, r.Min), max(s.out.Max, r.Max)
	switch all := r.All.(type) {
	case imap.UIDSet:
		if s.wire.UID {
			s.out.UIDs = join(s.out.UIDs, all)
		} else {
			s.out.Seqs = join(s.out.Seqs, convert[imap.SeqNum](all))
		}
	case imap.SeqSet:
		if s.wire.UID {
			s.out.UIDs = join(s.out.UIDs, convert[imap.UID](all))
		} else {
			s.out.Seqs = join(s.out.Seqs, all)
		}
	}
}

func join[T imap.Num](a, b imap.Set[T]) imap.Set[T] {
	if a.Empty() {
		return b
	}
	return a.Union(b)
}

func convert[To, From imap.Num](s imap.Set[From]) (out imap.Set[To]) {
	for _, r := range s.Ranges() {
		out.AddRange(To(r.First), To(r.Last))
	}
	return out
}

// finish fills in what a server without ESEARCH does not count.
func (s *search) finish() {
	if s.wire.UID {
		s.out.UIDs = order(s.out.UIDs, s.disordered)
	} else {
		s.out.Seqs = order(s.out.Seqs, s.disordered)
	}
	s.disordered = nil
	n, low, high := s.out.UIDs.Len(), uint32(s.out.UIDs.Min()), uint32(s.out.UIDs.Max())
	if !s.wire.UID {
		n, low, high = s.out.Seqs.Len(), uint32(s.out.Seqs.Min()), uint32(s.out.Seqs.Max())
	}
	if n == 0 {
		return
	}
	if s.told&imapwire.ESearchCount == 0 {
		s.out.Count = uint32(n)
	}
	if s.told&imapwire.ESearchMin == 0 {
		s.out.Min = low
	}
	if s.told&imapwire.ESearchMax == 0 {
		s.out.Max = high
	}
}

// Search returns the UIDs of the messages that match.
func (mb *Mailbox) Search(ctx context.Context, key imap.SearchKey) (imap.UIDSet, error) {
	d, err := mb.SearchWith(ctx, key, SearchOptions{})
	if err != nil {
		return imap.UIDSet{}, err
	}
	return d.UIDs, nil
}

// SearchWith looks for messages and tells what o asks for; see Conn.Search.
func (mb *Mailbox) SearchWith(ctx context.Context, key imap.SearchKey, o SearchOptions) (*SearchData, error) {
	return on(ctx, mb, namesSeq(key), func(k *Conn) *Pending[*SearchData] { return k.Search(ctx, key, &o) })
}

// namesSeq reports whether a search key holds sequence numbers.
func namesSeq(k imap.SearchKey) bool {
	if k.Op == imap.SearchSeq || k.Op == imap.SearchRaw {
		_, saved := k.Set.(imap.SearchResult)
		return !saved
	}
	return slices.ContainsFunc(k.Keys, namesSeq)
}
