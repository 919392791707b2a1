package localstore

import (
	"encoding/binary"

	"restante/imap"
	"restante/mailbox"
)

// Everything on disk is little-endian and packed: numbers as varints unless a place needs a
// fixed width, octets and strings with their length before them.

func appendBytes(b, x []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(x))), x...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendStrings[S ~string](b []byte, list []S) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, string(s))
	}
	return b
}

func appendBool(b []byte, x bool) []byte {
	if x {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendFlags writes a set of flags: the bits, which words of FarBits are not empty, and these.
func appendFlags(b []byte, s mailbox.FlagSet) []byte {
	b = binary.AppendUvarint(b, uint64(s.Bits))
	mask := byte(0)
	for i, word := range s.Far {
		if word != 0 {
			mask |= 1 << i
		}
	}
	b = append(b, mask)
	for _, word := range s.Far {
		if word != 0 {
			b = binary.LittleEndian.AppendUint64(b, word)
		}
	}
	return b
}

// appendSet writes each range as the distance to the end of the one before, and its length.
// The set must not contain "*".
func appendSet(b []byte, set imap.UIDSet) []byte {
	b = binary.AppendUvarint(b, uint64(len(set.Ranges())))
	var last imap.UID
	for _, r := range set.Ranges() {
		b = binary.AppendUvarint(b, uint64(r.First-last))
		b = binary.AppendUvarint(b, uint64(r.Last-r.First))
		last = r.Last
	}
	return b
}

// decoder reads what the append functions wrote. After the first thing that is not as it should
// be, bad is set and everything reads as zero.
type decoder struct {
	b   []byte
	i   int
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b[d.i:])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.i += n
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b[d.i:])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.i += n
	return v
}

func (d *decoder) fail() { d.bad, d.i = true, len(d.b) }

// take returns the next n octets, not copied.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)-d.i) {
		d.fail()
		return nil
	}
	x := d.b[d.i : d.i+int(n) : d.i+int(n)]
	d.i += int(n)
	return x
}

func (d *decoder) byte() byte {
	if x := d.take(1); x != nil {
		return x[0]
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if x := d.take(4); x != nil {
		return binary.LittleEndian.Uint32(x)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if x := d.take(8); x != nil {
		return binary.LittleEndian.Uint64(x)
	}
	return 0
}

// bytes returns octets that were written with their length; nil when there are none.
func (d *decoder) bytes() []byte {
	if x := d.take(d.uvarint()); len(x) > 0 {
		return x
	}
	return nil
}

func (d *decoder) string() string { return string(d.take(d.uvarint())) }

// count reads the number of elements that follow, each of which takes at least one octet.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)-d.i) {
		d.fail()
		return 0
	}
	return int(n)
}

func decodeStrings[S ~string](d *decoder) []S {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]S, n)
	for i := range list {
		list[i] = S(d.string())
	}
	return list
}

func (d *decoder) set() (set imap.UIDSet) {
	var last uint64
	for range d.count() {
		first := last + d.uvarint()
		last = first + d.uvarint()
		if first == 0 || last > 1<<32-1 || d.bad {
			d.fail()
			return imap.UIDSet{}
		}
		set.AddRange(imap.UID(first), imap.UID(last))
	}
	return set
}

func (d *decoder) flags() (s mailbox.FlagSet) {
	s.Bits = mailbox.FlagBits(d.uvarint())
	mask := d.byte()
	for i := range s.Far {
		if mask&(1<<i) != 0 {
			s.Far[i] = d.uint64()
		}
	}
	return s
}

// done reports whether everything was read and was as it should be.
func (d *decoder) done() bool { return !d.bad && d.i == len(d.b) }
