package imapwire

func init() { commands.add("NOOP", command{parse: bare[Noop]}) }

// Noop lets the server say what is new (RFC 9051 §6.1.2).
//
//	"NOOP"
type Noop struct{}

// Name returns "NOOP".
func (*Noop) Name() string { return "NOOP" }

// AppendArgs appends nothing.
func (*Noop) AppendArgs(*Encoder) {}
