package imapserver

import "restante/imapwire"

// command is a row of the table: when a command may be given, what may be sent around it, and
// what runs it.
type command struct {
	in    state
	flags commandFlags
	run   func(*conn, imapwire.Command) error
}

type commandFlags uint8

const (
	// usesSeq: the command means messages by sequence number, so none may disappear before it
	// has been understood.
	usesSeq commandFlags = 1 << iota
	// noExpunge: EXPUNGE must not be sent while the command is answered (RFC 9051 §7.5.1).
	noExpunge
	// noSync: the command leaves the mailbox, or tells the client of changes itself.
	noSync
	// syncAfter: the command compares the newest version with what the client knows, so the client
	// is told of changes only behind it.
	syncAfter
)

// run adapts the handler of one command type.
func run[C imapwire.Command](f func(*conn, C) error) func(*conn, imapwire.Command) error {
	return func(c *conn, cmd imapwire.Command) error { return f(c, cmd.(C)) }
}

// commands is filled by init: the handlers of some commands look into it themselves.
var commands map[string]command

func init() {
	commands = map[string]command{
		"CAPABILITY": {in: anyState, run: run(runCapability)},
		"NOOP":       {in: anyState, run: run(runNoop)},
		"LOGOUT":     {in: anyState, flags: noSync, run: run(runLogout)},
		"ID":         {in: anyState, run: run(runID)},

		"STARTTLS":     {in: notAuthenticated, run: run(runStartTLS)},
		"AUTHENTICATE": {in: notAuthenticated, run: run(runAuthenticate)},
		"LOGIN":        {in: notAuthenticated, run: run(runLogin)},

		"ENABLE":      {in: authenticated, run: run(runEnable)},
		"SELECT":      {in: loggedIn, flags: noSync, run: run(runSelect)},
		"EXAMINE":     {in: loggedIn, flags: noSync, run: run(runSelect)},
		"CREATE":      {in: loggedIn, run: run(runCreate)},
		"DELETE":      {in: loggedIn, run: run(runDelete)},
		"RENAME":      {in: loggedIn, run: run(runRename)},
		"SUBSCRIBE":   {in: loggedIn, run: run(runSubscribe)},
		"UNSUBSCRIBE": {in: loggedIn, run: run(runUnsubscribe)},
		"LIST":        {in: loggedIn, run: run(runList)},
		"LSUB":        {in: loggedIn, run: run(runLSub)},
		"NAMESPACE":   {in: loggedIn, run: run(runNamespace)},
		"STATUS":      {in: loggedIn, run: run(runStatus)},
		"IDLE":        {in: loggedIn, run: run(runIdle)},

		"CHECK":       {in: selected, run: run(runCheck)},
		"CLOSE":       {in: selected, flags: noSync, run: run(runClose)},
		"UNSELECT":    {in: selected, flags: noSync, run: run(runUnselect)},
		"EXPUNGE":     {in: selected, run: run(runExpunge)},
		"UID EXPUNGE": {in: selected, run: run(runExpunge)},
		"SEARCH":      {in: selected, flags: usesSeq | noExpunge, run: run(runSearch)},
		"UID SEARCH":  {in: selected, flags: usesSeq, run: run(runSearch)},
		"FETCH":       {in: selected, flags: usesSeq | noExpunge, run: run(runFetch)},
		"UID FETCH":   {in: selected, run: run(runFetch)},
		"STORE":       {in: selected, flags: syncAfter | noExpunge, run: run(runStore)},
		"UID STORE":   {in: selected, flags: syncAfter, run: run(runStore)},
		"COPY":        {in: selected, flags: usesSeq, run: run(runCopy)},
		"UID COPY":    {in: selected, run: run(runCopy)},
		"MOVE":        {in: selected, flags: usesSeq, run: run(runMove)},
		"UID MOVE":    {in: selected, run: run(runMove)},
	}
}
