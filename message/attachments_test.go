package message

import (
	"strings"
	"testing"
	"unicode"

	"restante/imap"
)

// parts makes parts of lines: the depth in spaces, the type, then words: "att" for an attachment,
// "name=..." for a file name, "cid=..." for a Content-ID, "start=...".
func parts(s string) *imap.Part {
	var stack []*imap.Part
	for line := range strings.Lines(strings.Trim(s, "\n")) {
		line = strings.TrimRight(line, "\n")
		depth := len(line) - len(strings.TrimLeft(line, " "))
		words := strings.Fields(line)
		typ, subtype, _ := strings.Cut(words[0], "/")
		p := &imap.Part{Type: typ, Subtype: subtype}
		for _, w := range words[1:] {
			switch k, v, _ := strings.Cut(w, "="); k {
			case "att":
				p.Disposition = "Attachment"
			case "inline":
				p.Disposition = "inline"
			case "name":
				p.Params = append(p.Params, imap.Param{Name: k, Value: v})
			case "start":
				p.Params = append(p.Params, imap.Param{Name: k, Value: v})
			case "cid":
				p.ContentID = v
			}
		}
		p.ID = words[0] + strings.Join(words[1:], "")
		stack = append(stack[:depth], p)
		if depth > 0 {
			stack[depth-1].Parts = append(stack[depth-1].Parts, p)
		}
	}
	return stack[0]
}

func TestTextAndAttachments(t *testing.T) {
	id := func(p *imap.Part) string {
		if p == nil {
			return "-"
		}
		return p.ID
	}
	for name, c := range map[string]struct{ tree, text, html, attachments string }{
		"plain":             {"text/plain", "text/plain", "-", ""},
		"html":              {"text/html", "-", "text/html", ""},
		"image":             {"image/png", "-", "-", "image/png"},
		"plain with a name": {"text/plain name=a.txt", "text/plainname=a.txt", "-", ""},
		"plain attachment":  {"text/plain att", "-", "-", "text/plainatt"},
		"alternative": {`
multipart/alternative
 text/plain
 text/html
 text/calendar`, "text/plain", "text/html", ""},
		"mixed": {`
multipart/mixed
 multipart/alternative
  text/plain
  multipart/related
   text/html
   image/png cid=1
   image/gif
 application/pdf name=a.pdf
 text/plain name=notes.txt
 text/plain
 message/rfc822`, "text/plain", "text/html", "image/gif application/pdfname=a.pdf text/plainname=notes.txt message/rfc822"},
		"first is an attachment": {`
multipart/mixed
 text/plain att
 text/plain`, "text/plain", "-", "text/plainatt"},
		"apple": {`
multipart/alternative
 text/plain
 multipart/mixed
  text/html
  application/pdf inline name=a.pdf
  text/html`, "text/plain", "text/html", "application/pdfinlinename=a.pdf"},
		"signed": {`
multipart/signed
 text/plain
 application/pgp-signature name=signature.asc`, "text/plain", "-", ""},
		"start": {`
multipart/related start=<2>
 image/png cid=<1>
 text/html cid=<2>`, "-", "text/htmlcid=<2>", ""},
		"inner message's text": {`
multipart/mixed
 message/rfc822
  text/plain
 text/html`, "-", "text/html", "message/rfc822"},
		"attached related": {`
multipart/mixed
 text/plain
 image/png cid=<1> att`, "text/plain", "-", "image/pngcid=<1>att"},
		"empty related": {"multipart/related", "-", "-", ""},
	} {
		p := parts(c.tree)
		var got []string
		for _, a := range Attachments(p) {
			got = append(got, a.ID)
		}
		if id(p.Text()) != c.text || id(p.HTML()) != c.html || strings.Join(got, " ") != c.attachments {
			t.Errorf("%s: text %s, HTML %s, attachments %q; want %s, %s, %q", name, id(p.Text()), id(p.HTML()), strings.Join(got, " "), c.text, c.html, c.attachments)
		}
	}
}

func TestFilename(t *testing.T) {
	for _, c := range []struct{ disposition, params, want string }{
		{"filename=a.txt", "name=b.txt", "a.txt"}, {"", "name=b.txt", "b.txt"}, {"", "", ""},
		{"filename*=utf-8''na%C3%AFve.txt", "", "naïve.txt"},
		{"filename*0=long-;filename*1=name.txt", "", "long-name.txt"},
		{"filename==?utf-8?q?na=C3=AFve.txt?=", "", "naïve.txt"},
		{"filename=naïve.txt", "", "naïve.txt"}, {"filename=na\xefve.txt", "", "naïve.txt"},
		{"filename=../../etc/passwd", "", "passwd"}, {`filename=C:\windows\win.ini`, "", "win.ini"}, {"filename=/", "", ""},
		{"filename=..", "", ""}, {"filename=.bashrc", "", "bashrc"}, {"filename=a/..", "", ""},
		{"filename*=utf-8''..%2F..%2Fx", "", "x"}, {"filename*=utf-8''a%00b%0D%0Ac%1B%5B31m", "", "a b c[31m"},
		{"filename*=utf-8''exe%E2%80%AEgpj.txt", "", "exegpj.txt"}, // text direction is not for senders to turn
		{"filename*=utf-8''a%E2%88%95b", "", "b"},
		{"filename=" + strings.Repeat("ä", 300) + ".pdf", "", strings.Repeat("ä", 125) + ".pdf"},
		{"filename=  ", "name=b", "b"},
	} {
		parse := func(s string) (out imap.Params) {
			for f := range strings.SplitSeq(s, ";") {
				if name, value, ok := strings.Cut(f, "="); ok {
					out = append(out, imap.Param{Name: name, Value: value})
				}
			}
			return out
		}
		p := &imap.Part{DispParams: parse(c.disposition), Params: parse(c.params)}
		if got := Filename(p); got != c.want {
			t.Errorf("%q, %q: got %q, want %q", c.disposition, c.params, got, c.want)
		}
	}
}

func FuzzFilename(f *testing.F) {
	f.Add("../a\\b", "=?utf-8?q?..=2F?=")
	f.Add("utf-8''..%2F%00", "\xff/\u202e")
	f.Fuzz(func(t *testing.T, a, b string) {
		p := &imap.Part{DispParams: imap.Params{{Name: "filename*", Value: a}, {Name: "filename", Value: b}}, Params: imap.Params{{Name: "name", Value: b}}}
		name := Filename(p)
		if strings.ContainsAny(name, `/\`) || strings.ContainsFunc(name, unicode.IsControl) || len(name) > 255 ||
			strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.ToValidUTF8(name, "") != name {
			t.Fatalf("%q and %q make %q", a, b, name)
		}
	})
}
