package imapwire

func init() { commands.add("UNAUTHENTICATE", command{parse: bare[Unauthenticate]}) }

// Unauthenticate ends the login, and not the connection (RFC 8437 §3).
//
//	"UNAUTHENTICATE"
type Unauthenticate struct{}

// Name returns "UNAUTHENTICATE".
func (*Unauthenticate) Name() string { return "UNAUTHENTICATE" }

// AppendArgs appends nothing.
func (*Unauthenticate) AppendArgs(*Encoder) {}
