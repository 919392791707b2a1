package summary

import (
	"encoding/binary"
	"strconv"

	"restante/imap"
	"restante/message"
)

// maxStructure is how long the offsets tree may become. A message of thousands of parts is scanned
// again when one of them is asked for.
const maxStructure = 8 << 10

// words are strings that are stored as one octet. The order is part of the stored form.
var words = [...]string{
	"", "text", "multipart", "message", "application", "image", "audio", "video", "font", "model",
	"plain", "html", "mixed", "alternative", "related", "report", "signed", "encrypted", "digest",
	"rfc822", "global", "octet-stream", "pdf", "jpeg", "png", "gif", "calendar", "pgp-signature",
	"pkcs7-signature", "zip", "delivery-status",
	"7bit", "8bit", "binary", "base64", "quoted-printable",
	"us-ascii", "utf-8", "UTF-8", "iso-8859-1", "ISO-8859-1", "windows-1252", "iso-8859-15", "US-ASCII",
}

var wordNumbers = func() map[string]byte {
	m := make(map[string]byte, len(words))
	for i, w := range words {
		m[w] = byte(i)
	}
	return m
}()

// other marks a string that is not in words; its length and octets follow.
const other = 0xFF

func appendWord(dst []byte, s string) []byte {
	if n, ok := wordNumbers[s]; ok {
		return append(dst, n)
	}
	dst = binary.AppendUvarint(append(dst, other), uint64(len(s)))
	return append(dst, s...)
}

// A node is stored as type, subtype, encoding and charset; the distances from the place where the
// one before ended (its parent's body start for a first child) to its header, from there to its
// body, and the length of its body; its lines; the number of its children, and these.
func appendNode(dst []byte, n *message.Node, at int64) []byte {
	p := n.Part
	dst = appendWord(dst, p.Type)
	dst = appendWord(dst, p.Subtype)
	dst = appendWord(dst, p.Encoding)
	dst = appendWord(dst, p.Params.Get("charset"))
	dst = binary.AppendUvarint(dst, uint64(n.HeaderStart-at))
	dst = binary.AppendUvarint(dst, uint64(n.BodyStart-n.HeaderStart))
	dst = binary.AppendUvarint(dst, uint64(n.End-n.BodyStart))
	dst = binary.AppendUvarint(dst, uint64(p.Lines))
	dst = binary.AppendUvarint(dst, uint64(len(n.Children)))
	at = n.BodyStart
	for _, c := range n.Children {
		if len(dst) > maxStructure {
			return dst // too long, whatever follows
		}
		dst = appendNode(dst, c, at)
		at = c.End
	}
	return dst
}

func appendStructure(dst []byte, st *message.Structure) []byte {
	start := len(dst)
	dst = binary.AppendUvarint(dst, uint64(st.Size))
	dst = appendNode(dst, st.Root, 0)
	if len(dst)-start > maxStructure {
		return dst[:start]
	}
	return dst
}

func decodeStructure(b []byte) *message.Structure {
	if len(b) == 0 {
		return nil
	}
	d := decoder{b: b}
	st := &message.Structure{Size: d.number()}
	st.Root = d.node(0, st.Size, 0, "", true)
	if d.bad || len(d.b) > 0 {
		return nil
	}
	return st
}

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) number() int64 {
	v, k := binary.Uvarint(d.b)
	if k <= 0 || v > 1<<62 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[k:]
	return int64(v)
}

func (d *decoder) word() string {
	if len(d.b) == 0 {
		d.bad = true
		return ""
	}
	n := d.b[0]
	d.b = d.b[1:]
	if int(n) < len(words) {
		return words[n]
	}
	size := d.number()
	if n != other || size > int64(len(d.b)) {
		d.bad, d.b = true, nil
		return ""
	}
	s := string(d.b[:size])
	d.b = d.b[size:]
	return s
}

// node reads a node that lies between at and end. prefix is the number of the part it is in, or
// its own; inside says that it is a message.
func (d *decoder) node(at, end int64, depth int, prefix string, inside bool) *message.Node {
	x := new(struct {
		node message.Node
		part imap.Part
	})
	n, p := &x.node, &x.part
	n.Part = p
	p.Type, p.Subtype, p.Encoding = d.word(), d.word(), d.word()
	if charset := d.word(); charset != "" {
		p.Params = imap.Params{{Name: "charset", Value: charset}}
	}
	for _, v := range [...]*int64{&n.HeaderStart, &n.BodyStart, &n.End} {
		step := d.number()
		if step > end-at {
			d.bad = true
			step = 0
		}
		at += step
		*v = at
	}
	p.Size, p.Lines = n.End-n.BodyStart, d.number()
	children := d.number()
	if children > int64(len(d.b)) || depth > message.MaxDepth {
		d.bad = true
	}
	if inside && !p.Multipart() {
		prefix = number(prefix, 1)
	}
	if !inside || !p.Multipart() {
		p.ID = prefix
	}
	at = n.BodyStart
	for i := range children {
		if d.bad {
			break
		}
		var c *message.Node
		if p.Multipart() {
			c = d.node(at, n.End, depth+1, number(prefix, i+1), false)
		} else {
			c = d.node(at, n.End, depth+1, prefix, true)
		}
		n.Children = append(n.Children, c)
		p.Parts = append(p.Parts, c.Part)
		at = c.End
	}
	return n
}

func number(prefix string, n int64) string {
	if prefix == "" {
		return strconv.FormatInt(n, 10)
	}
	return prefix + "." + strconv.FormatInt(n, 10)
}
