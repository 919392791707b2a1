package mailbox

import (
	"slices"
	"time"

	"restante/imap"
)

// Row is one message in a mailbox: 40 bytes.
type Row struct {
	UID    imap.UID
	Size   uint32 // RFC822.SIZE in octets
	Flags  FlagBits
	ModSeq imap.ModSeq
	Date   Date
	Ref    uint64 // the immutable message; only the store knows what it means
}

// FlagBits is a set of flags: the five system flags, then the mailbox's keywords in the order in
// which the mailbox first saw them.
type FlagBits uint64

const (
	BitSeen FlagBits = 1 << iota
	BitAnswered
	BitFlagged
	BitDeleted
	BitDraft

	systemBits = 5
	// MaxKeywords is how many keywords one mailbox can hold at a time.
	MaxKeywords = 64 - systemBits
)

// SystemFlags are the flags of the lowest bits, in order.
var SystemFlags = []imap.Flag{imap.Seen, imap.Answered, imap.Flagged, imap.Deleted, imap.Draft}

// Date is an internal date: seconds since 1970 and the zone in which it was given, to the minute.
type Date int64

const zoneBits, zoneBias = 12, 1 << 11

// MakeDate packs t.
func MakeDate(t time.Time) Date {
	_, offset := t.Zone()
	return Date(t.Unix()<<zoneBits | int64(offset/60+zoneBias)&(1<<zoneBits-1))
}

// Time unpacks the date, in the zone in which it was given.
func (d Date) Time() time.Time {
	offset := (int(d)&(1<<zoneBits-1) - zoneBias) * 60
	if offset == 0 {
		return time.Unix(int64(d)>>zoneBits, 0).UTC()
	}
	return time.Unix(int64(d)>>zoneBits, 0).In(time.FixedZone("", offset))
}

// Flags returns the flags that bits stand for in this version, system flags first.
func (v *Version) Flags(bits FlagBits) []imap.Flag {
	var out []imap.Flag
	for i, f := range SystemFlags {
		if bits&(1<<i) != 0 {
			out = append(out, f)
		}
	}
	for i, f := range v.keywords {
		if bits&(1<<(i+systemBits)) != 0 {
			out = append(out, f)
		}
	}
	return out
}

// Bit returns the bit of a flag, 0 if the mailbox does not know it.
func (v *Version) Bit(f imap.Flag) FlagBits {
	for i, g := range SystemFlags {
		if g.Equal(f) {
			return 1 << i
		}
	}
	for i, g := range v.keywords {
		if g.Equal(f) {
			return 1 << (i + systemBits)
		}
	}
	return 0
}

// Bits returns the bits of the flags and, when some are new keywords, the version that knows
// them; otherwise v itself. \Recent is left out: it is not stored. A keyword that no message
// carries any more makes room for a new one; ErrTooManyKeywords when there is no such.
func (v *Version) Bits(flags []imap.Flag) (*Version, FlagBits, error) {
	var bits FlagBits
	for _, f := range flags {
		if f.Equal(imap.Recent) {
			continue
		}
		bit := v.Bit(f)
		if bit == 0 {
			var err error
			if v, bit, err = v.addKeyword(f, bits); err != nil {
				return v, 0, err
			}
		}
		bits |= bit
	}
	return v, bits, nil
}

// addKeyword returns the version that knows f. The bits in keep are not taken away.
func (v *Version) addKeyword(f imap.Flag, keep FlagBits) (*Version, FlagBits, error) {
	n := *v
	if len(v.keywords) < MaxKeywords {
		n.keywords = append(slices.Clone(v.keywords), f)
		return &n, 1 << (len(v.keywords) + systemBits), nil
	}
	used := keep
	for _, r := range v.Rows() {
		used |= r.Flags
	}
	for i := range v.keywords {
		if bit := FlagBits(1) << (i + systemBits); used&bit == 0 {
			n.keywords = slices.Clone(v.keywords)
			n.keywords[i] = f
			return &n, bit, nil
		}
	}
	return v, 0, ErrTooManyKeywords
}
