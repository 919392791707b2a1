package imapserver

import "restante/imap"

// imap4rev1Extension is the base protocol: what RFC 3501 has and RFC 9051 has kept, and what it has
// left to older clients.
var imap4rev1Extension = extension{
	name: "IMAP4rev1", rfc: "RFC 3501",
	capabilities: always(string(imap.CapIMAP4rev1)),
	commands: map[string]command{
		"CAPABILITY": {in: anyState, run: handler(runCapability)},
		"NOOP":       {in: anyState, run: handler(runNoop)},
		"LOGOUT":     {in: anyState, flags: noSync, run: handler(runLogout)},

		"SELECT":      {in: loggedIn, flags: noSync, run: handler(runSelect)},
		"EXAMINE":     {in: loggedIn, flags: noSync, run: handler(runSelect)},
		"CREATE":      {in: loggedIn, run: handler(runCreate)},
		"DELETE":      {in: loggedIn, run: handler(runDelete)},
		"RENAME":      {in: loggedIn, run: handler(runRename)},
		"SUBSCRIBE":   {in: loggedIn, run: handler(runSubscribe)},
		"UNSUBSCRIBE": {in: loggedIn, run: handler(runUnsubscribe)},
		"LIST":        {in: loggedIn, run: handler(runList)},
		"LSUB":        {in: loggedIn, run: handler(runLSub)},
		"STATUS":      {in: loggedIn, run: handler(runStatus)},
		"APPEND":      {in: loggedIn, flags: ownsInput | syncAfter, run: handler(runAppend)},

		"CHECK":      {in: selected, run: handler(runCheck)},
		"CLOSE":      {in: selected, flags: noSync, run: handler(runClose)},
		"EXPUNGE":    {in: selected, run: handler(runExpunge)},
		"SEARCH":     {in: selected, flags: usesSeq | noExpunge, run: handler(runSearch)},
		"UID SEARCH": {in: selected, flags: usesSeq, run: handler(runSearch)},
		"FETCH":      {in: selected, flags: usesSeq | noExpunge, run: handler(runFetch)},
		"UID FETCH":  {in: selected, run: handler(runFetch)},
		"STORE":      {in: selected, flags: syncAfter | noExpunge, run: handler(runStore)},
		"UID STORE":  {in: selected, flags: syncAfter, run: handler(runStore)},
		"COPY":       {in: selected, flags: usesSeq, run: handler(runCopy)},
		"UID COPY":   {in: selected, run: handler(runCopy)},
	},
	fetchItems:  baseFetchItems,
	searchKeys:  baseSearchKeys,
	statusItems: baseStatusItems,
}
