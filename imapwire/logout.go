package imapwire

func init() { commands.add("LOGOUT", command{parse: bare[Logout]}) }

// Logout ends the session (RFC 9051 §6.1.3).
//
//	"LOGOUT"
type Logout struct{}

// Name returns "LOGOUT".
func (*Logout) Name() string { return "LOGOUT" }

// AppendArgs appends nothing.
func (*Logout) AppendArgs(*Encoder) {}
