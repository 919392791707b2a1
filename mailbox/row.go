package mailbox

import (
	"time"

	"restante/imap"
)

// Row is one message in a mailbox: 48 octets. What can change is here, and what a client asks of
// thousands of messages at once; the rest is beside the message, under Ref.
type Row struct {
	UID    imap.UID
	Size   uint32 // RFC822.SIZE in octets
	Flags  FlagBits
	ModSeq imap.ModSeq
	Date   Date
	Ref    uint64 // the immutable message; only the store knows what it means
	Saved  Saved
	far    uint32 // 0, or where in Version.far the keywords are for which Flags has no bit, plus 1
}

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

// Unix returns the seconds since 1970.
func (d Date) Unix() int64 { return int64(d) >> zoneBits }

// Day numbers the day that the date names in its zone: days since 1970, which begins with day 0.
func (d Date) Day() int64 {
	written := int64(d)>>zoneBits + (int64(d)&(1<<zoneBits-1)-zoneBias)*60
	day := written / secondsOfDay
	if written%secondsOfDay < 0 {
		day-- // before 1970
	}
	return day
}

const secondsOfDay = 24 * 60 * 60

// Saved is when a message came into its mailbox (RFC 8514 §3): seconds since the year 2000, 0 when
// nobody noted it.
type Saved uint32

const savedEpoch = 946684800 // 2000-01-01T00:00:00Z in Unix time

// MakeSaved packs t, to the second. What does not fit, before 2000 and after 2136, is 0.
func MakeSaved(t time.Time) Saved {
	if s := t.Unix() - savedEpoch; s > 0 && s < 1<<32 {
		return Saved(s)
	}
	return 0
}

// Time unpacks it, in UTC; false when it is not known.
func (s Saved) Time() (time.Time, bool) {
	if s == 0 {
		return time.Time{}, false
	}
	return time.Unix(int64(s)+savedEpoch, 0).UTC(), true
}

// Day numbers the day in UTC as Date.Day does; false when it is not known.
func (s Saved) Day() (int64, bool) {
	return (int64(s) + savedEpoch) / secondsOfDay, s != 0
}
