package summary

import (
	"encoding/binary"
	"time"

	"restante/message"
)

// version is the first octet of every summary that is written. It changes with the stored form and with
// what is put into it.
//
// A summary of version 1, which stores hold that are older than version 2, has no preview. It serves all
// the same: what it does not have is made from the message when it is asked for.
const version = 2

// versions are how many sections a summary of each version has.
var versions = [...]int{1: previewText, 2: sections}

// Summary is what is kept of a message. The zero value is not Valid and has nothing.
//
// It is a version, flags, and the sections below, each behind its length as a varint, except that
// the first holds varints itself.
type Summary []byte

// Flags, the second octet.
const (
	hasDate     = 1 << iota // the sections sentUnix and sentDay mean something
	allFields               // every kept field of the header is there
	blankLine               // the header ends with one
	blankLineLF             // which is a bare LF
	hasPreview              // the section previewText means something
)

// The sections.
const (
	numbers       = iota // header length, Unix time and day of Date
	envelope             // as it is sent; empty when it is too long to be kept
	body                 // as it is sent, BODY; likewise
	bodyStructure        // as it is sent; likewise
	fields               // kept fields: number, length, octets
	absent               // hashes of the names of the fields that are not kept, 2 octets each
	structure            // the offsets tree, see structure.go
	previewText          // the beginning of the text, see preview.go; since version 2
	sections
)

// known reports whether s is of a version that this package reads.
func (s Summary) known() bool { return len(s) >= 2 && s[0] >= 1 && s[0] <= version }

// Valid reports whether s is whole and of a version that this package reads.
func (s Summary) Valid() bool {
	if !s.known() {
		return false
	}
	rest := []byte(s[2:])
	for range versions[s[0]] {
		n, k := binary.Uvarint(rest)
		if k <= 0 || n > uint64(len(rest)-k) {
			return false
		}
		rest = rest[k+int(n):]
	}
	return len(rest) == 0
}

// section returns a section, nil when there is none.
func (s Summary) section(i int) []byte {
	if !s.known() {
		return nil
	}
	rest := []byte(s[2:])
	for {
		n, k := binary.Uvarint(rest)
		if k <= 0 || n > uint64(len(rest)-k) {
			return nil
		}
		if i == 0 {
			return rest[k : k+int(n) : k+int(n)]
		}
		rest = rest[k+int(n):]
		i--
	}
}

func (s Summary) flag(f byte) bool { return s.known() && s[1]&f != 0 }

// number returns one of the section of numbers.
func (s Summary) number(i int) int64 {
	rest := s.section(numbers)
	for {
		v, k := binary.Varint(rest)
		if k <= 0 {
			return 0
		}
		if i == 0 {
			return v
		}
		rest = rest[k:]
		i--
	}
}

// Envelope returns the value of ENVELOPE as it stands in a FETCH response. It must not be changed. It is
// empty when it is too long to be kept: then the message has to be scanned, and AppendEnvelope makes it.
// The same goes for the next two.
func (s Summary) Envelope() []byte { return s.section(envelope) }

// Body returns the value of BODY, the structure without extension data, as it is sent.
func (s Summary) Body() []byte { return s.section(body) }

// BodyStructure returns the value of BODYSTRUCTURE as it is sent.
func (s Summary) BodyStructure() []byte { return s.section(bodyStructure) }

// HeaderLen returns the length of the message's header with its blank line, in octets.
func (s Summary) HeaderLen() int64 { return s.number(0) }

// Sent returns the time in the Date field, in UTC. It reports false when the message has none that
// can be read.
func (s Summary) Sent() (time.Time, bool) {
	if !s.flag(hasDate) {
		return time.Time{}, false
	}
	return time.Unix(s.number(1), 0).UTC(), true
}

// SentDay returns midnight UTC of the calendar day in the Date field, without regard to its time
// and zone: what SENTBEFORE, SENTON and SENTSINCE compare (RFC 9051 §6.4.4).
func (s Summary) SentDay() (time.Time, bool) {
	if !s.flag(hasDate) {
		return time.Time{}, false
	}
	return time.Unix(s.number(2)*86400, 0).UTC(), true
}

// Preview returns the beginning of the message's text, as Preview makes it. It reports false when the
// summary does not have it.
func (s Summary) Preview() (string, bool) {
	return string(s.section(previewText)), s.flag(hasPreview)
}

// HeaderFields appends the answer to HEADER.FIELDS for the given names, or with not that to
// HEADER.FIELDS.NOT (RFC 9051 §6.4.5.1). It reports false, and appends nothing, when the summary
// does not know: then the header has to be read. It does know that a field which is not kept is
// not in the header, in nearly all such cases.
func (s Summary) HeaderFields(dst []byte, names []string, not bool) ([]byte, bool) {
	if not || !s.flag(allFields) {
		return dst, false
	}
	var wanted uint32
	for _, name := range names {
		n, hash := numberOf(name)
		if n == notKept {
			if s.has(hash) {
				return dst, false
			}
			continue
		}
		wanted |= 1 << n
	}
	for rest := s.section(fields); len(rest) > 0; {
		n, k := binary.Uvarint(rest[1:])
		if k <= 0 || n > uint64(len(rest)-1-k) {
			break
		}
		end := 1 + k + int(n)
		if wanted>>rest[0]&1 != 0 {
			dst = append(dst, rest[1+k:end]...)
		}
		rest = rest[end:]
	}
	switch {
	case s.flag(blankLineLF):
		dst = append(dst, '\n')
	case s.flag(blankLine):
		dst = append(dst, '\r', '\n')
	}
	return dst, true
}

// has reports whether the header may have a field that is not kept, by the hash of its name.
func (s Summary) has(hash uint16) bool {
	for h := s.section(absent); len(h) >= 2; h = h[2:] {
		if binary.LittleEndian.Uint16(h) == hash {
			return true
		}
	}
	return false
}

// Structure returns where the parts of the message are, without reading it: enough for
// message.Structure's Part, Section and Open, for message.DecodePart and message.SearchText. The
// parts have their numbers, types, encodings, charsets and sizes; the rest, and the envelope, is
// left out. It is nil when the summary does not have it; then the message has to be scanned.
func (s Summary) Structure() *message.Structure {
	return decodeStructure(s.section(structure))
}
