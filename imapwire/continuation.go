package imapwire

// Continuation asks the client to go on (RFC 9051 §7.6). Text is what follows "+ ".
type Continuation struct{ Text string }

func (*Continuation) response() {}

// AppendContinuation appends a continuation request (RFC 9051 §7.6).
func AppendContinuation(dst []byte, text string) []byte {
	dst = append(dst, "+ "...)
	if text != "" {
		dst = appendLine(dst, text)
	}
	return appendCRLF(dst)
}
