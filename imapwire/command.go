package imapwire

import (
	"bytes"
	"errors"
	"sync"
)

// Command is a command of a client: one of the pointer types of this package, such as *Select.
type Command interface {
	// Name is the command's name in upper case: "SELECT", "UID COPY".
	Name() string
	// AppendArgs appends the arguments, each with the space in front of it.
	AppendArgs(e *Encoder)
}

// ParseOptions say what the session has agreed on.
type ParseOptions struct {
	UTF8 bool // IMAP4rev2 or UTF8=ACCEPT is enabled: mailbox names are UTF-8, not modified UTF-7
}

// UnknownCommand is the error for a command that the grammar does not have.
type UnknownCommand struct{ Name string }

// Error names the command.
func (e *UnknownCommand) Error() string { return "imapwire: unknown command " + e.Name }

// commands are the commands of the grammar, by their names without UID. The file of a command adds
// its row:
//
//	func init() { commands.add("COPY", command{parse: parseCopy, uid: true}) }
var commands table[command]

// command is how a command is read.
type command struct {
	// parse parses the arguments, from the space in front of the first one; uid says that the
	// command came behind UID. It has its ABNF beside it.
	parse func(l *lexer, uid bool) Command
	uid   bool // can follow UID
	// message is, for a command that ends in a message, how many arguments stand in front of what
	// announces it. Reader leaves the message in the stream, so that it never is in memory as a
	// whole, and the value of the command is a MessageCommand.
	message int
}

// MessageCommand is a command that ends in a message, such as *Append. The value ends with the
// announcement of the message; what follows the message is the Trailer.
type MessageCommand interface {
	Command
	// Trailer is what ends the command behind its message, CRLF included.
	Trailer() string
}

func init() { intern("UID") }

// bare parses a command without arguments.
func bare[T any, P interface {
	*T
	Command
}](*lexer, bool) Command {
	return P(new(T))
}

// ParseCommand parses one command of a client, as Reader.ReadCommand returned it:
//
//	command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
//	tag     = 1*<any ASTRING-CHAR except "+">
//
// The tag is returned with an error too, "" when there is none. The error is a *SyntaxError or an
// *UnknownCommand. For APPEND the frame ends behind the announcement of the message.
func ParseCommand(frame []byte, o ParseOptions) (tag string, cmd Command, err error) {
	l := lexers.Get().(*lexer)
	*l = lexer{buf: frame, utf8: o.UTF8}
	tag, cmd, err = l.command()
	*l = lexer{}
	lexers.Put(l)
	return tag, cmd, err
}

// lexers are for the next command.
var lexers = sync.Pool{New: func() any { return new(lexer) }}

func (l *lexer) command() (tag string, cmd Command, err error) {
	t := l.span(tagChar)
	if len(t) == 0 || !l.atEnd() && l.peek() != ' ' {
		l.fail("tag", "expected a tag and a space")
		return "", nil, l.err
	}
	tag = string(t)
	// Only a literal8 can hold NUL; what is around one refuses it.
	if i := bytes.IndexByte(l.buf, 0); i >= 0 && !bytes.Contains(l.buf[:i], []byte("~{")) {
		l.failAt(i, "command", "NUL")
		return tag, nil, l.err
	}
	l.sp("command")
	name := l.word("command")
	uid := name == "UID"
	if uid {
		l.sp("uid")
		name = l.word("uid")
	}
	if l.err != nil {
		return tag, nil, l.err
	}
	c := commands.find(name)
	if c == nil || uid && !c.uid {
		return tag, nil, &UnknownCommand{uidName(uid, name)}
	}
	cmd = c.parse(l, uid)
	l.end("command")
	if l.err != nil {
		return tag, nil, l.err
	}
	return tag, cmd, nil
}

// Tag returns the tag at the start of a command that could not be read to its end, or "".
func Tag(frame []byte) string {
	l := lexer{buf: frame}
	t := l.span(tagChar)
	if !l.atEnd() && l.peek() != ' ' {
		return ""
	}
	return string(t)
}

// uidName returns the name of a command that has a UID form.
func uidName(uid bool, name string) string {
	if uid {
		return "UID " + name
	}
	return name
}

// errNotAppend is what ParseAppend returns for another command.
var errNotAppend = errors.New("imapwire: not an APPEND command")
