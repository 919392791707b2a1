package message_test

import (
	"fmt"
	"io"
	"strings"

	"restante/imap"
	"restante/message"
)

func ExampleStructure_Open() {
	const msg = "Subject: two parts\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n" +
		"\r\n" +
		"--b\r\n\r\nfirst\r\n" +
		"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nc2Vjb25k\r\n" +
		"--b--\r\n"
	st := message.ParseBytes([]byte(msg))

	r, _, _ := st.Open(strings.NewReader(msg), &imap.Section{Part: []uint32{2}}) // BODY[2]
	raw, _ := io.ReadAll(r)
	fmt.Printf("%s\n", raw)

	part := st.Part(2) // BINARY[2]
	decoded, _ := message.DecodePart(part.Part, part.Open(strings.NewReader(msg)))
	text, _ := io.ReadAll(decoded)
	fmt.Printf("%s\n", text)
	// Output:
	// c2Vjb25k
	// second
}
