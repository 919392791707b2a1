package transcript

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"restante/imap"
)

// vars are the values that placeholders have captured.
type vars map[string]string

// matches reports whether a response is as the pattern says, and keeps what it captures.
func (v vars) matches(pattern, got *response) bool {
	p, g := pattern.nodes, got.nodes
	if pattern.status != got.status {
		return false
	}
	if pattern.status {
		switch { // only what the pattern mentions is compared
		case len(p) == 2 && p[1].kind == notCod:
			forbidden := node{kind: code, kids: p[1].kids}
			if len(g) == 2 && maps.Clone(v).node(&forbidden, &g[1]) {
				return false
			}
			p, g = p[:1], g[:1]
		case len(g) > len(p):
			g = g[:len(p)]
		}
	}
	try := maps.Clone(v)
	if !try.sequence(p, g) {
		return false
	}
	maps.Copy(v, try)
	return true
}

// sequence compares elements one by one.
func (v vars) sequence(p, g []node) bool {
	for i := range p {
		if p[i].kind == rest {
			return true
		}
		if i == len(g) || !v.node(&p[i], &g[i]) {
			return false
		}
	}
	return len(p) == len(g)
}

func (v vars) node(p, g *node) bool {
	switch p.kind {
	case any_:
		return v.capture(p.text, g.value())
	case list:
		if g.kind != list {
			return false
		}
		switch p.order {
		case set:
			return v.set(p.kids, g.kids)
		case pairs:
			return v.pairs(p.kids, g.kids)
		}
		return v.sequence(p.kids, g.kids)
	case code:
		return g.kind == code && v.sequence(p.kids, g.kids)
	case str:
		return g.kind == str && (p.text == g.text || dateTime.MatchString(p.text) && day(p.text) == day(g.text)) && (g.lit8 || !p.lit8)
	}
	if g.kind == str {
		return !strings.EqualFold(p.text, "NIL") && v.word(p, g.text)
	}
	return g.kind == word && v.word(p, g.text)
}

var dateTime = regexp.MustCompile(`^[ 0-3][0-9]-[A-Z][a-z]{2}-[0-9]{4} [0-9:]{8} [+-][0-9]{4}$`)

// day writes a date-time's day in one way: both " 1-Jan" and "01-Jan" are allowed (RFC 9051 §9).
func day(s string) string {
	if strings.HasPrefix(s, " ") {
		return "0" + s[1:]
	}
	return s
}

// value is what a placeholder captures of a node.
func (n *node) value() string {
	if n.kind == word || n.kind == str {
		return n.text
	}
	return n.String()
}

func (v vars) capture(name, value string) bool {
	if name == "" {
		return true
	}
	if old, ok := v[name]; ok {
		return old == value || numbers(old) == numbers(value)
	}
	v[name] = value
	return true
}

func (v vars) word(p *node, got string) bool {
	if p.re != nil {
		m := p.re.FindStringSubmatch(got)
		if m == nil {
			return false
		}
		for i, name := range p.re.SubexpNames() {
			if !v.capture(name, m[i]) {
				return false
			}
		}
		return true
	}
	switch {
	case p.text == got:
		return true
	case p.text == imap.Inbox:
		return imap.CanonicalName(got) == imap.Inbox
	case strings.HasPrefix(p.text, `\`), statusWords[strings.ToUpper(got)]:
		return strings.EqualFold(p.text, got)
	case isSection(strings.SplitN(p.text, "[", 2)[0]):
		return section(p.text) == section(got)
	}
	return numbers(p.text) == numbers(got)
}

// section writes BODY[HEADER.FIELDS ("date")] in one way: upper case and without quotes.
func section(s string) string { return strings.ToUpper(strings.ReplaceAll(s, `"`, "")) }

var numberSet = regexp.MustCompile(`^[0-9]+([:,][0-9]+)*$`)

// numbers writes a set of numbers in one way, without changing their order: 1,2,3 is 1:3.
func numbers(s string) string {
	if !numberSet.MatchString(s) {
		return s
	}
	type span struct{ first, last uint64 }
	var spans []span
	for part := range strings.SplitSeq(s, ",") {
		a, b, _ := strings.Cut(part, ":")
		first, err := strconv.ParseUint(a, 10, 64)
		last := first
		if err == nil && b != "" {
			last, err = strconv.ParseUint(b, 10, 64)
		}
		if err != nil {
			return s
		}
		first, last = min(first, last), max(first, last)
		if n := len(spans); n > 0 && spans[n-1].last+1 == first {
			spans[n-1].last = last
		} else {
			spans = append(spans, span{first, last})
		}
	}
	var out []string
	for _, s := range spans {
		text := strconv.FormatUint(s.first, 10)
		if s.last > s.first {
			text += ":" + strconv.FormatUint(s.last, 10)
		}
		out = append(out, text)
	}
	return strings.Join(out, ",")
}

// element is a member of an unordered list: a value, with its name in a list of pairs.
type element struct{ name, value *node }

func (v vars) set(p, g []node) bool {
	return v.unordered(elements(p, 1), elements(g, 1))
}

func (v vars) pairs(p, g []node) bool {
	return v.unordered(elements(p, 2), elements(g, 2))
}

// elements splits a list into its members.
func elements(nodes []node, width int) (out []element) {
	for i := 0; i < len(nodes); i++ {
		n := &nodes[i]
		if width == 1 || n.kind == rest || n.kind == word && strings.HasPrefix(n.text, "!") {
			out = append(out, element{value: n})
			continue
		}
		if i+1 == len(nodes) { // in a pattern; it matches nothing
			return append(out, element{n, &node{kind: notCod}})
		}
		out = append(out, element{n, &nodes[i+1]})
		i++
	}
	return out
}

// unordered compares members in any order: those without placeholders first, so that these do
// not take what is meant for others.
func (v vars) unordered(p, g []element) bool {
	more, recent := false, false
	p, g = slices.Clone(p), slices.Clone(g)
	slices.SortStableFunc(p, func(a, b element) int { return vague(a) - vague(b) })
	for _, want := range p {
		if want.name == nil && want.value.kind == rest {
			more = true
			continue
		}
		if word := want.value; want.name == nil && strings.HasPrefix(word.text, "!") && word.kind != str {
			for _, e := range g {
				if e.key().kind == word.kind && section(e.key().text) == section(word.text[1:]) {
					return false
				}
			}
			continue
		}
		recent = recent || want.value.is(`\Recent`)
		i := slices.IndexFunc(g, func(got element) bool { return v.element(want, got) })
		if i < 0 {
			return false
		}
		g = slices.Delete(g, i, i+1)
	}
	if !recent {
		g = slices.DeleteFunc(g, func(e element) bool { return e.name == nil && e.value.is(`\Recent`) })
	}
	return more || len(g) == 0
}

func (v vars) element(want, got element) bool {
	try := maps.Clone(v)
	if (want.name == nil) != (got.name == nil) {
		return false
	}
	if want.name != nil && !try.node(want.name, got.name) || !try.node(want.value, got.value) {
		return false
	}
	maps.Copy(v, try)
	return true
}

// key is what a forbidden element is compared with.
func (e element) key() *node {
	if e.name != nil {
		return e.name
	}
	return e.value
}

// vague orders elements by how much they leave open.
func vague(e element) int {
	k := e.key()
	switch {
	case k.kind == any_:
		return 2
	case k.re != nil:
		return 1
	}
	return 0
}
