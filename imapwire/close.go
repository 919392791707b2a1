package imapwire

func init() { commands.add("CLOSE", command{parse: bare[Close]}) }

// Close leaves the mailbox and removes its deleted messages (RFC 9051 §6.4.1).
//
//	"CLOSE"
type Close struct{}

// Name returns "CLOSE".
func (*Close) Name() string { return "CLOSE" }

// AppendArgs appends nothing.
func (*Close) AppendArgs(*Encoder) {}
