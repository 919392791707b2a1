package imapwire

// Namespace asks for the name spaces (RFC 9051 §6.3.10).
//
//	"NAMESPACE"
type Namespace struct{}

// Name returns "NAMESPACE".
func (*Namespace) Name() string { return "NAMESPACE" }

// AppendArgs appends nothing.
func (*Namespace) AppendArgs(*Encoder) {}
