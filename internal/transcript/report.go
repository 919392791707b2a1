package transcript

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"restante/imap"
)

// report follows a group's expectations and tells how they were missed.
type report struct {
	r     *runner
	g     *group
	s     *session
	met   map[*step]string // what met an expectation
	extra []string         // what came and was not listed, as lines of a transcript
	bad   map[*step]string // what came and is forbidden
	ended bool
	end   string // what came instead of the end

	numbers  []uint64 // by sequence number, the number that each message had when the group began
	expunged []uint64 // those numbers, of messages that are gone
}

func newReport(r *runner, g *group, s *session) *report {
	p := &report{r: r, g: g, s: s, met: map[*step]string{}, bad: map[*step]string{}}
	p.exists(s.view.exists)
	return p
}

// exists follows EXISTS: new messages get the next numbers.
func (p *report) exists(n uint64) {
	for uint64(len(p.numbers)) < n {
		p.numbers = append(p.numbers, uint64(len(p.numbers)+len(p.expunged)+1))
	}
}

// expunge follows EXPUNGE and reports whether an expectation of EXPUNGED took it.
func (p *report) expunge(n uint64) bool {
	i := int(n) - 1
	if i >= len(p.numbers) {
		return false // not of this mailbox: the view has complained
	}
	gone := p.numbers[i]
	p.numbers = slices.Delete(p.numbers, i, i+1)
	p.expunged = append(p.expunged, gone)
	for _, st := range p.g.expect {
		if st.op == '*' && st.want.nodes[0].is("EXPUNGED") && slices.Contains(st.want.numbers(), gone) {
			if !slices.ContainsFunc(st.want.numbers(), func(n uint64) bool { return !slices.Contains(p.expunged, n) }) {
				p.met[st] = "all"
			}
			return true
		}
	}
	return false
}

// waiting reports whether the group is still to be read for.
func (p *report) waiting() bool {
	if p.g.end != nil {
		return !p.ended
	}
	return slices.ContainsFunc(p.g.expect, func(st *step) bool { return st.op == '*' && p.met[st] == "" })
}

// take judges a response. tag is that of the command whose end the group waits for.
func (p *report) take(got *response, tag string) {
	switch {
	case got.tag == "*":
		p.untagged(got)
	case p.g.end == nil || p.g.end.op == '$':
		p.extra = append(p.extra, p.line(got))
	case got.tag == "+":
		p.ended = true
		if text := got.nodes[0].text; p.g.end.op != '+' || p.g.end.text != "" && p.g.end.text != text {
			p.end = p.line(got)
		}
	default:
		p.ended = true
		if p.g.end.op != '=' || got.tag != tag || !p.tagged(got) {
			p.end = p.line(got)
			if got.tag != tag && tag != "" {
				p.end += fmt.Sprintf("   (tagged %s, not %s)", got.tag, tag)
			}
		}
	}
}

// tagged judges a tagged response. Other servers need not send the codes of RFC 5530 §3 with NO:
// they are hints.
func (p *report) tagged(got *response) bool {
	if p.r.vars.matches(&p.g.end.want, got) {
		return true
	}
	want := p.g.end.want.nodes
	hint := len(want) == 2 && want[1].kind == code && want[0].is("NO") && hints[imap.Code(want[1].kids[0].text)]
	return p.r.target.remote && hint && len(got.nodes) == 1 && got.nodes[0].is("NO")
}

var hints = map[imap.Code]bool{imap.CodeAlreadyExists: true, imap.CodeAuthenticationFailed: true, imap.CodeCannot: true,
	imap.CodeHasChildren: true, imap.CodeNonExistent: true}

func (p *report) untagged(got *response) {
	p.r.vars["tag"] = p.tag()
	recent := false
	if n, what := got.numbered(); what != "" {
		switch recent = what == "RECENT"; what {
		case "EXISTS":
			p.exists(n)
		case "EXPUNGE":
			if p.expunge(n) {
				return
			}
		}
	}
	for _, st := range p.g.expect {
		if st.op == '!' && p.r.vars.matches(p.want(st), got) {
			p.bad[st] = p.line(got)
			return
		}
	}
	for _, st := range p.g.expect {
		if st.op == '*' && p.met[st] == "" && p.r.vars.matches(p.want(st), got) {
			p.met[st] = p.line(got)
			return
		}
	}
	optional := slices.ContainsFunc(p.g.expect, func(st *step) bool {
		return st.op == '?' && p.r.vars.matches(p.want(st), got)
	}) || recent && !p.mentionsRecent()
	if !optional && !p.g.rest {
		p.extra = append(p.extra, p.line(got))
	}
}

// mentionsRecent reports whether the group has expectations of RECENT.
func (p *report) mentionsRecent() bool {
	return slices.ContainsFunc(p.g.expect, func(st *step) bool {
		return len(st.want.nodes) == 2 && st.want.nodes[1].is("RECENT")
	})
}

// tag is that of the command in progress, for ESEARCH's correlator.
func (p *report) tag() string {
	if len(p.s.sent) > 0 {
		return p.s.sent[0].tag
	}
	return p.r.vars["tag"]
}

// want is the pattern of a step, with RESULT in the form of the session's revision.
func (p *report) want(st *step) *response {
	nodes := st.want.nodes
	if !nodes[0].is("RESULT") {
		return &st.want
	}
	out := st.want
	if !p.s.rev2 {
		out.nodes = []node{{kind: word, text: "SEARCH"}, nodes[1]}
		return &out
	}
	out.nodes = []node{{kind: word, text: "ESEARCH"}, {kind: list, kids: []node{{kind: word, text: "TAG"}, {kind: any_, text: "tag"}}}}
	if len(p.s.sent) > 0 && strings.HasPrefix(strings.ToUpper(p.s.sent[0].text), "UID ") {
		out.nodes = append(out.nodes, node{kind: word, text: "UID"})
	}
	items := node{kind: list, bare: true, order: pairs}
	if found := nodes[1].kids; len(found) > 0 {
		numbers := make([]string, len(found))
		for i := range found {
			numbers[i] = found[i].text
		}
		items.kids = []node{{kind: word, text: "ALL"}, {kind: word, text: strings.Join(numbers, ",")}}
	}
	out.nodes = append(out.nodes, items)
	return &out
}

// line writes a response as a transcript would expect it.
func (p *report) line(got *response) string {
	op := "="
	switch got.tag {
	case "*":
		op = "*"
	case "+":
		return strings.TrimRight(p.s.name+"+ "+got.nodes[0].text, " ")
	}
	return p.s.name + op + " " + join(got.nodes)
}

// broken reports that nothing more can be read.
func (p *report) broken(err error) error {
	var timeout net.Error
	why := err.Error()
	if errors.As(err, &timeout) && timeout.Timeout() {
		why = fmt.Sprintf("nothing more came within %v", p.r.limit())
	} else if closed(err) {
		why = "the server closed the connection: " + why
	}
	return p.failure(why)
}

func (p *report) result() error {
	missed := slices.ContainsFunc(p.g.expect, func(st *step) bool { return st.op == '*' && p.met[st] == "" })
	if !missed && len(p.extra) == 0 && len(p.bad) == 0 && p.end == "" {
		return nil
	}
	if p.r.updates != nil {
		p.rewrite()
		return nil
	}
	return p.failure("")
}

// failure writes the group as a difference: what came as expected, - what did not, + what came
// instead.
func (p *report) failure(why string) error {
	var b strings.Builder
	for _, st := range p.g.expect {
		switch {
		case st.op == '*' && p.met[st] == "":
			fmt.Fprintf(&b, "\n  - %s   (line %d)", p.r.text(st), st.line)
		case p.bad[st] != "":
			fmt.Fprintf(&b, "\n  ! %s   (line %d)\n  + %s", p.r.text(st), st.line, p.bad[st])
		default:
			fmt.Fprintf(&b, "\n    %s", p.r.text(st))
		}
	}
	for _, line := range p.extra {
		fmt.Fprintf(&b, "\n  + %s", line)
	}
	if end := p.g.end; end != nil {
		switch {
		case p.end != "":
			fmt.Fprintf(&b, "\n  - %s   (line %d)\n  + %s", p.r.text(end), end.line, p.end)
		case !p.ended:
			fmt.Fprintf(&b, "\n  - %s   (line %d)", p.r.text(end), end.line)
		default:
			fmt.Fprintf(&b, "\n    %s", p.r.text(end))
		}
	}
	if why != "" {
		fmt.Fprintf(&b, "\n    %s", why)
	}
	b.WriteString("\n  the last lines of session " + p.s.name + ":")
	for _, line := range p.s.log[max(0, len(p.s.log)-12):] {
		b.WriteString("\n    " + line)
	}
	return p.r.sc.errorf(p.g.first(), "%s: not as expected%s", strings.Join(p.r.labels, "-"), b.String())
}

// text is a step as it stands in the file, with the values of what was captured.
func (r *runner) text(st *step) string {
	line := r.sc.lines[st.line-1]
	shown := placeholders.ReplaceAllStringFunc(line, func(name string) string {
		if v, ok := r.vars[strings.Trim(name, "{}")]; ok {
			return v
		}
		return name
	})
	if shown != line {
		return line + " = " + shown
	}
	return line
}

// rewrite replaces what failed in the transcript: expectations that were not met go, what came
// instead is put in front of the end. Conditions are kept for lines that stay, and not invented.
func (p *report) rewrite() {
	lines := p.r.sc.lines
	replace := map[int][]string{} // by line
	for _, st := range p.g.expect {
		if st.op == '*' && p.met[st] == "" || p.bad[st] != "" {
			replace[st.line] = []string{}
		}
	}
	last := p.g.first()
	for _, st := range p.g.expect {
		last = st.line
	}
	added := slices.Clone(p.extra)
	for _, st := range p.g.expect {
		if p.bad[st] != "" {
			added = append(added, p.bad[st])
		}
	}
	if end := p.g.end; end != nil {
		last = end.line
		if p.end != "" {
			added = append(added, p.end)
		} else {
			added = append(added, lines[end.line-1])
		}
		replace[last] = added
	} else if keep, ok := replace[last]; ok {
		replace[last] = append(keep, added...)
	} else {
		replace[last] = append([]string{lines[last-1]}, added...)
	}
	p.r.rewritten(replace)
}

// rewritten notes replacements, by line of the file as it was.
func (r *runner) rewritten(replace map[int][]string) {
	if r.replaced == nil {
		r.replaced = map[int][]string{}
	}
	for line, with := range replace {
		r.replaced[line] = with
	}
	var out []string
	for i, line := range r.sc.lines {
		if with, ok := r.replaced[i+1]; ok {
			out = append(out, with...)
		} else {
			out = append(out, line)
		}
	}
	r.updates.add(r.sc.path, r, out)
}
