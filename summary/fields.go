package summary

// maxFields is how many octets of header fields are kept. Beyond that the fields are left out.
const maxFields = 16 << 10

// maxNames is how many octets of hashes of other names are kept, two for each.
const maxNames = 512

// kept are the header fields that are kept, in lower case: what mail programs ask for to draw a
// list. The order is part of the stored form; changes need a new version.
var kept = [...]string{
	"date", "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id", "in-reply-to",
	"references", "content-type", "content-transfer-encoding", "mime-version", "list-id",
	"list-unsubscribe", "list-post", "x-priority", "priority", "importance", "newsgroups",
	"followup-to", "x-spam-flag", "return-path", "delivered-to",
}

// notKept is the number of a name that is not in kept.
const notKept = len(kept)

var keptByName = func() map[string]int {
	m := make(map[string]int, len(kept))
	for i, name := range kept {
		m[name] = i
	}
	return m
}()

// numberOf returns the index of a field name in kept, or notKept, and a hash of the name without
// case.
func numberOf(name string) (int, uint16) {
	var buf [32]byte
	const offset, prime = 2166136261, 16777619 // FNV-1a
	h := uint32(offset)
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if i < len(buf) {
			buf[i] = c
		}
		h = (h ^ uint32(c)) * prime
	}
	hash := uint16(h ^ h>>16)
	if len(name) > len(buf) {
		return notKept, hash
	}
	if n, ok := keptByName[string(buf[:len(name)])]; ok {
		return n, hash
	}
	return notKept, hash
}
