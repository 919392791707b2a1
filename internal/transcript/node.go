package transcript

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// kind tells nodes apart.
type kind uint8

const (
	word   kind = iota // an atom, a number, BODY[...]<0>
	str                // a quoted string or literal
	list               // (...)
	code               // [...] after a status
	notCod             // ![...], patterns only
	any_               // {} and its like, patterns only
	rest               // ..., patterns only
)

// order says how the elements of a list are compared.
type order uint8

const (
	ordered order = iota
	set           // any order
	pairs         // names and values, any order
)

// node is a piece of a response, or of the pattern for one.
type node struct {
	kind  kind
	text  string         // of a word or string; the name in a placeholder
	re    *regexp.Regexp // a word with placeholders in it; groups are named
	lit8  bool
	kids  []node
	order order
	bare  bool // a list without parentheses: what follows CAPABILITY
}

// response is one response line, with its literals.
type response struct {
	tag    string // "*", "+" or a tag
	nodes  []node
	status bool // OK, NO, BAD, BYE or PREAUTH: only the code is compared
}

var statusWords = map[string]bool{"OK": true, "NO": true, "BAD": true, "BYE": true, "PREAUTH": true}

// scanner reads nodes. In a pattern it knows placeholders and escapes; otherwise it is strict.
type scanner struct {
	in      string
	pattern bool
	file    func(name string) (string, error) // {@name} in a pattern
}

// parseResponse reads a response as it came, with the literals in it and without the last CRLF.
func parseResponse(raw string) (response, error) {
	tag, tail, _ := strings.Cut(raw, " ")
	r := response{tag: tag}
	if tag == "+" {
		r.nodes = []node{{kind: str, text: tail}}
		return r, nil
	}
	s := &scanner{in: tail}
	return r, s.body(&r)
}

// parsePattern reads what a transcript expects. It has no tag.
func parsePattern(text string, file func(string) (string, error)) (response, error) {
	r := response{}
	s := &scanner{in: text, pattern: true, file: file}
	return r, s.body(&r)
}

// body reads everything after the tag.
func (s *scanner) body(r *response) error {
	first, tail, _ := strings.Cut(s.in, " ")
	if statusWords[strings.ToUpper(first)] || s.pattern && strings.HasPrefix(first, "{") && statusAlternatives(first) {
		r.status = true
		s.in = first
		nodes, err := s.list(0)
		if err != nil {
			return err
		}
		r.nodes = nodes
		s.in = tail
		not := s.pattern && strings.HasPrefix(tail, "![")
		if not {
			s.in = tail[1:]
		}
		if strings.HasPrefix(s.in, "[") {
			s.in = s.in[1:]
			kids, err := s.list(']')
			if err != nil {
				return err
			}
			n := node{kind: code, kids: kids}
			if not {
				n.kind = notCod
			}
			r.nodes = append(r.nodes, n)
		} else if s.pattern && s.in != "" && s.in != "..." {
			return fmt.Errorf("text after %s is not compared; leave %q out", first, s.in)
		}
		annotate(r.nodes)
		return nil
	}
	var err error
	if r.nodes, err = s.list(0); err != nil {
		return err
	}
	if len(r.nodes) == 0 {
		return errors.New("empty response")
	}
	r.nodes = annotate(r.nodes)
	for _, n := range r.nodes {
		if n.order == pairs && len(n.kids)%2 != 0 && !s.pattern {
			return errors.New("a list of names and values has a name without a value")
		}
	}
	return nil
}

func statusAlternatives(word string) bool {
	for alt := range strings.SplitSeq(strings.Trim(word, "{}"), "|") {
		if !statusWords[alt] {
			return false
		}
	}
	return true
}

// list reads elements up to the closing character, or the end of the input when that is 0.
func (s *scanner) list(closing byte) (nodes []node, err error) {
	for first := true; ; first = false {
		if s.in == "" {
			if closing == 0 {
				return nodes, nil
			}
			return nil, fmt.Errorf("%q is missing", string(closing))
		}
		if closing != 0 && s.in[0] == closing {
			s.in = s.in[1:]
			return nodes, nil
		}
		if !first {
			// Lists may follow each other directly: (...)(...) in BODYSTRUCTURE and ENVELOPE.
			if adjacent := s.in[0] == '(' && nodes[len(nodes)-1].kind == list; !adjacent {
				if s.in[0] != ' ' {
					return nil, fmt.Errorf("space expected before %.20q", s.in)
				}
				s.in = s.in[1:]
				if s.in == "" || s.in[0] == ' ' || s.in[0] == closing {
					return nil, fmt.Errorf("space too many before %.20q", s.in)
				}
			}
		}
		n, err := s.node(closing)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
}

func (s *scanner) node(closing byte) (node, error) {
	switch {
	case s.in[0] == '(':
		s.in = s.in[1:]
		kids, err := s.list(')')
		return node{kind: list, kids: kids}, err
	case s.in[0] == '"':
		text, err := s.quoted()
		return node{kind: str, text: text}, err
	case s.pattern && strings.HasPrefix(s.in, `~"`):
		s.in = s.in[1:]
		text, err := s.quoted()
		return node{kind: str, text: text, lit8: true}, err
	case s.pattern && strings.HasPrefix(s.in, "..."):
		s.in = s.in[3:]
		return node{kind: rest}, nil
	case !s.pattern && (s.in[0] == '{' || strings.HasPrefix(s.in, "~{")):
		return s.literal()
	}
	return s.word(closing)
}

// quoted reads a quoted string. In a pattern it may hold the escapes of Go strings that doc.go
// names; on the wire only \" and \\ (RFC 9051 §4.3).
func (s *scanner) quoted() (string, error) {
	var b strings.Builder
	for i := 1; i < len(s.in); i++ {
		switch c := s.in[i]; {
		case c == '"':
			s.in = s.in[i+1:]
			return b.String(), nil
		case c == '\\' && s.pattern:
			out, n, err := unescape(s.in[i:])
			if err != nil {
				return "", err
			}
			b.WriteByte(out)
			i += n - 1
		case c == '\\':
			i++
			if i == len(s.in) || s.in[i] != '"' && s.in[i] != '\\' {
				return "", errors.New(`only \" and \\ may be escaped in a quoted string`)
			}
			b.WriteByte(s.in[i])
		case c == '\r' || c == '\n' || c == 0:
			return "", errors.New("CR, LF or NUL in a quoted string")
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("quoted string does not end")
}

// unescape reads the escape at the start of s and returns its octet and its length.
func unescape(s string) (out byte, n int, err error) {
	if len(s) < 2 {
		return 0, 0, errors.New("backslash at the end")
	}
	switch s[1] {
	case 'r':
		return '\r', 2, nil
	case 'n':
		return '\n', 2, nil
	case 't':
		return '\t', 2, nil
	case '\\', '"':
		return s[1], 2, nil
	case 'x':
		if len(s) >= 4 {
			if v, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
				return byte(v), 4, nil
			}
		}
	}
	return 0, 0, fmt.Errorf(`unknown escape %.4q; \r \n \t \" \\ \xNN are known`, s)
}

func (s *scanner) literal() (node, error) {
	n := node{kind: str}
	n.lit8 = s.in[0] == '~'
	head, tail, ok := strings.Cut(s.in, "\r\n")
	size, err := strconv.Atoi(strings.TrimSuffix(strings.TrimLeft(head, "~{"), "}"))
	if !ok || err != nil || size > len(tail) {
		return n, fmt.Errorf("malformed literal %.20q", s.in)
	}
	n.text, s.in = tail[:size], tail[size:]
	if !n.lit8 && strings.Contains(n.text, "\x00") {
		return n, errors.New("NUL in a literal that is no literal8")
	}
	return n, nil
}

// word reads an atom. What is in the brackets of BODY[...] and BINARY[...] belongs to it.
func (s *scanner) word(closing byte) (node, error) {
	i, brace := 0, false
	for ; i < len(s.in); i++ {
		c := s.in[i]
		if c == '[' && isSection(s.in[:i]) {
			end := strings.IndexByte(s.in[i:], ']')
			if end < 0 {
				return node{}, fmt.Errorf("section of %.20q does not end", s.in)
			}
			i += end
			continue
		}
		if s.pattern && c == '{' {
			end := strings.IndexByte(s.in[i:], '}')
			if end < 0 {
				return node{}, fmt.Errorf("placeholder in %.20q does not end", s.in)
			}
			brace, i = true, i+end
			continue
		}
		if c == ' ' || c == '(' || c == ')' || c == '"' || c == closing {
			break
		}
		if c < ' ' || c == 0x7f || c == '{' {
			return node{}, fmt.Errorf("%q in an atom", c)
		}
	}
	if i == 0 {
		return node{}, fmt.Errorf("unexpected %.20q", s.in)
	}
	n := node{kind: word, text: s.in[:i]}
	s.in = s.in[i:]
	if brace {
		return s.placeholder(n.text)
	}
	return n, nil
}

func isSection(name string) bool {
	name = strings.ToUpper(strings.TrimPrefix(name, "!"))
	return name == "BODY" || name == "BINARY" || name == "BINARY.SIZE"
}

var placeholders = regexp.MustCompile(`\{([^}]*)\}`)

// placeholder makes the node for a pattern's word that has {...} in it.
func (s *scanner) placeholder(text string) (node, error) {
	whole := placeholders.FindString(text) == text
	if name := strings.Trim(text, "{}"); whole && strings.HasPrefix(name, "@") {
		content, err := s.file(name[1:])
		return node{kind: str, text: content}, err
	} else if whole && !strings.Contains(name, "|") {
		return node{kind: any_, text: name}, nil
	}
	var re strings.Builder
	re.WriteString("^")
	last := 0
	for _, m := range placeholders.FindAllStringSubmatchIndex(text, -1) {
		re.WriteString(regexp.QuoteMeta(text[last:m[0]]))
		switch name := text[m[2]:m[3]]; {
		case name == "":
			re.WriteString(".*")
		case strings.Contains(name, "|"):
			alts := strings.Split(name, "|")
			for i := range alts {
				fold := strings.HasPrefix(alts[i], `\`) // a flag or attribute
				if alts[i] = regexp.QuoteMeta(alts[i]); fold {
					alts[i] = "(?i:" + alts[i] + ")"
				}
			}
			re.WriteString("(?:" + strings.Join(alts, "|") + ")")
		default:
			re.WriteString("(?P<" + name + ">.*)")
		}
		last = m[1]
	}
	re.WriteString(regexp.QuoteMeta(text[last:]) + "$")
	compiled, err := regexp.Compile(re.String())
	return node{kind: word, text: text, re: compiled}, err
}

// numbered returns the number and the word of a response like 3 EXISTS.
func (r *response) numbered() (n uint64, what string) {
	if len(r.nodes) < 2 || r.nodes[0].kind != word || r.nodes[1].kind != word {
		return 0, ""
	}
	n, err := strconv.ParseUint(r.nodes[0].text, 10, 32)
	if err != nil {
		return 0, ""
	}
	return n, strings.ToUpper(r.nodes[1].text)
}

// numbers returns the numbers that EXPUNGED expects.
func (r *response) numbers() (out []uint64) {
	for _, n := range r.nodes[1].kids {
		if v, err := strconv.ParseUint(n.text, 10, 32); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// is reports whether the node is that word.
func (n *node) is(text string) bool { return n.kind == word && strings.EqualFold(n.text, text) }

// annotate marks the lists of a response whose order does not matter, and makes lists of what
// follows CAPABILITY, SEARCH and the like, so that all is compared in one way.
func annotate(nodes []node) []node {
	mark := func(i int, o order) {
		if i < len(nodes) && nodes[i].kind == list {
			nodes[i].order = o
		}
	}
	switch first := &nodes[0]; {
	case first.is("FLAGS"):
		mark(1, set)
	case first.is("LIST"), first.is("LSUB"):
		mark(1, set)
		mark(4, pairs)
	case first.is("STATUS"):
		mark(2, pairs)
	case first.is("ID"):
		mark(1, pairs)
	case first.is("CAPABILITY"), first.is("ENABLED"), first.is("SEARCH"), first.is("RESULT"), first.is("EXPUNGED"):
		return []node{*first, {kind: list, bare: true, order: set, kids: nodes[1:]}}
	case first.is("ESEARCH"):
		i := 1
		for i < len(nodes) && (nodes[i].kind == list || nodes[i].is("UID")) {
			i++
		}
		items := node{kind: list, bare: true, order: pairs, kids: nodes[i:]}
		return append(nodes[:i:i], items)
	case len(nodes) > 2 && (nodes[1].is("FETCH") || nodes[1].is("UIDFETCH")):
		mark(2, pairs)
		kids := nodes[2].kids
		for i := 1; i < len(kids); i++ {
			if kids[i-1].is("FLAGS") && kids[i].kind == list {
				kids[i].order = set
			}
		}
	}
	for i := range nodes {
		if n := &nodes[i]; (n.kind == code || n.kind == notCod) && len(n.kids) > 0 {
			n.kids = annotateCode(n.kids)
		}
	}
	return nodes
}

func annotateCode(kids []node) []node {
	switch {
	case kids[0].is("CAPABILITY"):
		return []node{kids[0], {kind: list, bare: true, order: set, kids: kids[1:]}}
	case kids[0].is("PERMANENTFLAGS"), kids[0].is("BADCHARSET"):
		for i := range kids {
			kids[i].order = set
		}
	}
	return kids
}

// String writes the node as a transcript would.
func (n node) String() string {
	switch n.kind {
	case str:
		q := quote(n.text)
		if n.lit8 {
			q = "~" + q
		}
		return q
	case list:
		if n.bare {
			return join(n.kids)
		}
		return "(" + join(n.kids) + ")"
	case code:
		return "[" + join(n.kids) + "]"
	case notCod:
		return "![" + join(n.kids) + "]"
	case any_:
		return "{" + n.text + "}"
	case rest:
		return "..."
	}
	return n.text
}

func join(nodes []node) string {
	parts := make([]string, len(nodes))
	for i := range nodes {
		parts[i] = nodes[i].String()
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
