package imapserver

import (
	"io"

	"restante/imap"
	"restante/internal/spool"
	"restante/message"
)

// binaryInMemory is how many octets of the message of a literal8 are held in memory; of a longer one all
// are in a file.
const binaryInMemory = 1 << 20

// errLostNUL answers an APPEND of a message that could be kept only with octets missing.
var errLostNUL = no(imap.CodeUnknownCTE, "The message has NUL octets where no transfer encoding can carry them, such as in its header")

// receiveBinary receives the message of a literal8 and returns it as it is to be stored, without NUL.
// The spool holds the message, and is the caller's to close.
func (c *conn) receiveBinary(body *messageLiteral, s *spool.Spool) (*message.Encoded, error) {
	s.Dir, s.Limit = c.s.TempDir, binaryInMemory
	_, err := io.Copy(s, body)
	if notWhole := body.finish(); notWhole != nil {
		return nil, notWhole
	}
	if err != nil {
		return nil, c.notReceived(err)
	}
	return c.encodeBinary(s)
}

// encodeBinary returns a message without NUL: RFC 3516 §4.4 lets the server change transfer encodings as
// long as no data is lost.
func (c *conn) encodeBinary(s *spool.Spool) (*message.Encoded, error) {
	encoded, err := message.EncodeBinary(s, s.Size())
	if err != nil {
		return nil, c.notReceived(err)
	}
	if encoded.Replaced() > 0 {
		return nil, errLostNUL
	}
	return encoded, nil
}

// notReceived answers a message that could not be put down.
func (c *conn) notReceived(err error) error {
	c.log.Error("message not received", "err", err)
	return no(imap.CodeUnavailable, "The message cannot be received at the moment")
}
