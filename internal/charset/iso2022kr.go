package charset

import (
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/transform"
)

// newISO2022KR decodes ISO-2022-KR (RFC 1557), old Korean mail: a designator ESC $ ) C, then KS C
// 5601 in seven bits between SO and SI. With the eighth bit set that is EUC-KR.
func newISO2022KR() transform.Transformer {
	return transform.Chain(&shiftKR{}, korean.EUCKR.NewDecoder().Transformer)
}

type shiftKR struct{ out bool }

func (s *shiftKR) Reset() { s.out = false }

func (s *shiftKR) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	const designator = "\x1b$)C"
	for nSrc < len(src) {
		c := src[nSrc]
		switch {
		case c == 0x1b:
			rest := src[nSrc:]
			if n := min(len(rest), len(designator)); string(rest[:n]) == designator[:n] {
				if n < len(designator) && !atEOF {
					return nDst, nSrc, transform.ErrShortSrc
				}
				nSrc += n
				continue
			}
		case c == 0x0e:
			s.out = true
			nSrc++
			continue
		case c == 0x0f:
			s.out = false
			nSrc++
			continue
		case c == '\n':
			s.out = false // RFC 1557: the shift ends with the line
		case s.out && c > ' ' && c < 0x7f:
			c |= 0x80
		}
		if nDst == len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		dst[nDst] = c
		nDst++
		nSrc++
	}
	return nDst, nSrc, nil
}
