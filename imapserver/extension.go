package imapserver

import (
	"fmt"

	"restante/imap"
)

// extension is what one RFC adds to the server: a row in the list of extensions.go, which stands in
// the file that serves it. The base protocol is one of them (imap4rev1.go). What is nil is not part
// of it.
type extension struct {
	name string // as IANA's registry of capabilities has it, or the command's when it is of the base protocol
	rfc  string // "RFC 2177"

	// capabilities returns what CAPABILITY tells of it on a connection at this moment.
	capabilities func(*conn) []string

	// enables is the name that ENABLE takes (RFC 9051 §6.3.1); handlers ask conn.enabled for it.
	// implies are the names that are enabled with it.
	enables imap.Cap
	implies []imap.Cap

	// tell tells what has changed outside of the selected mailbox: behind every command, and when the
	// account's bell rings in IDLE and, with NOTIFY, between commands.
	tell func(*conn) error
	// tells reports whether the client wants tell to be called; nil: when it has enabled the extension.
	tells func(*conn) bool

	// commands by name, "UID FETCH".
	commands map[string]command
	// fetchItems by the name of the data item, without ".PEEK" and section.
	fetchItems map[string]fetchItem
	// fetchModifiers by name (RFC 4466 §2.4).
	fetchModifiers map[string]fetchModifier
	// storeModifiers and createParams by name (RFC 4466 §2.5, §2.2).
	storeModifiers map[string]storeModifier
	createParams   map[string]createParam
	// searchKeys compile the keys of SEARCH.
	searchKeys map[imap.SearchOp]searchKey
	// searchReturns are options of SEARCH RETURN (RFC 4466 §2.6.1).
	searchReturns []searchReturn
	// sortKeys are the keys of SORT, threads the algorithms of THREAD (RFC 5256 §3).
	sortKeys map[imap.SortKey]sortKey
	threads  map[imap.ThreadAlgorithm]threadAlgorithm
	// statusItems serve the items of STATUS, and of LIST RETURN (STATUS ...) with it.
	statusItems map[imap.StatusItems]statusItem
	// selectParams serve the parameters of SELECT and EXAMINE, by name (RFC 4466 §2.1).
	selectParams map[string]selectParam
	// listSelections and listReturns are options of LIST (RFC 5258 §3).
	listSelections []listSelection
	listReturns    []listReturn
}

// always are capabilities that are told in every state.
func always(caps ...string) func(*conn) []string {
	return func(*conn) []string { return caps }
}

// afterLogin are capabilities that mean nothing before the login, and are told behind it.
func afterLogin(caps ...string) func(*conn) []string {
	return func(c *conn) []string {
		if c.state == notAuthenticated {
			return nil
		}
		return caps
	}
}

// features are what the extensions of a server add up to.
type features struct {
	extensions     []*extension
	enables        map[string]*extension // by imap.Cap in upper case
	tellers        []*extension          // that have tell
	commands       map[string]command
	fetchItems     map[string]fetchItem
	fetchModifiers map[string]fetchModifier
	storeModifiers map[string]storeModifier
	createParams   map[string]createParam
	searchKeys     map[imap.SearchOp]searchKey
	searchReturns  []searchReturn
	sortKeys       map[imap.SortKey]sortKey
	threads        map[imap.ThreadAlgorithm]threadAlgorithm
	statusItems    map[imap.StatusItems]statusItem
	selectParams   map[string]selectParam
	listSelections []listSelection
	listReturns    []listReturn
}

// newFeatures adds extensions up. Two that serve the same name are a mistake of ours.
func newFeatures(extensions []*extension) *features {
	f := &features{
		extensions:     extensions,
		enables:        map[string]*extension{},
		commands:       map[string]command{},
		fetchItems:     map[string]fetchItem{},
		fetchModifiers: map[string]fetchModifier{},
		storeModifiers: map[string]storeModifier{},
		createParams:   map[string]createParam{},
		searchKeys:     map[imap.SearchOp]searchKey{},
		sortKeys:       map[imap.SortKey]sortKey{},
		threads:        map[imap.ThreadAlgorithm]threadAlgorithm{},
		statusItems:    map[imap.StatusItems]statusItem{},
		selectParams:   map[string]selectParam{},
	}
	for _, x := range extensions {
		if x.enables != "" {
			addRow(x, f.enables, upperCap(x.enables), x)
		}
		if x.tell != nil {
			f.tellers = append(f.tellers, x)
		}
		addRows(x, f.commands, x.commands)
		addRows(x, f.fetchItems, x.fetchItems)
		addRows(x, f.fetchModifiers, x.fetchModifiers)
		addRows(x, f.storeModifiers, x.storeModifiers)
		addRows(x, f.createParams, x.createParams)
		addRows(x, f.searchKeys, x.searchKeys)
		addRows(x, f.sortKeys, x.sortKeys)
		addRows(x, f.threads, x.threads)
		addRows(x, f.statusItems, x.statusItems)
		addRows(x, f.selectParams, x.selectParams)
		f.searchReturns = append(f.searchReturns, x.searchReturns...)
		f.listSelections = append(f.listSelections, x.listSelections...)
		f.listReturns = append(f.listReturns, x.listReturns...)
	}
	return f
}

func addRows[K comparable, R any](x *extension, to, rows map[K]R) {
	for name, row := range rows {
		addRow(x, to, name, row)
	}
}

func addRow[K comparable, R any](x *extension, to map[K]R, name K, row R) {
	if _, ok := to[name]; ok {
		panic(fmt.Sprintf("imapserver: %s serves %v, which another extension serves", x.name, name))
	}
	to[name] = row
}
