package mailbox

import (
	"slices"

	"restante/imap"
)

// Import is a part of a mailbox that comes from another store, with the numbers that it has there.
type Import struct {
	// Rows, in UID order, are messages that are new, or whose flags have changed. They mean the
	// keywords of Keywords, which are those of the mailbox from now on.
	Rows     []Row
	Far      map[imap.UID]FarBits // of those rows that have any
	Keywords []imap.Flag
	Gone     imap.UIDSet // messages that have come and are not in the mailbox any more
	// UIDNext and HighestModSeq are what the mailbox has from now on, whatever its rows have.
	UIDNext       imap.UID
	HighestModSeq imap.ModSeq
	// Expunged goes to the end of the history, which begins at HistorySince.
	Expunged     []Expunged
	HistorySince imap.ModSeq
}

// Import returns the version with a part of a mailbox of another store put into it. Its history has
// so many octets at most, as in WithHistory. ErrTooManyKeywords.
func (v *Version) Import(p *Import, history int) (*Version, error) {
	n, err := v.importRows(p)
	if err != nil {
		return nil, err
	}
	n.keywords, n.UIDNext, n.HighestModSeq = p.Keywords, p.UIDNext, p.HighestModSeq
	since := v.HistorySince()
	if len(p.Expunged) == 0 && since == p.HistorySince {
		n.history = v.history
		return n, nil
	}
	removed := slices.Collect(v.Removed(p.HistorySince))
	for _, x := range p.Expunged {
		if x.ModSeq > p.HistorySince {
			removed = append(removed, x)
		}
	}
	return n.WithHistory(p.HistorySince, removed, history), nil
}

// importRows returns a version that nobody else has with the rows of p.
func (v *Version) importRows(p *Import) (*Version, error) {
	if p.Gone.Empty() && (len(p.Rows) == 0 || p.Rows[0].UID > v.MaxUID()) {
		return v.Append(p.Rows, p.Far)
	}
	rows := make([]Row, 0, v.Len()+len(p.Rows))
	far := map[imap.UID]FarBits{}
	add := func(r Row, bits FarBits) {
		if rows = append(rows, r); bits != (FarBits{}) {
			far[r.UID] = bits
		}
	}
	rest := p.Rows
	for _, r := range v.Rows() {
		for len(rest) > 0 && rest[0].UID < r.UID {
			add(rest[0], p.Far[rest[0].UID])
			rest = rest[1:]
		}
		switch {
		case len(rest) > 0 && rest[0].UID == r.UID:
			add(rest[0], p.Far[r.UID])
			rest = rest[1:]
		case !p.Gone.Contains(r.UID):
			add(*r, v.Set(r).Far)
		}
	}
	for _, r := range rest {
		add(r, p.Far[r.UID])
	}
	return Load(v.Counts(), v.keywords, rows, far)
}
