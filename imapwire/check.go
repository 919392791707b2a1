package imapwire

func init() { commands.add("CHECK", command{parse: bare[Check]}) }

// Check asks the server for a checkpoint of the mailbox (RFC 3501 §6.4.1; not in IMAP4rev2).
//
//	"CHECK"
type Check struct{}

// Name returns "CHECK".
func (*Check) Name() string { return "CHECK" }

// AppendArgs appends nothing.
func (*Check) AppendArgs(*Encoder) {}
