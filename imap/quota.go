package imap

// QuotaResource is what a quota limits (RFC 9208 §5).
type QuotaResource string

// The resources of RFC 9208 §5.
const (
	QuotaStorage           QuotaResource = "STORAGE"            // octets of messages; on the wire in units of 1024
	QuotaMessage           QuotaResource = "MESSAGE"            // number of messages
	QuotaMailbox           QuotaResource = "MAILBOX"            // number of mailboxes
	QuotaAnnotationStorage QuotaResource = "ANNOTATION-STORAGE" // octets of annotations; on the wire in units of 1024
)

// QuotaResources are the resources of RFC 9208 §5, in its order.
var QuotaResources = []QuotaResource{QuotaStorage, QuotaMessage, QuotaMailbox, QuotaAnnotationStorage}

// Quota is what is used of a resource, and how much may be.
type Quota struct {
	Resource QuotaResource
	Usage    int64
	Limit    int64
}
