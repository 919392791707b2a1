package imapwire

import "strings"

func init() { commands.add("COMPRESS", command{parse: parseCompress}) }

// Compress makes both sides compress what they send from then on (RFC 4978 §3).
type Compress struct {
	Algorithm string // upper case: "DEFLATE"
}

// Name returns "COMPRESS".
func (*Compress) Name() string { return "COMPRESS" }

// AppendArgs appends the algorithm.
func (c *Compress) AppendArgs(e *Encoder) {
	e.SP()
	e.Atom(c.Algorithm)
}

// parseCompress parses
//
//	compress  = "COMPRESS" SP algorithm
//	algorithm = "DEFLATE"
func parseCompress(l *lexer, _ bool) Command {
	l.sp("compress")
	return &Compress{Algorithm: strings.ToUpper(string(l.atom("algorithm")))}
}
