package main

import (
	"context"
	"errors"
	"net/textproto"
)

// deliver brings a message to one recipient by LMTP. No line of it may begin with a dot.
func deliver(ctx context.Context, addr, recipient string, text []byte) error {
	nc, end, err := connect(ctx, addr)
	if err != nil {
		return errors.Join(errRefused, err)
	}
	defer end()
	defer nc.Close()
	c := textproto.NewConn(nc)
	if _, _, err := c.ReadResponse(220); err != nil {
		return errors.Join(errRefused, err)
	}
	for _, step := range []struct {
		line string
		code int
	}{{"LHLO faults.example", 250}, {"MAIL FROM:<>", 250}, {"RCPT TO:<" + recipient + ">", 250}, {"DATA", 354}} {
		if err := c.PrintfLine("%s", step.line); err != nil {
			return errors.Join(errRefused, err)
		}
		if _, _, err := c.ReadResponse(step.code); err != nil {
			return noDelivery(errRefused, err)
		}
	}
	if _, err := nc.Write(append(text, ".\r\n"...)); err != nil {
		return errors.Join(errUnknown, err)
	}
	if _, _, err = c.ReadResponse(250); err != nil {
		return noDelivery(errUnknown, err)
	}
	return nil
}

// noDelivery keeps what the server has said.
func noDelivery(kind, err error) error {
	var said *textproto.Error
	if errors.As(err, &said) {
		err = &answerError{"LMTP " + said.Error()}
	}
	return errors.Join(kind, err)
}
