package imapwire

func init() {
	numberedResponses.add("EXISTS", func(_ *scanner, n uint32) Response { return &ExistsData{n} })
}

// ExistsData is EXISTS (RFC 9051 §7.4.1): the number of messages.
type ExistsData struct{ Num uint32 }

func (*ExistsData) response() {}

// AppendExists appends EXISTS (RFC 9051 §7.4.1).
func AppendExists(dst []byte, n uint32) []byte { return appendNumbered(dst, n, " EXISTS\r\n") }
