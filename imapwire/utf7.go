package imapwire

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrUTF7 is what DecodeUTF7 returns for a name that is not modified UTF-7.
var ErrUTF7 = errors.New("imapwire: not modified UTF-7")

// undecoded stands in front of a name that a client sent and that cannot be decoded. What is behind it
// is the name as it was sent. With it a name is not UTF-8, so no mailbox has it and none can be created
// or renamed to have it.
const undecoded = "\xff"

// decodeName returns the UTF-8 form of a mailbox name as a client sends it: UTF-8 where that is agreed
// on, else modified UTF-7. Clients that send UTF-8 without having enabled it (go-imap v2, mbsync) are
// understood: such a name cannot be modified UTF-7, which is ASCII, so there is nothing else it could
// mean. go-imap v2 writes "&-" for "&" in it. A name that cannot be decoded is returned as it is.
func decodeName(raw string, isUTF8 bool) (name string, ok bool) {
	if isUTF8 {
		return raw, utf8.ValidString(raw)
	}
	if !isASCII(raw) {
		if !utf8.ValidString(raw) {
			return raw, false
		}
		return strings.ReplaceAll(raw, "&-", "&"), true
	}
	name, err := DecodeUTF7(raw)
	if err != nil {
		return raw, false
	}
	return name, true
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// utf7Base64 is the base64 of modified UTF-7: "," in the place of "/", no padding, no stray bits.
var utf7Base64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding).Strict()

// EncodeUTF7 returns the modified UTF-7 form of a mailbox name (RFC 3501 §5.1.3). Octets that are
// not UTF-8 become U+FFFD.
func EncodeUTF7(name string) string {
	i := 0
	for i < len(name) && utf7Direct(name[i]) && name[i] != '&' {
		i++
	}
	if i == len(name) {
		return name
	}
	return string(appendUTF7(append(make([]byte, 0, len(name)+16), name[:i]...), name[i:]))
}

// utf7Direct reports whether the octet stands for itself outside base64 ("&" as "&-").
func utf7Direct(c byte) bool { return c >= 0x20 && c <= 0x7e }

func appendUTF7(dst []byte, name string) []byte {
	var run []byte // UTF-16BE waiting for base64
	for i := 0; i < len(name); {
		if c := name[i]; utf7Direct(c) {
			dst = append(dst, c)
			if c == '&' {
				dst = append(dst, '-')
			}
			i++
			continue
		}
		run = run[:0]
		for i < len(name) && !utf7Direct(name[i]) {
			r, n := utf8.DecodeRuneInString(name[i:])
			i += n
			if r >= 0x10000 {
				hi, lo := utf16.EncodeRune(r)
				run = append(run, byte(hi>>8), byte(hi))
				r = lo
			}
			run = append(run, byte(r>>8), byte(r))
		}
		dst = append(dst, '&')
		dst = utf7Base64.AppendEncode(dst, run)
		dst = append(dst, '-')
	}
	return dst
}

// DecodeUTF7 returns the UTF-8 form of a mailbox name in modified UTF-7. It is strict: a name has
// exactly one encoded form, the one that EncodeUTF7 gives, and everything else is ErrUTF7, so that
// one mailbox has one name. U+0000 is refused too, since no other form of a name can carry it.
func DecodeUTF7(name string) (string, error) {
	i := 0
	for i < len(name) && utf7Direct(name[i]) && name[i] != '&' {
		i++
	}
	if i == len(name) {
		return name, nil
	}
	dst := append(make([]byte, 0, len(name)), name[:i]...)
	var units []byte
	shifted := false // the last thing read was a run of base64
	for i < len(name) {
		c := name[i]
		if !utf7Direct(c) {
			return "", ErrUTF7
		}
		i++
		if c != '&' {
			dst, shifted = append(dst, c), false
			continue
		}
		end := i
		for end < len(name) && name[end] != '-' {
			end++
		}
		if end == len(name) {
			return "", ErrUTF7
		}
		run := name[i:end]
		i = end + 1
		if run == "" {
			dst, shifted = append(dst, '&'), false
			continue
		}
		if shifted { // two runs in a row are one
			return "", ErrUTF7
		}
		shifted = true
		if strings.ContainsAny(run, "\r\n") { // which encoding/base64 passes over
			return "", ErrUTF7
		}
		var err error
		if units, err = utf7Base64.AppendDecode(units[:0], []byte(run)); err != nil || len(units)%2 != 0 {
			return "", ErrUTF7
		}
		for u := 0; u < len(units); u += 2 {
			r := rune(units[u])<<8 | rune(units[u+1])
			if utf16.IsSurrogate(r) {
				if u += 2; u >= len(units) {
					return "", ErrUTF7
				}
				if r = utf16.DecodeRune(r, rune(units[u])<<8|rune(units[u+1])); r == utf8.RuneError {
					return "", ErrUTF7
				}
			}
			if r == 0 || r < 0x80 && utf7Direct(byte(r)) {
				return "", ErrUTF7
			}
			dst = utf8.AppendRune(dst, r)
		}
	}
	return string(dst), nil
}

// DecodeUTF7Tolerant returns the UTF-8 form of a mailbox name that a server sent, and the name as
// it stands when it is not modified UTF-7.
func DecodeUTF7Tolerant(name string) string {
	if s, err := DecodeUTF7(name); err == nil {
		return s
	}
	return name
}
