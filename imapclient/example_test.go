package imapclient_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net"
	"strings"
	"time"

	"restante/auth/sasl"
	"restante/imap"
	"restante/imapclient"
)

// A program that shows a mailbox. On the Internet the URL is "imaps://imap.example.org" and the
// options are nil.
func Example() {
	ctx, url, options := context.Background(), exampleServer(), &imapclient.Options{AllowPlain: true}

	c, err := imapclient.Dial(ctx, url, sasl.Password("ann", "secret"), options)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(ctx)
	mb, err := c.Select(ctx, "Inbox")
	if err != nil {
		log.Fatal(err)
	}
	for msg, err := range mb.Messages(ctx, imap.All, imap.RFC822) {
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
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := imapclient.Dial(ctx, exampleServer(), sasl.Password("ann", "secret"), &imapclient.Options{AllowPlain: true})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Logout(context.Background())
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
		fmt.Fprint(nc, "* OK [CAPABILITY IMAP4rev1 IDLE LITERAL+] hello\r\n")
		for in := bufio.NewScanner(nc); in.Scan(); {
			tag, cmd, _ := strings.Cut(in.Text(), " ")
			word, _, _ := strings.Cut(strings.TrimPrefix(cmd, "UID "), " ")
			fmt.Fprint(nc, map[string]string{
				"SELECT": "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n", "EXAMINE": "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n",
				"SEARCH": "* SEARCH 11 12\r\n", "LOGOUT": "* BYE\r\n", "IDLE": "+ idling\r\n* 3 EXISTS\r\n",
			}[word])
			switch {
			case strings.Contains(cmd, "BODY[]"):
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
