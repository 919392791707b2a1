package imapwire

func init() { commands.add("LOGIN", command{parse: parseLogin}) }

// Login authenticates with a password in the clear (RFC 9051 §6.2.3).
type Login struct{ User, Password string }

// Name returns "LOGIN".
func (*Login) Name() string { return "LOGIN" }

// AppendArgs appends user and password.
func (c *Login) AppendArgs(e *Encoder) {
	e.SP()
	e.AString(c.User)
	e.SP()
	e.String(c.Password)
}

// parseLogin parses
//
//	login    = "LOGIN" SP userid SP password
//	userid   = astring
//	password = astring
func parseLogin(l *lexer, _ bool) Command {
	c := new(Login)
	l.sp("login")
	c.User = string(l.astring("userid"))
	l.sp("login")
	c.Password = string(l.astring("password"))
	return c
}
