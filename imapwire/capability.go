package imapwire

// Capability asks for the server's capabilities (RFC 9051 §6.1.1).
//
//	"CAPABILITY"
type Capability struct{}

// Name returns "CAPABILITY".
func (*Capability) Name() string { return "CAPABILITY" }

// AppendArgs appends nothing.
func (*Capability) AppendArgs(*Encoder) {}
