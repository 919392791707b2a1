package charset

import (
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// utf7 decodes UTF-7 (RFC 2152), which some mail of the nineties is written in. It is not the
// modified UTF-7 of mailbox names.
type utf7 struct {
	base64 bool   // between "+" and its end
	any    bool   // something was shifted since the "+"
	bits   uint32 // the low nbits are not used yet
	nbits  uint
	high   rune // a high surrogate that waits for its pair, or 0
}

func newUTF7() transform.Transformer { return &utf7{} }

func (u *utf7) Reset() { *u = utf7{} }

// Transform writes at most three runes for one octet: a lonely surrogate's replacement, the one
// before and the octet itself.
func (u *utf7) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for ; nSrc < len(src); nSrc++ {
		if len(dst)-nDst < 3*utf8.UTFMax {
			return nDst, nSrc, transform.ErrShortDst
		}
		c := src[nSrc]
		if !u.base64 {
			if c == '+' {
				*u = utf7{base64: true}
				continue
			}
			nDst += utf8.EncodeRune(dst[nDst:], plain(c))
			continue
		}
		v := base64Value(c)
		if v < 0 {
			if u.high != 0 {
				nDst += utf8.EncodeRune(dst[nDst:], utf8.RuneError)
			}
			if c != '-' {
				nDst += utf8.EncodeRune(dst[nDst:], plain(c))
			} else if !u.any {
				dst[nDst] = '+'
				nDst++
			}
			*u = utf7{}
			continue
		}
		u.any = true
		u.bits, u.nbits = u.bits<<6|uint32(v), u.nbits+6
		if u.nbits < 16 {
			continue
		}
		u.nbits -= 16
		r := rune(u.bits >> u.nbits & 0xFFFF)
		switch {
		case u.high != 0:
			pair := utf16.DecodeRune(u.high, r)
			u.high = 0
			nDst += utf8.EncodeRune(dst[nDst:], pair)
			if pair != utf8.RuneError {
				continue
			}
			fallthrough
		default:
			if r >= 0xD800 && r < 0xDC00 {
				u.high = r
				continue
			}
			nDst += utf8.EncodeRune(dst[nDst:], r)
		}
	}
	if atEOF && u.high != 0 {
		if len(dst)-nDst < utf8.UTFMax {
			return nDst, nSrc, transform.ErrShortDst
		}
		u.high = 0
		nDst += utf8.EncodeRune(dst[nDst:], utf8.RuneError)
	}
	return nDst, nSrc, nil
}

// plain is the rune of an octet that is not shifted; UTF-7 has no 8-bit octets.
func plain(c byte) rune {
	if c >= utf8.RuneSelf {
		return utf8.RuneError
	}
	return rune(c)
}

func base64Value(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}
