package transcript

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// step is one line of a transcript.
type step struct {
	line    int    // from 1
	cond    string // what is in [..] before it
	session string // "" for a directive
	op      byte   // ':', '>', '<', '+', '*', '?', '!', '=' or '$'
	text    string // after "A: ", with {name} still in it
	words   []string
	want    response // of '*', '?', '!' and '='
	rest    bool     // A* ...
}

// script is a parsed transcript.
type script struct {
	path  string
	lines []string
	steps []step
	only  []string
	skip  []string
	need  []string
}

var sessionLine = regexp.MustCompile(`^([A-Z])([:><+*?!=$])(?: (.*))?$`)

// load reads a transcript. Errors name file and line.
func load(path string) (*script, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, string(content))
}

func parse(path, content string) (*script, error) {
	sc := &script{path: path, lines: strings.Split(strings.TrimSuffix(content, "\n"), "\n")}
	for i, text := range sc.lines {
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") {
			continue
		}
		st := step{line: i + 1}
		if strings.HasPrefix(text, "[") {
			var ok bool
			st.cond, text, ok = strings.Cut(text[1:], "] ")
			if !ok {
				return nil, sc.errorf(st.line, "a condition is written [rev1] before the line")
			}
		}
		if err := sc.parseLine(&st, text); err != nil {
			return nil, sc.errorf(st.line, "%w", err)
		}
		sc.steps = append(sc.steps, st)
	}
	return sc, sc.check()
}

func (sc *script) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{sc.path, line}, args...)...)
}

func (sc *script) parseLine(st *step, text string) error {
	m := sessionLine.FindStringSubmatch(text)
	if m == nil {
		var err error
		if st.words, err = fields(text); err != nil {
			return err
		}
		return sc.directive(st)
	}
	st.session, st.op, st.text = m[1], m[2][0], m[3]
	switch st.op {
	case '*', '?', '!', '=':
		if st.text == "..." {
			st.rest = true
			if st.op != '*' {
				return fmt.Errorf("an ellipsis can only stand behind A*")
			}
			return nil
		}
		var err error
		if st.want, err = parsePattern(st.text, sc.file); err != nil {
			return err
		}
		if st.op == '=' && !st.want.status {
			return fmt.Errorf("a tagged response is OK, NO or BAD")
		}
	case '<':
		_, err := unescapeAll(st.text)
		return err
	}
	return nil
}

var directives = map[string][2]int{ // the least and most words
	"seed": {3, 5}, "connect": {2, 3}, "tls": {2, 2}, "close": {2, 2},
	"compress": {2, 2}, "uncompress": {2, 2},
	"only": {2, 9}, "skip": {2, 9}, "need": {2, 9},
}

func (sc *script) directive(st *step) error {
	name, args := st.words[0], st.words[1:]
	count, ok := directives[name]
	if !ok {
		return fmt.Errorf("neither a session's line nor a directive: %q", name)
	}
	if len(st.words) < count[0] || len(st.words) > count[1] {
		return fmt.Errorf("wrong number of words for %s", name)
	}
	switch name {
	case "only":
		sc.only = append(sc.only, args...)
	case "skip":
		sc.skip = append(sc.skip, args...)
	case "need":
		sc.need = append(sc.need, args...)
	case "connect":
		if len(args) == 2 && !slices.Contains([]string{"raw", "rev1", "rev2"}, args[1]) {
			return fmt.Errorf("a session is raw, rev1 or rev2, not %q", args[1])
		}
	}
	return nil
}

// check finds expectations that nothing would ever look at.
func (sc *script) check() error {
	if len(sc.lines) == 0 || !strings.HasPrefix(sc.lines[0], "# RFC ") {
		return sc.errorf(1, "a transcript begins with a comment that cites the RFC")
	}
	if len(sc.steps) == 0 {
		return sc.errorf(1, "a transcript without steps")
	}
	return nil
}

// file returns the content of a file beside the transcript.
func (sc *script) file(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(filepath.Dir(sc.path), name))
	return string(content), err
}

// fields splits a directive at spaces; "..." and (...) stay together, with their marks.
func fields(text string) (out []string, err error) {
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		end := strings.IndexByte(text, ' ')
		switch text[0] {
		case '"':
			for end = 1; end < len(text) && text[end] != '"'; end++ {
				if text[end] == '\\' {
					end++
				}
			}
			end++
		case '(':
			end = strings.IndexByte(text, ')') + 1
		}
		if end <= 0 {
			end = len(text)
		}
		if end > len(text) {
			return nil, fmt.Errorf("%q does not end", text)
		}
		out, text = append(out, text[:end]), text[end:]
	}
	return out, nil
}

// unquote returns what a directive's word stands for.
func unquote(word string) (string, bool, error) {
	if !strings.HasPrefix(word, `"`) {
		return word, false, nil
	}
	s := scanner{in: word, pattern: true}
	text, err := s.quoted()
	return text, true, err
}

// unescapeAll resolves the escapes of an A< line.
func unescapeAll(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		out, n, err := unescape(s[i:])
		if err != nil {
			return "", err
		}
		b.WriteByte(out)
		i += n - 1
	}
	return b.String(), nil
}

// applies reports whether a script runs in a mode with these labels.
func (sc *script) applies(labels []string) bool {
	for _, want := range sc.only {
		if !slices.Contains(labels, want) {
			return false
		}
	}
	return !slices.ContainsFunc(sc.skip, func(s string) bool { return slices.Contains(labels, s) })
}

// applies reports whether a step is there in a mode with these labels.
func (st *step) applies(labels []string) bool {
	if st.cond == "" {
		return true
	}
	name, not := strings.CutPrefix(st.cond, "!")
	return slices.Contains(labels, name) != not
}

// group is what happens between two looks at the script: one line that is done, or expectations
// of one session that are met together.
type group struct {
	do     *step   // nil for expectations
	expect []*step // '*', '?' and '!'
	rest   bool
	end    *step // '=', '+' or '$'; nil waits for the '*'
}

// groups gathers the steps that are there in a mode.
func (sc *script) groups(labels []string) (out []group, err error) {
	var g *group
	flush := func() {
		if g == nil {
			return
		}
		waits := g.end != nil || slices.ContainsFunc(g.expect, func(s *step) bool { return s.op == '*' })
		if !waits && err == nil {
			line := 0
			if len(g.expect) > 0 {
				line = g.expect[0].line
			}
			err = sc.errorf(line, "nothing is expected to arrive, so nothing would be read")
		}
		out, g = append(out, *g), nil
	}
	current := ""
	for i := range sc.steps {
		st := &sc.steps[i]
		if !st.applies(labels) {
			continue
		}
		expects := strings.IndexByte("*?!=+$", st.op) >= 0
		if !expects || st.session != current {
			flush()
		}
		current = st.session
		if !expects {
			if st.session == "" && slices.Contains([]string{"only", "skip", "need"}, st.words[0]) {
				continue
			}
			out = append(out, group{do: st})
			continue
		}
		if g == nil {
			g = &group{}
		}
		switch {
		case st.rest:
			g.rest = true
		case strings.IndexByte("=+$", st.op) >= 0:
			g.end = st
			flush()
		default:
			g.expect = append(g.expect, st)
		}
	}
	flush()
	return out, err
}
