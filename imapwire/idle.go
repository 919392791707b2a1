package imapwire

func init() { commands.add("IDLE", command{parse: bare[Idle]}) }

// Idle lets the server say what is new as it happens, until the client sends DONE, which Reader.ReadLine returns (RFC 9051 §6.3.13).
//
//	"IDLE"
type Idle struct{}

// Name returns "IDLE".
func (*Idle) Name() string { return "IDLE" }

// AppendArgs appends nothing.
func (*Idle) AppendArgs(*Encoder) {}
