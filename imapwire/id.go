package imapwire

import "restante/imap"

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
