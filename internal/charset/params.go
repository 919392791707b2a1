package charset

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A parameter of Content-Type or Content-Disposition is any struct with a name and a value;
// package imap has one and imports this package.
type param = struct{ Name, Value string }

// DecodeParams returns parameters as people mean them: continuations (name*0, name*1) joined and
// character sets decoded (RFC 2231 §3 and §4), encoded words, which do not belong in parameters
// but are common there (RFC 2047 §5), and raw 8-bit octets decoded. Names lose their "*". When a
// parameter is there both plainly and encoded, the encoded form stands, in the plain one's place.
func DecodeParams[S ~[]P, P ~struct{ Name, Value string }](in S) S {
	out := make(S, 0, len(in))
	place := make(map[string]int, len(in))
	extended := make(map[string]bool)
	for _, p := range JoinParams(in) {
		q := param(p)
		name, isExtended := strings.CutSuffix(q.Name, "*")
		if isExtended {
			q.Value = decodeExtended(q.Value)
		} else {
			q.Value = DecodeHeader(q.Value)
		}
		q.Name = name
		key := strings.ToLower(name)
		if i, ok := place[key]; !ok {
			place[key] = len(out)
			out = append(out, P(q))
		} else if isExtended && !extended[key] {
			out[i] = P(q)
		}
		extended[key] = extended[key] || isExtended
	}
	return out
}

// JoinParams joins the continuations of RFC 2231 §3 and leaves the rest alone, which is what
// BODYSTRUCTURE wants (RFC 9051 §7.5.2): name*0 and name*1 become name. When a piece is encoded
// the result is name* and keeps the form charset'language'value that clients know how to read,
// its character set converted to UTF-8.
func JoinParams[S ~[]P, P ~struct{ Name, Value string }](in S) S {
	first := -1
	for i, p := range in {
		if _, _, _, ok := splitName(param(p).Name); ok {
			first = i
			break
		}
	}
	if first < 0 {
		return in
	}
	pieces := make(map[string]map[int]piece)
	for _, p := range in[first:] {
		if name, n, enc, ok := splitName(param(p).Name); ok {
			key := strings.ToLower(name)
			if pieces[key] == nil {
				pieces[key] = make(map[int]piece)
			}
			if _, dup := pieces[key][n]; !dup {
				pieces[key][n] = piece{param(p).Value, enc}
			}
		}
	}
	out := append(make(S, 0, len(in)), in[:first]...)
	for _, p := range in[first:] {
		name, _, _, ok := splitName(param(p).Name)
		if !ok {
			out = append(out, p)
			continue
		}
		key := strings.ToLower(name)
		ps := pieces[key]
		if ps == nil {
			continue // joined already
		}
		delete(pieces, key)
		out = append(out, P(join(name, ps)))
	}
	return out
}

type piece struct {
	value   string
	encoded bool
}

// splitName takes "name*1*" apart. It reports false for a name that is no continuation.
func splitName(s string) (name string, n int, encoded, ok bool) {
	name, rest, ok := strings.Cut(s, "*")
	if !ok || rest == "" || name == "" {
		return "", 0, false, false
	}
	rest, encoded = strings.CutSuffix(rest, "*")
	if rest == "" || len(rest) > 4 || (rest[0] == '0' && rest != "0") {
		return "", 0, false, false
	}
	u, err := strconv.ParseUint(rest, 10, 16)
	return name, int(u), encoded, err == nil
}

// join puts the pieces 0, 1, 2... of one parameter together. Pieces behind a gap are lost in
// transit with what belongs between; they are appended in order all the same.
func join(name string, ps map[int]piece) param {
	order := slices.Sorted(maps.Keys(ps))
	encoded := false
	for _, p := range ps {
		encoded = encoded || p.encoded
	}
	var raw []byte
	charset, language := "", ""
	for i, n := range order {
		p := ps[n]
		if !p.encoded {
			raw = append(raw, p.value...)
			continue
		}
		if i == 0 {
			charset, language, p.value = splitExtended(p.value)
		}
		raw = appendPercent(raw, p.value)
	}
	if !encoded {
		return param{name, string(raw)}
	}
	text, _ := Decode(charset, raw)
	return param{name + "*", "utf-8'" + language + "'" + escapePercent(text)}
}

// decodeExtended decodes charset'language'percent-encoded (RFC 2231 §4, RFC 8187). Without the
// two quotes the whole is the value.
func decodeExtended(s string) string {
	charset, _, value := splitExtended(s)
	text, _ := Decode(charset, appendPercent(nil, value))
	return clean(text)
}

func splitExtended(s string) (charset, language, value string) {
	charset, rest, ok := strings.Cut(s, "'")
	if !ok {
		return "", "", s
	}
	language, value, ok = strings.Cut(rest, "'")
	if !ok {
		return "", "", s
	}
	return charset, language, value
}

func appendPercent(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			dst = append(dst, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		dst = append(dst, s[i])
	}
	return dst
}

// escapePercent leaves the attribute-char of RFC 2231 §7 as they are.
func escapePercent(s string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c > ' ' && c < 0x7f && !strings.ContainsRune(`*'%()<>@,;:\"/[]?=`, rune(c)) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}
