package imapwire

func init() { commands.add("UNSELECT", command{parse: bare[Unselect]}) }

// Unselect leaves the mailbox as it is (RFC 9051 §6.4.2).
//
//	"UNSELECT"
type Unselect struct{}

// Name returns "UNSELECT".
func (*Unselect) Name() string { return "UNSELECT" }

// AppendArgs appends nothing.
func (*Unselect) AppendArgs(*Encoder) {}
