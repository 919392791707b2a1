// Package maildate reads the dates of Internet messages, in every form in which programs have been
// seen to write them. It is a pure function of a string.
package maildate

import (
	"sync/atomic"
	"time"
)

// Parse reads a date as it stands in a Date header (RFC 5322 §3.3), in INTERNALDATE
// (RFC 9051 §9, date-time), or in what programs have been seen to write instead: obsolete forms
// (RFC 5322 §4.3), years of two digits, named zones, comments, a missing weekday, missing seconds,
// asctime and ISO 8601. An unknown or missing zone is UTC. It reports false, and the zero time,
// for what has no day, month and year or is not a possible date.
func Parse(s string) (time.Time, bool) {
	d := dateParser{s: s, day: -1, hour: -1}
	if !d.scan() || d.month == 0 || d.day < 1 || d.day > daysIn(d.month, d.year) || d.year < 1 {
		return time.Time{}, false
	}
	loc := time.UTC
	if d.zone != 0 {
		loc = zoneAt(d.zone)
	}
	return time.Date(d.year, time.Month(d.month), d.day, max(d.hour, 0), d.minute, d.second, 0, loc), true
}

// dateParser collects what the words of a date say, in whatever order they come.
type dateParser struct {
	s string
	i int

	year, month, day     int // day -1: not seen yet; month 0, year 0 the same
	hour, minute, second int // hour -1: not seen yet
	zone                 int // seconds east of UTC
	zoned                bool
}

// scan reads the whole string. It reports false when a number is out of range.
func (d *dateParser) scan() bool {
	for d.i < len(d.s) {
		switch c := d.s[d.i]; {
		case isDigit(c):
			if !d.number() {
				return false
			}
		case isLetter(c):
			d.word()
		case c == '(':
			d.comment()
		case (c == '+' || c == '-') && d.hour >= 0 && !d.zoned && d.i+1 < len(d.s) && isDigit(d.s[d.i+1]):
			if !d.offset(c == '-') {
				return false
			}
		default:
			d.i++
		}
	}
	return true
}

// digits reads a run of digits, and reports its value and length. Nine are enough for anything.
func (d *dateParser) digits() (v, n int) {
	for d.i < len(d.s) && isDigit(d.s[d.i]) {
		if n++; n <= 9 {
			v = v*10 + int(d.s[d.i]-'0')
		}
		d.i++
	}
	return v, n
}

func (d *dateParser) number() bool {
	v, n := d.digits()
	switch {
	case d.hour < 0 && d.colon():
		return d.clock(v)
	case n > 4:
		return d.day >= 0 && d.year != 0 // junk after the date
	case n >= 3 && d.year == 0:
		d.year = v
		if n == 3 {
			d.year += 1900 // RFC 5322 §4.3
		}
	case d.day < 0 && d.year != 0 && d.month == 0: // ISO 8601
		if v < 1 || v > 12 {
			return false
		}
		d.month = v
	case d.day < 0:
		d.day = v
	case d.year == 0:
		d.year = v + 1900
		if v < 50 {
			d.year = v + 2000
		}
	}
	return true
}

// colon consumes a colon with a digit behind it, and the white space and comments that obsolete
// dates have around it.
func (d *dateParser) colon() bool {
	start := d.i
	d.blank()
	if d.i < len(d.s) && d.s[d.i] == ':' {
		d.i++
		if d.blank(); d.i < len(d.s) && isDigit(d.s[d.i]) {
			return true
		}
	}
	d.i = start
	return false
}

func (d *dateParser) blank() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\t', '\r', '\n':
			d.i++
		case '(':
			d.comment()
		default:
			return
		}
	}
}

// clock reads the rest of hh:mm[:ss[.fraction]].
func (d *dateParser) clock(hour int) bool {
	d.hour = hour
	d.minute, _ = d.digits()
	if d.colon() {
		d.second, _ = d.digits()
		if d.i+1 < len(d.s) && d.s[d.i] == '.' && isDigit(d.s[d.i+1]) {
			d.i++
			d.digits()
		}
	}
	return d.hour < 24 && d.minute < 60 && d.second <= 60
}

// offset reads +hhmm, +hh:mm, +hh or +hmm.
func (d *dateParser) offset(west bool) bool {
	d.i++
	v, n := d.digits()
	switch {
	case n > 4:
		return false
	case n <= 2:
		v *= 100
		if d.i+1 < len(d.s) && d.s[d.i] == ':' && isDigit(d.s[d.i+1]) {
			d.i++
			m, _ := d.digits()
			v += min(m, 99)
		}
	}
	if v >= 2400 || v%100 >= 60 {
		return false
	}
	d.zone = v/100*3600 + v%100*60
	if west {
		d.zone = -d.zone
	}
	d.zoned = true
	return true
}

func (d *dateParser) word() {
	start := d.i
	for d.i < len(d.s) && isLetter(d.s[d.i]) {
		d.i++
	}
	w := d.s[start:d.i]
	if len(w) >= 3 {
		if m := monthByName(w); m != 0 && d.month == 0 {
			d.month = m
			return
		}
	}
	if d.hour < 0 {
		return // the weekday, or the T of ISO 8601
	}
	if len(w) == 2 && w[1]|0x20 == 'm' && d.hour <= 12 {
		switch w[0] | 0x20 {
		case 'a':
			d.hour %= 12
			return
		case 'p':
			d.hour = d.hour%12 + 12
			return
		}
	}
	if d.zoned {
		return
	}
	hours, known := zoneByName(w)
	if !known || d.i < len(d.s) && (d.s[d.i] == '+' || d.s[d.i] == '-') {
		return // "GMT+0200": the number decides
	}
	d.zone, d.zoned = hours*3600, true
}

// comment skips a comment (RFC 5322 §3.2.2), to the end of the string when it is not closed.
func (d *dateParser) comment() {
	depth := 0
	for ; d.i < len(d.s); d.i++ {
		switch d.s[d.i] {
		case '\\':
			d.i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				d.i++
				return
			}
		}
	}
}

func isDigit(c byte) bool  { return c-'0' < 10 }
func isLetter(c byte) bool { return c|0x20-'a' < 26 }

// pack makes a number of the first three letters of a word, without case.
func pack(w string) uint32 { return uint32(w[0]|0x20)<<16 | uint32(w[1]|0x20)<<8 | uint32(w[2]|0x20) }

func monthByName(w string) int {
	switch pack(w) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// zoneByName returns the hours east of UTC of the zones of RFC 5322 §4.3 and of some more that
// mean the same everywhere.
func zoneByName(w string) (hours int, known bool) {
	switch len(w) {
	case 1: // military zones were used with either sign; all are -0000
		return 0, true
	case 2:
		return 0, w[0]|0x20 == 'u' && w[1]|0x20 == 't'
	case 3:
		switch pack(w) {
		case 'g'<<16 | 'm'<<8 | 't', 'u'<<16 | 't'<<8 | 'c', 'w'<<16 | 'e'<<8 | 't':
			return 0, true
		case 'e'<<16 | 's'<<8 | 't', 'c'<<16 | 'd'<<8 | 't':
			return -5, true
		case 'e'<<16 | 'd'<<8 | 't':
			return -4, true
		case 'c'<<16 | 's'<<8 | 't', 'm'<<16 | 'd'<<8 | 't':
			return -6, true
		case 'm'<<16 | 's'<<8 | 't', 'p'<<16 | 'd'<<8 | 't':
			return -7, true
		case 'p'<<16 | 's'<<8 | 't':
			return -8, true
		case 'c'<<16 | 'e'<<8 | 't', 'm'<<16 | 'e'<<8 | 't':
			return 1, true
		case 'e'<<16 | 'e'<<8 | 't':
			return 2, true
		case 'm'<<16 | 's'<<8 | 'k':
			return 3, true
		case 'j'<<16 | 's'<<8 | 't', 'k'<<16 | 's'<<8 | 't':
			return 9, true
		}
	case 4:
		switch pack(w) {
		case 'c'<<16 | 'e'<<8 | 's', 'm'<<16 | 'e'<<8 | 's': // CEST, MEST
			return 2, w[3]|0x20 == 't'
		case 'e'<<16 | 'e'<<8 | 's': // EEST
			return 3, w[3]|0x20 == 't'
		}
	}
	return 0, false
}

func daysIn(month, year int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// zones holds the locations of the offsets in use, which are quarters of an hour: a date in mail
// costs no allocation.
var zones [4*24*2 + 1]atomic.Pointer[time.Location]

func zoneAt(offset int) *time.Location {
	const quarter = 15 * 60
	i := offset/quarter + len(zones)/2
	if offset%quarter != 0 || i < 0 || i >= len(zones) {
		return time.FixedZone("", offset)
	}
	if loc := zones[i].Load(); loc != nil {
		return loc
	}
	loc := time.FixedZone("", offset)
	zones[i].Store(loc)
	return loc
}
