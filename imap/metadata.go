package imap

// MetadataEntry is an entry of a mailbox's or the server's metadata (RFC 5464 §3.2).
type MetadataEntry struct {
	Name  string  // "/shared/comment"; case does not matter
	Value *string // any octets; nil for NIL: it has no value
}
