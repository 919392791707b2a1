package imapclient

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"restante/imap"
	"restante/imapwire"
)

// Response is one untagged response, as it is.
type Response struct {
	Name string // upper case: "QUOTA"
	Num  uint32 // the number in front of the name, 0 when there is none
	Raw  []byte // from the star to the end, literals in place, without the line end
}

// Do sends any command and yields the untagged responses up to its tagged reply, also those that
// have nothing to do with it. No other command is on its way meanwhile. The format is the command
// with these verbs, each for one argument:
//
//	%s  string: an atom, quoted or a literal as is needed
//	%m  string: a mailbox name in UTF-8
//	%d  any integer
//	%v  imap.NumSet, or []imap.Flag in parentheses
//
// and %% for a percent sign. Body sections above Options.StreamOver count into Raw up to
// Options.BufferLimit.
func (c *Conn) Do(ctx context.Context, format string, args ...any) *Stream[*Response] {
	wire := &doCommand{format: format, args: args}
	cmd := c.newCommand(ctx, wire)
	row, _ := specOf(wire.Name())
	cmd.hz = alone | row.hazard&(changes|selects)
	s := newStream[*Response](cmd)
	s.size = func(r *Response) int64 { return int64(len(r.Raw)) + 64 }
	cmd.raw = func(frame []byte) { s.put(newResponse(frame)) }
	c.enqueue(cmd)
	return s
}

func newResponse(frame []byte) *Response {
	r := &Response{Raw: bytes.Clone(frame)}
	f := bytes.Fields(frame[:min(len(frame), 200)])
	if len(f) > 1 {
		f = f[1:]
	}
	if len(f) > 1 {
		if n, err := strconv.ParseUint(string(f[0]), 10, 32); err == nil {
			r.Num = uint32(n)
			f = f[1:]
		}
	}
	if len(f) > 0 {
		r.Name = strings.ToUpper(string(f[0]))
	}
	return r
}

// doCommand is a command made from a format.
type doCommand struct {
	format string
	args   []any
}

// Name returns the first word of the format, two when the first is UID.
func (d *doCommand) Name() string {
	name, rest, _ := strings.Cut(d.format, " ")
	if strings.EqualFold(name, "UID") {
		next, _, _ := strings.Cut(rest, " ")
		name += " " + next
	}
	return strings.ToUpper(name)
}

// secret reports whether the arguments are not to be shown. Of commands that this package does not
// know nobody can tell.
func (d *doCommand) secret() bool {
	row, known := specOf(d.Name())
	return !known || row.redact != nil
}

// AppendArgs appends what follows the name.
func (d *doCommand) AppendArgs(e *imapwire.Encoder) {
	rest, args := d.format[len(d.Name()):], d.args
	for {
		text, verb, found := strings.Cut(rest, "%")
		e.Raw(text)
		if !found {
			break
		}
		if verb == "" {
			e.Raw("%\n") // refused
			return
		}
		rest = verb[1:]
		if verb[0] == '%' {
			e.Raw("%")
			continue
		}
		if len(args) == 0 || !appendVerb(e, verb[0], args[0]) {
			e.Raw(fmt.Sprintf("%%%c does not fit its argument\n", verb[0]))
			return
		}
		args = args[1:]
	}
	if len(args) > 0 {
		e.Raw("too many arguments\n")
	}
}

func appendVerb(e *imapwire.Encoder, verb byte, arg any) bool {
	switch verb {
	case 's', 'm':
		s, ok := arg.(string)
		if !ok {
			return false
		}
		if verb == 'm' {
			e.Mailbox(s)
		} else {
			e.AString(s)
		}
		return true
	case 'd':
		s := fmt.Sprint(arg)
		if _, err := strconv.ParseUint(s, 10, 64); err != nil {
			return false
		}
		e.Raw(s)
		return true
	case 'v':
		switch v := arg.(type) {
		case imap.NumSet:
			e.NumSet(v)
			return true
		case []imap.Flag:
			e.Flags(v)
			return true
		}
	}
	return false
}
