package imapwire

import (
	"slices"
	"strings"
	"unicode/utf8"

	"restante/imap"
)

func init() {
	commands.add("LIST", command{parse: parseList})
	responses.add("LIST", (*scanner).list)
	responses.add("XLIST", (*scanner).list)
	listItems.add("CHILDINFO", (*scanner).childInfo)
	listItems.add("OLDNAME", (*scanner).oldName)
	for _, opts := range [][]toggle{new(ListSelect).toggles(), new(ListReturn).toggles()} {
		internToggles(opts)
	}
}

// List asks which mailboxes there are (RFC 9051 §6.3.9).
type List struct {
	Ref      string
	Patterns []string // in UTF-8, with "%" and "*"
	Select   ListSelect
	Return   ListReturn
	// Extended says that the command was of the extended form: with selection options, return
	// options or a list of patterns (RFC 5258 §3).
	Extended bool

	SelectOptions []Option // other list-select-opts (RFC 5258 §3.1)
	ReturnOptions []Option // other return-options (RFC 5258 §3.2)
}

// ListSelect are the selection options (RFC 9051 §6.3.9.1, RFC 6154 §2).
type ListSelect struct{ Subscribed, Remote, RecursiveMatch, SpecialUse bool }

// ListReturn are the return options (RFC 9051 §6.3.9.2, RFC 6154 §2). Status is not 0 for STATUS.
type ListReturn struct {
	Subscribed, Children, SpecialUse bool
	Status                           imap.StatusItems
}

// Name returns "LIST".
func (*List) Name() string { return "LIST" }

// toggles of s in the order in which they are written.
func (s *ListSelect) toggles() []toggle {
	return []toggle{{"SUBSCRIBED", &s.Subscribed}, {"REMOTE", &s.Remote},
		{"RECURSIVEMATCH", &s.RecursiveMatch}, {"SPECIAL-USE", &s.SpecialUse}}
}

func (r *ListReturn) toggles() []toggle {
	return []toggle{{"SUBSCRIBED", &r.Subscribed}, {"CHILDREN", &r.Children}, {"SPECIAL-USE", &r.SpecialUse}}
}

// AppendArgs appends selection options, reference, patterns and return options, and of these only
// what is set, unless Extended asks for the extended form.
func (c *List) AppendArgs(e *Encoder) {
	if c.Extended || c.Select != (ListSelect{}) || len(c.SelectOptions) > 0 {
		e.raw(" (")
		e.options(c.Select.toggles(), c.SelectOptions)
		e.raw(")")
	}
	e.SP()
	e.Mailbox(c.Ref)
	e.SP()
	switch len(c.Patterns) {
	case 0:
		e.fail("LIST without a pattern", c.Ref)
	case 1:
		e.pattern(c.Patterns[0])
	default:
		e.list(len(c.Patterns), func(i int) { e.pattern(c.Patterns[i]) })
	}
	opts := c.ReturnOptions
	if c.Return.Status != 0 {
		opts = append([]Option{statusOption(c.Return.Status)}, opts...)
	}
	if toggles := c.Return.toggles(); len(opts) > 0 || c.Return != (ListReturn{}) {
		e.raw(" RETURN (")
		e.options(toggles, opts)
		e.raw(")")
	}
}

// statusOption is the return option STATUS (RFC 5819 §2).
type statusOption imap.StatusItems

func (statusOption) Name() string { return "STATUS" }

func (o statusOption) AppendValue(e *Encoder) {
	e.SP()
	e.statusItems(imap.StatusItems(o))
}

// parseList parses
//
//	list             = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
//	list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")"
//	list-select-opt  = "SUBSCRIBED" / "REMOTE" / "RECURSIVEMATCH" / "SPECIAL-USE" / option-extension
//	mbox-or-pat      = list-mailbox / patterns
//	patterns         = "(" list-mailbox *(SP list-mailbox) ")"
//	list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
//	return-option    = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / option-extension /
//	                   "STATUS" SP "(" status-att *(SP status-att) ")"
//
// RECURSIVEMATCH needs an option beside it that it can modify (RFC 9051 §6.3.9.1).
func parseList(l *lexer, _ bool) Command {
	c := new(List)
	l.sp("list")
	if start := l.pos; l.peek() == '(' {
		c.Extended = true
		c.SelectOptions = l.options("list-select-opts", "list-select-opt", true, c.Select.toggles(), &listSelects)
		if c.Select.RecursiveMatch && !c.Select.Subscribed && !c.Select.SpecialUse && len(c.SelectOptions) == 0 {
			l.failAt(start, "list-select-opts", "RECURSIVEMATCH needs another option")
		}
		l.sp("list")
	}
	c.Ref = l.mailbox("mailbox")
	l.sp("list")
	if l.peek() == '(' {
		c.Extended = true
		l.list("patterns", false, func() { c.Patterns = append(c.Patterns, l.pattern()) })
	} else {
		c.Patterns = []string{l.pattern()}
	}
	if !l.take(' ') {
		return c
	}
	c.Extended = true
	if !l.keyword("RETURN") {
		l.fail("list-return-opts", "expected RETURN")
	}
	l.sp("list-return-opts")
	l.list("list-return-opts", true, func() {
		if l.keyword("STATUS") {
			l.sp("status-option")
			c.Return.Status |= l.statusItems()
			return
		}
		if o := l.option("return-option", c.Return.toggles(), &listReturns); o != nil {
			c.ReturnOptions = append(c.ReturnOptions, o)
		}
	})
	return c
}

// pattern parses
//
//	list-mailbox = 1*list-char / string
func (l *lexer) pattern() string {
	if c := l.peek(); c == '"' || c == '{' {
		return l.name(l.str("list-mailbox"))
	}
	return l.name(l.span1(listChar, "list-mailbox", "a pattern"))
}

// ListData is LIST (RFC 9051 §7.3.1), LSUB (RFC 3501 §7.2.3) or XLIST, which Name tells.
type ListData struct {
	Name string
	Info imap.MailboxInfo
}

func (*ListData) response() {}

// list parses
//
//	mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
//	               [SP mbox-list-extended]
func (p *scanner) list(name string) Response {
	d := &ListData{Name: name}
	m := &d.Info
	if !p.take('(') {
		if !p.null() {
			return nil
		}
		p.defect("NIL for a list", "NIL")
	} else {
		m.Attrs = p.attrs(name == "XLIST")
	}
	m.Subscribed = name == "LSUB" || m.HasAttr(imap.AttrSubscribed)
	if m.HasAttr(imap.AttrNonExistent) && !m.HasAttr(imap.AttrNoselect) {
		m.Attrs = append(m.Attrs, imap.AttrNoselect) // RFC 9051 §7.3.1: it is implied
	}
	var ok bool
	if m.Delim, ok = p.delimiter(); !ok {
		return nil
	}
	if m.Raw, ok = p.listName(); !ok {
		return nil
	}
	m.Name = p.mailbox(m.Raw)
	if p.take('(') {
		if !p.listExtended(m) {
			return nil
		}
	}
	return d
}

// knownAttrs gives attributes their usual spelling, and XLIST's their names of today.
var knownAttrs = func() map[string]imap.MailboxAttr {
	m := map[string]imap.MailboxAttr{}
	for _, a := range []imap.MailboxAttr{imap.AttrNonExistent, imap.AttrNoselect, imap.AttrNoAccess, imap.AttrNoinferiors,
		imap.AttrMarked, imap.AttrUnmarked, imap.AttrHasChildren, imap.AttrHasNoChildren,
		imap.AttrSubscribed, imap.AttrRemote, imap.AttrAll, imap.AttrArchive, imap.AttrDrafts,
		imap.AttrFlagged, imap.AttrJunk, imap.AttrSent, imap.AttrTrash} {
		m[string(a)], m[strings.ToLower(string(a))] = a, a
	}
	return m
}()

var xlistAttrs = map[string]imap.MailboxAttr{
	`\allmail`: imap.AttrAll, `\spam`: imap.AttrJunk, `\starred`: imap.AttrFlagged,
}

// attrs reads mailbox attributes up to the parenthesis that closes the list.
func (p *scanner) attrs(xlist bool) []imap.MailboxAttr {
	var out []imap.MailboxAttr
	for {
		w := p.flagWord()
		if w == "" {
			return out
		}
		a, known := knownAttrs[w]
		if !known {
			if a, known = knownAttrs[strings.ToLower(w)]; !known {
				a = imap.MailboxAttr(w)
			}
		}
		if x, ok := xlistAttrs[strings.ToLower(w)]; ok && xlist {
			a = x
		}
		if slices.ContainsFunc(out, func(b imap.MailboxAttr) bool { return strings.EqualFold(string(a), string(b)) }) {
			p.defect("attribute twice", w)
			continue
		}
		out = append(out, a)
	}
}

// delimiter reads a hierarchy delimiter, 0 for NIL.
func (p *scanner) delimiter() (rune, bool) {
	p.space()
	start := p.i
	if strings.HasPrefix(p.s[p.i:], `"\"`) && !strings.HasPrefix(p.s[p.i:], `"\""`) {
		p.defect("backslash not escaped", `"\"`)
		p.i += 3
		return '\\', true
	}
	v, null, ok := p.nstring()
	if !ok {
		if v = p.word(); v == "" {
			return 0, false
		}
	}
	if null || v == "" {
		if !null {
			p.defect("empty hierarchy delimiter", `""`)
		}
		return 0, true
	}
	r, n := utf8.DecodeRuneInString(v)
	if n < len(v) || p.s[start] != '"' {
		p.defect("odd hierarchy delimiter", p.near(start))
	}
	return r, true
}

// listName reads the name at the end of LIST. Without quotes it may have spaces in it.
func (p *scanner) listName() (string, bool) {
	p.space()
	start := p.i
	if c := p.peek(); c == '"' || c == '{' {
		return p.astring()
	}
	name := p.s[p.i:]
	if i := strings.Index(name, " ("); i >= 0 && strings.HasSuffix(strings.TrimRight(name, " "), ")") {
		name = name[:i]
	}
	p.i += len(name)
	name = strings.TrimRight(name, " ")
	if !all(name, astringChar) {
		p.defect("name without quotes", p.near(start))
	}
	return name, name != ""
}

// listItems are the extended data items of LIST: functions that parse the value of one. The file of
// an extension adds its own; what is not registered is skipped.
var listItems table[func(p *scanner, m *imap.MailboxInfo) bool]

// listExtended parses what follows the parenthesis of
//
//	mbox-list-extended      = "(" [mbox-list-extended-item *(SP mbox-list-extended-item)] ")"
//	mbox-list-extended-item = mbox-list-extended-item-tag SP tagged-ext-val
func (p *scanner) listExtended(m *imap.MailboxInfo) bool {
	for !p.take(')') {
		tag, ok := p.astring()
		if !ok {
			return false
		}
		if parse := listItems.find(strings.ToUpper(tag)); parse != nil {
			ok = (*parse)(p, m)
		} else {
			ok = p.skip()
		}
		if !ok {
			return false
		}
	}
	return true
}

// childInfo parses the value of
//
//	childinfo-extended-item = "CHILDINFO" SP "(" list-select-base-opt-quoted *(SP list-select-base-opt-quoted) ")"
func (p *scanner) childInfo(m *imap.MailboxInfo) bool {
	if !p.take('(') {
		return false
	}
	for !p.take(')') {
		v, ok := p.astring()
		if !ok {
			return false
		}
		m.ChildInfo = append(m.ChildInfo, v)
	}
	return true
}

// oldName parses the value of
//
//	oldname-extended-item = "OLDNAME" SP "(" mailbox ")"
func (p *scanner) oldName(m *imap.MailboxInfo) bool {
	if !p.take('(') {
		return false
	}
	v, ok := p.astring()
	if !ok || !p.take(')') {
		return false
	}
	m.OldName = p.mailbox(v)
	return true
}

// AppendList appends LIST (RFC 9051 §7.3.1). Name is sent, Raw is not looked at; utf8 says that
// the client takes names in UTF-8.
func AppendList(dst []byte, m *imap.MailboxInfo, utf8 bool) []byte {
	dst = appendListLine(append(dst, "* LIST "...), m, utf8)
	if len(m.ChildInfo) > 0 || m.OldName != "" {
		dst = append(dst, " ("...)
		if len(m.ChildInfo) > 0 {
			dst = append(dst, `"CHILDINFO" (`...)
			for i, x := range m.ChildInfo {
				if i > 0 {
					dst = append(dst, ' ')
				}
				dst = AppendString(dst, x)
			}
			dst = append(dst, ')')
		}
		if m.OldName != "" {
			if len(m.ChildInfo) > 0 {
				dst = append(dst, ' ')
			}
			dst = append(dst, `"OLDNAME" (`...)
			dst = append(AppendMailbox(dst, m.OldName, utf8), ')')
		}
		dst = append(dst, ')')
	}
	return appendCRLF(dst)
}

func appendListLine(dst []byte, m *imap.MailboxInfo, utf8 bool) []byte {
	dst = append(dst, '(')
	for i, a := range m.Attrs {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, a...)
	}
	dst = append(appendDelim(append(dst, ") "...), m.Delim), ' ')
	return AppendMailbox(dst, m.Name, utf8)
}

func appendDelim(dst []byte, delim rune) []byte {
	switch delim {
	case 0:
		return append(dst, "NIL"...)
	case '"', '\\':
		return append(dst, '"', '\\', byte(delim), '"')
	}
	return append(utf8.AppendRune(append(dst, '"'), delim), '"')
}
