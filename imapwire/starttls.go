package imapwire

func init() { commands.add("STARTTLS", command{parse: bare[StartTLS]}) }

// StartTLS starts TLS on the connection (RFC 9051 §6.2.1).
//
//	"STARTTLS"
type StartTLS struct{}

// Name returns "STARTTLS".
func (*StartTLS) Name() string { return "STARTTLS" }

// AppendArgs appends nothing.
func (*StartTLS) AppendArgs(*Encoder) {}
