package imapwire

import "restante/imap"

func init() {
	commands.add("ID", command{parse: parseID})
	responses.add("ID", (*scanner).id)
}

// ID tells the server which program the client is (RFC 2971 §3.1).
type ID struct {
	Params []imap.Param // nil is sent as NIL; so is a Value of ""
}

// Name returns "ID".
func (*ID) Name() string { return "ID" }

// AppendArgs appends the parameters.
func (c *ID) AppendArgs(e *Encoder) {
	e.SP()
	if c.Params == nil {
		e.raw("NIL")
		return
	}
	e.list(len(c.Params), func(i int) {
		e.String(c.Params[i].Name)
		e.SP()
		if v := c.Params[i].Value; v == "" {
			e.raw("NIL")
		} else {
			e.String(v)
		}
	})
}

// parseID parses
//
//	id             = "ID" SP id-params-list
//	id-params-list = "(" [string SP nstring *(SP string SP nstring)] ")" / nil
func parseID(l *lexer, _ bool) Command {
	c := new(ID)
	l.sp("id")
	if l.keyword("NIL") {
		return c
	}
	c.Params = []imap.Param{}
	l.list("id-params-list", true, func() {
		name := l.str("id-params-list")
		l.sp("id-params-list")
		value, _ := l.nstring("id-params-list")
		c.Params = append(c.Params, imap.Param{Name: string(name), Value: string(value)})
	})
	return c
}

// IDData is an untagged ID (RFC 2971 §3.2); nil Params is NIL.
type IDData struct{ Params imap.Params }

func (*IDData) response() {}

// id parses
//
//	id-response      = "ID" SP id-params-list
//	id-params-list   = "(" *(string SP nstring) ")" / nil
func (p *scanner) id(string) Response {
	d := &IDData{}
	if p.null() {
		return d
	}
	if !p.take('(') {
		return nil
	}
	d.Params = imap.Params{}
	for !p.take(')') {
		key, ok := p.idString()
		if !ok {
			return nil
		}
		value, ok := p.idString()
		if !ok {
			return nil
		}
		d.Params = append(d.Params, imap.Param{Name: key, Value: value})
	}
	return d
}

func (p *scanner) idString() (string, bool) {
	v, _, ok := p.nstring()
	if !ok {
		if v = p.word(); v != "" {
			p.defect("string without quotes", v)
			ok = true
		}
	}
	return v, ok
}

// AppendID appends ID (RFC 2971 §3.2); nil params are NIL, as is an empty value.
func AppendID(dst []byte, params imap.Params) []byte {
	dst = append(dst, "* ID "...)
	if params == nil {
		return append(dst, "NIL\r\n"...)
	}
	dst = append(dst, '(')
	for i, x := range params {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(AppendString(dst, x.Name), ' ')
		dst = appendNString(dst, x.Value)
	}
	return append(dst, ")\r\n"...)
}
