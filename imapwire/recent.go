package imapwire

func init() {
	numberedResponses.add("RECENT", func(_ *scanner, n uint32) Response { return &RecentData{n} })
}

// RecentData is RECENT (RFC 3501 §7.3.2): the number of messages with \Recent.
type RecentData struct{ Num uint32 }

func (*RecentData) response() {}

// AppendRecent appends RECENT (RFC 3501 §7.3.2).
func AppendRecent(dst []byte, n uint32) []byte { return appendNumbered(dst, n, " RECENT\r\n") }
