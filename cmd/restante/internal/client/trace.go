package client

import (
	"bytes"
	"io"

	"restante/cmd/restante/internal/terminal"
	"restante/imapclient"
)

// wireTrace prints what goes over a connection, without secrets and without anything that could
// change the terminal.
func wireTrace(w io.Writer, prefix string) *imapclient.Trace {
	show := func(who string) func([]byte) {
		return func(data []byte) {
			var out []byte
			for line := range bytes.Lines(data) {
				out = append(out, prefix+who...)
				out = append(out, terminal.Clean(string(bytes.TrimRight(line, "\r\n")))...)
				out = append(out, '\n')
			}
			w.Write(out)
		}
	}
	return &imapclient.Trace{Sent: show("C: "), Received: show("S: ")}
}
