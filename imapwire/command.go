package imapwire

import (
	"bytes"
	"errors"
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

// parsers holds, by name, the function that parses a command's arguments, from the space in front
// of the first one. Each has its ABNF beside it.
var parsers map[string]func(l *lexer, uid bool) Command

// uidParsers are the commands that can follow UID.
var uidParsers = map[string]bool{"COPY": true, "EXPUNGE": true, "FETCH": true, "MOVE": true, "SEARCH": true, "STORE": true}

func init() {
	parsers = map[string]func(l *lexer, uid bool) Command{
		"APPEND":       parseAppend,
		"AUTHENTICATE": parseAuthenticate,
		"CAPABILITY":   bare(Capability{}),
		"CHECK":        bare(Check{}),
		"CLOSE":        bare(Close{}),
		"COPY":         parseCopy,
		"CREATE":       parseCreate,
		"DELETE":       parseDelete,
		"ENABLE":       parseEnable,
		"EXAMINE":      parseExamine,
		"EXPUNGE":      parseExpunge,
		"FETCH":        parseFetch,
		"ID":           parseID,
		"IDLE":         bare(Idle{}),
		"LIST":         parseList,
		"LOGIN":        parseLogin,
		"LOGOUT":       bare(Logout{}),
		"LSUB":         parseLSub,
		"MOVE":         parseMove,
		"NAMESPACE":    bare(Namespace{}),
		"NOOP":         bare(Noop{}),
		"RENAME":       parseRename,
		"SEARCH":       parseSearch,
		"SELECT":       parseSelect,
		"STARTTLS":     bare(StartTLS{}),
		"STATUS":       parseStatus,
		"STORE":        parseStore,
		"SUBSCRIBE":    parseSubscribe,
		"UNSELECT":     bare(Unselect{}),
		"UNSUBSCRIBE":  parseUnsubscribe,
	}
	learnNames()
}

// bare parses a command without arguments.
func bare[T any, P interface {
	*T
	Command
}](T) func(*lexer, bool) Command {
	return func(*lexer, bool) Command { return P(new(T)) }
}

// ParseCommand parses one command of a client, as Reader.ReadCommand returned it:
//
//	command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
//	tag     = 1*<any ASTRING-CHAR except "+">
//
// The tag is returned with an error too, "" when there is none. The error is a *SyntaxError or an
// *UnknownCommand. For APPEND the frame ends behind the announcement of the message.
func ParseCommand(frame []byte, o ParseOptions) (tag string, cmd Command, err error) {
	l := lexer{buf: frame, utf8: o.UTF8}
	t := l.span(tagChar)
	if len(t) == 0 || !l.atEnd() && l.peek() != ' ' {
		l.fail("tag", "expected a tag and a space")
		return "", nil, l.err
	}
	tag = string(t)
	if i := bytes.IndexByte(frame, 0); i >= 0 {
		l.failAt(i, "command", "NUL")
		return tag, nil, l.err
	}
	l.sp("command")
	name := l.word("command")
	parse, uid := parsers[name], false
	if name == "UID" {
		l.sp("uid")
		name = l.word("uid")
		uid = uidParsers[name]
		if parse = nil; uid {
			parse = parsers[name]
		}
		name = "UID " + name
	}
	if l.err != nil {
		return tag, nil, l.err
	}
	if parse == nil {
		return tag, nil, &UnknownCommand{name}
	}
	cmd = parse(&l, uid)
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
