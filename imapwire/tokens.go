package imapwire

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// AppendNumber appends n in decimal.
func AppendNumber[N ~int | ~int64 | ~uint32 | ~uint64](dst []byte, n N) []byte {
	if n < 0 {
		n = 0
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}

// AppendQuoted appends s as a quoted string (RFC 9051 §4.3). The caller knows that s holds no NUL,
// CR or LF and, unless the peer takes UTF-8, no octet above 0x7f.
func AppendQuoted[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// AppendLiteral appends s as a literal in place, "{3}\r\nabc" (RFC 9051 §4.3): the form for
// responses. No string but a literal8 can hold NUL; it becomes 0x80, so that sizes stay.
func AppendLiteral[S string | []byte](dst []byte, s S) []byte {
	dst = strconv.AppendUint(append(dst, '{'), uint64(len(s)), 10)
	dst = append(dst, "}\r\n"...)
	start := len(dst)
	dst = append(dst, s...)
	for i := start; i < len(dst); i++ {
		if dst[i] == 0 {
			dst[i] = 0x80
		}
	}
	return dst
}

// AppendString appends s as a string: quoted when it is 7-bit text, a literal otherwise.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	if quotable(s, false) {
		return AppendQuoted(dst, s)
	}
	return AppendLiteral(dst, s)
}

// AppendNString appends s as a string, or NIL when ok is false.
func AppendNString[S string | []byte](dst []byte, s S, ok bool) []byte {
	if !ok {
		return append(dst, "NIL"...)
	}
	return AppendString(dst, s)
}

// AppendAString appends s as an atom when it is one, as a string otherwise. NIL is quoted, for
// peers that take it for an nstring.
func AppendAString[S string | []byte](dst []byte, s S) []byte {
	if bareAString(s) {
		return append(dst, s...)
	}
	return AppendString(dst, s)
}

// AppendMailbox appends a mailbox name given in UTF-8: in modified UTF-7 (RFC 3501 §5.1.3), or as
// UTF-8 when utf8 says that the peer takes it (RFC 9051 §5.1, RFC 6855 §3).
func AppendMailbox(dst []byte, name string, utf8 bool) []byte {
	if !utf8 {
		name = EncodeUTF7(name)
	}
	switch {
	case bareAString(name):
		return append(dst, name...)
	case quotable(name, utf8):
		return AppendQuoted(dst, name)
	}
	return AppendLiteral(dst, name)
}

// quotable reports whether s can be a quoted string; with utf8Too, one with UTF-8 in it.
func quotable[S string | []byte](s S, utf8Too bool) bool {
	eight := false
	for i := 0; i < len(s); i++ {
		if c := s[i]; chars[c]&textChar == 0 {
			if c < 0x80 || !utf8Too {
				return false
			}
			eight = true
		}
	}
	return !eight || utf8.ValidString(string(s))
}

func bareAString[S string | []byte](s S) bool {
	return isAtom(s) && !(len(s) == 3 && strings.EqualFold(string(s), "NIL"))
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// AppendDate appends a date-text, "1-Jan-2026", in t's own time zone.
func AppendDate(dst []byte, t time.Time) []byte {
	y, m, d := t.Date()
	return appendMonthYear(strconv.AppendInt(dst, int64(d), 10), m, y)
}

func appendMonthYear(dst []byte, m time.Month, y int) []byte {
	dst = append(dst, '-')
	dst = append(dst, months[3*m-3:3*m]...)
	y = min(max(y, 0), 9999)
	return append(dst, '-', byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10))
}

// AppendDateTime appends a date-time with its quotes, `" 1-Jan-2026 10:00:00 +0000"`, in t's own
// time zone. Fractions of a second, and of a minute in the zone, have no place in it.
func AppendDateTime(dst []byte, t time.Time) []byte {
	_, zone := t.Zone()
	if zone%60 != 0 {
		zone -= zone % 60
		t = t.In(time.FixedZone("", zone))
	}
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	dst = append(dst, '"')
	if d < 10 {
		dst = append(dst, ' ', byte('0'+d))
	} else {
		dst = append2(dst, d)
	}
	dst = append(appendMonthYear(dst, mo, y), ' ')
	dst = append(append2(dst, h), ':')
	dst = append(append2(dst, mi), ':')
	dst = append(append2(dst, s), ' ')
	sign := byte('+')
	if zone < 0 {
		sign, zone = '-', -zone
	}
	dst = append2(append(dst, sign), zone/3600)
	return append(append2(dst, zone/60%60), '"')
}

// append2 appends a number below 100 as two digits.
func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10%10), byte('0'+n%10)) }
