package imapwire

import "bytes"

// Option is a parameter, modifier or option that an extension adds to a command in one of the
// places where RFC 4466 §2 lets it: one of the pointer types of this package, or *RawOption.
type Option interface {
	// Name is the option's name in upper case: "QRESYNC".
	Name() string
	// AppendValue appends the value with the space in front of it, or nothing when it has none.
	AppendValue(e *Encoder)
}

// RawOption is an option of SELECT that no file registers, as written. A server answers it with
// BAD; a client can send what this package has no type for.
type RawOption struct {
	Label string // upper case
	Value string // what follows the space, "(67890007 20050715194045000)"; "" for none
}

// Name returns the label.
func (o *RawOption) Name() string { return o.Label }

// AppendValue appends the value as it stands.
func (o *RawOption) AppendValue(e *Encoder) {
	if o.Value != "" {
		e.SP()
		e.Raw(o.Value)
	}
}

// optionTable holds the options of one place in the grammar: functions that parse an option from
// behind its name. The file of an extension adds to it:
//
//	func init() { selectParams.add("QRESYNC", parseQResync) }
type optionTable = table[func(l *lexer) Option]

// The places for options. Those that IMAP4rev2 has itself are fields of the command instead.
var (
	selectParams   optionTable // select-param (RFC 4466 §2.1)
	createParams   optionTable // create-param (RFC 4466 §2.2)
	fetchModifiers optionTable // fetch-modifier (RFC 4466 §2.4)
	storeModifiers optionTable // store-modifier (RFC 4466 §2.5)
	searchReturns  optionTable // search-return-opt (RFC 4466 §2.6.1)
	listSelects    optionTable // list-select-opt (RFC 5258 §3.1)
	listReturns    optionTable // return-option (RFC 5258 §3.2)
)

// toggle is an option without a value that is a field of its command.
type toggle struct {
	name string
	on   *bool
}

func internToggles(toggles []toggle) {
	for _, o := range toggles {
		intern(o.name)
	}
}

// option parses an option that is one of the toggles or registered in the table.
func (l *lexer) option(production string, toggles []toggle, t *optionTable) Option {
	start := l.pos
	name := l.word(production)
	for _, o := range toggles {
		if o.name == name {
			*o.on = true
			return nil
		}
	}
	if parse := t.find(name); parse != nil {
		return (*parse)(l)
	}
	l.failAt(start, production, "no such option")
	return nil
}

// options parses a list of options in parentheses; empty says whether "()" is allowed.
func (l *lexer) options(list, production string, empty bool, toggles []toggle, t *optionTable) (opts []Option) {
	l.list(list, empty, func() {
		if o := l.option(production, toggles, t); o != nil {
			opts = append(opts, o)
		}
	})
	return opts
}

// options appends the toggles that are on and then the options, with a space between two.
func (e *Encoder) options(toggles []toggle, opts []Option) {
	start := len(e.buf)
	for _, o := range toggles {
		if *o.on {
			e.separate(start)
			e.raw(o.name)
		}
	}
	for _, o := range opts {
		e.separate(start)
		e.Atom(o.Name())
		o.AppendValue(e)
	}
}

// separate appends a space unless nothing has been written since start.
func (e *Encoder) separate(start int) {
	if len(e.buf) > start {
		e.SP()
	}
}

// modifiers appends options in parentheses with a space in front, unless there are none.
func (e *Encoder) modifiers(opts []Option) {
	if len(opts) > 0 {
		e.raw(" (")
		e.options(nil, opts)
		e.raw(")")
	}
}

// rawOption parses an option that no file registers, from its name on:
//
//	tagged-ext-label [SP (tagged-ext-simple / "(" [tagged-ext-comp] ")")]
//
// A name is told from a simple value by its first octet, which is a letter. Literals are refused.
func (l *lexer) rawOption(production string) Option {
	o := &RawOption{Label: l.word(production)}
	if l.err != nil || !bytes.HasPrefix(l.buf[l.pos:], []byte(" ")) || l.pos+1 == len(l.buf) {
		return o
	}
	start := l.pos + 1
	switch c := l.buf[start]; {
	case is(c, setChar):
		l.pos = start
		l.span(setChar)
	case c == '(':
		l.pos = start
		l.parens(production)
	default:
		return o
	}
	o.Value = string(l.buf[start:l.pos])
	return o
}

// parens consumes a parenthesis and what is in it.
func (l *lexer) parens(production string) {
	for depth := 0; l.err == nil; {
		switch c := l.peek(); {
		case c == '(':
			depth++
			l.pos++
		case c == ')':
			depth--
			l.pos++
			if depth == 0 {
				return
			}
		case c == '"':
			l.quoted(production)
		case c == ' ':
			l.pos++
		default:
			l.span1(listChar, production, "a value")
		}
	}
}
