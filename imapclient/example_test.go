package imapclient_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"strings"

	"restante/auth/sasl"
	"restante/imap"
	"restante/imapclient"
)

// A program that shows a mailbox and marks nothing as read. README.md has it as a whole.
func Example() {
	ctx := context.Background()
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.Password("ann", "secret"), plain)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	mb, err := c.Select(ctx, "Inbox")
	if err != nil {
		log.Fatal(err)
	}
	for msg, err := range mb.Messages(ctx, imap.All, imap.Peek) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("Message %d\n%s\n", msg.Seq, msg.Body())
	}
	// Output:
	// Message 1
	// Subject: lunch
	//
	// At noon?
	// Message 2
	// Subject: Re: lunch
	//
	// At one.
}

func ExampleMailbox_Watch() {
	ctx := context.Background()
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.Password("ann", "secret"), plain)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	mb, err := c.Examine(ctx, "INBOX")
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range mb.Watch(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if e.Kind == imapclient.New {
			fmt.Println("new:", e.Message.UID)
			break
		}
	}
	// Output: new: 13
}

// A part of a message goes to a file, or anywhere else, in pieces: it may be longer than memory.
func ExampleMailbox_Download() {
	ctx := context.Background()
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.Password("ann", "secret"), plain)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	mb, err := c.Examine(ctx, "Inbox")
	if err != nil {
		log.Fatal(err)
	}
	// With Decode the transfer encoding is removed: the file is what was attached.
	n, err := mb.Download(ctx, 11, "2", os.Stdout, &imapclient.DownloadOptions{Decode: true})
	fmt.Println(n, err)
	// Output:
	// minutes of the meeting
	// 23 <nil>
}

// Read messages go to the archive. A server without MOVE is asked to copy and delete.
func ExampleMailbox_Move() {
	ctx := context.Background()
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.Password("ann", "secret"), plain)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	mb, err := c.Select(ctx, "Inbox")
	if err != nil {
		log.Fatal(err)
	}
	read, err := mb.Search(ctx, imap.HasFlag(imap.Seen))
	if err != nil {
		log.Fatal(err)
	}
	moved, err := mb.Move(ctx, read, "Archive")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.Len(), "messages moved; the first one's UID is now", moved.Dest[0].First)
	// Output: 2 messages moved; the first one's UID is now 5
}

// With OAuth the token is asked for when it is needed: at the login, and again when the connection is
// made again or the server finds the token too old.
func ExampleDial_oAuth() {
	ctx := context.Background()
	token := func(context.Context) (string, error) { return "ya29.a0Af", nil } // of golang.org/x/oauth2, say
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.OAuth("ann@example.org", token), plain)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	fmt.Println("logged in")
	// Output: logged in
}

// Conn sends commands without waiting for the replies: three questions, one round trip.
func ExampleConn_Status() {
	ctx := context.Background()
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.Password("ann", "secret"), plain)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	k, err := c.Conn(ctx)
	if err != nil {
		log.Fatal(err)
	}
	var asked []*imapclient.Pending[*imap.Status]
	for _, name := range []string{"Inbox", "Archive", "Sent"} {
		asked = append(asked, k.Status(ctx, name, imap.StatusMessages))
	}
	for _, p := range asked {
		st, err := p.Wait()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(st.Mailbox, st.Messages)
	}
	// Output:
	// INBOX 2
	// Archive 2
	// Sent 2
}

// Errors are told apart by kind, whatever words a server has for them; *imap.Error has the words.
func ExampleClient_Select_errors() {
	ctx := context.Background()
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.Password("ann", "secret"), plain)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	_, err = c.Select(ctx, "Nowhere")
	var refused *imap.Error
	switch {
	case errors.Is(err, imap.ErrNotFound):
		fmt.Println("there is no such mailbox")
	case errors.Is(err, imap.ErrClosed): // tried again already
		fmt.Println("the server does not answer:", err)
	case errors.As(err, &refused):
		fmt.Println("the server said:", refused.Status, refused.Code, refused.Text)
	}
	fmt.Println(err)
	// Output:
	// there is no such mailbox
	// SELECT Nowhere: NO [NONEXISTENT] no such mailbox
}

// plain is for the server of the examples, which has no TLS. Programs pass nil.
var plain = &imapclient.Options{AllowPlain: true}

// exampleServer starts a server that knows just enough for the examples. It ends with its client.
func exampleServer() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		nc, err := l.Accept()
		l.Close()
		if err != nil {
			return
		}
		defer nc.Close()
		fmt.Fprint(nc, "* OK [CAPABILITY IMAP4rev1 IDLE LITERAL+ MOVE SASL-IR AUTH=OAUTHBEARER] hello\r\n")
		for in := bufio.NewScanner(nc); in.Scan(); {
			tag, cmd, _ := strings.Cut(in.Text(), " ")
			word, _, _ := strings.Cut(strings.TrimPrefix(cmd, "UID "), " ")
			fmt.Fprint(nc, map[string]string{
				"SELECT": "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n", "EXAMINE": "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n",
				"SEARCH": "* SEARCH 11 12\r\n", "LOGOUT": "* BYE\r\n", "IDLE": "+ idling\r\n* 3 EXISTS\r\n",
			}[word])
			if name, ok := strings.CutPrefix(cmd, "STATUS "); ok {
				fmt.Fprintf(nc, "* STATUS %s (MESSAGES 2)\r\n", strings.TrimSuffix(name, " (MESSAGES)"))
			}
			switch {
			case cmd == "SELECT Nowhere":
				fmt.Fprintf(nc, "%s NO [NONEXISTENT] no such mailbox\r\n", tag)
				continue
			case word == "MOVE":
				fmt.Fprint(nc, "* OK [COPYUID 1 11:12 5:6] moved\r\n* 1 EXPUNGE\r\n* 1 EXPUNGE\r\n")
			case strings.Contains(cmd, "BODYSTRUCTURE"):
				fmt.Fprint(nc, `* 1 FETCH (UID 11 BODYSTRUCTURE (("text" "plain" NIL NIL NIL "7bit" 8 1)("text" "plain" NIL NIL NIL "base64" 32 1) "mixed"))`+"\r\n")
			case strings.Contains(cmd, "BODY.PEEK[2]"):
				fmt.Fprint(nc, "* 1 FETCH (UID 11 BODY[2]<0> {32}\r\nbWludXRlcyBvZiB0aGUgbWVldGluZwo=)\r\n")
			case strings.Contains(cmd, "BODY.PEEK[]"):
				fmt.Fprint(nc, "* 1 FETCH (UID 11 BODY[] {24}\r\nSubject: lunch\n\nAt noon?)\r\n* 2 FETCH (UID 12 BODY[] {27}\r\nSubject: Re: lunch\n\nAt one.)\r\n")
			case strings.Contains(cmd, "FETCH 1:*"):
				fmt.Fprint(nc, "* 1 FETCH (UID 11 FLAGS ())\r\n* 2 FETCH (UID 12 FLAGS ())\r\n")
			case strings.Contains(cmd, "FETCH 13:*"):
				fmt.Fprint(nc, "* 3 FETCH (UID 13 FLAGS ())\r\n")
			case word == "IDLE":
				in.Scan()
			}
			fmt.Fprintf(nc, "%s OK done\r\n", tag)
		}
	}()
	return "imap://" + l.Addr().String()
}
