package imapserver

import (
	"slices"
	"strconv"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// metadataExtension has the entries of mailboxes, and of the server: of those each user has private ones.
var metadataExtension = extension{
	name: "METADATA", rfc: "RFC 5464",
	capabilities: afterLogin(string(imap.CapMetadata)),
	enables:      imap.CapMetadata,
	tells:        (*conn).hearsMetadata,
	commands: map[string]command{
		"GETMETADATA": {in: loggedIn, run: handler(runGetMetadata)},
		"SETMETADATA": {in: loggedIn, run: handler(runSetMetadata)},
	},
	tell: tellMetadata,
}

// metadataServerExtension is for clients that look only for entries of the server.
var metadataServerExtension = extension{
	name: "METADATA-SERVER", rfc: "RFC 5464",
	capabilities: afterLogin(string(imap.CapMetadataServer)),
	enables:      imap.CapMetadataServer, // which METADATA tells
}

// hearsMetadata reports whether the client wants to hear of entries that others change: it has enabled it,
// or said so by NOTIFY (RFC 5465 §5.6, §5.7).
func (c *conn) hearsMetadata() bool {
	return c.enabled.has(imap.CapMetadata) || c.enabled.has(imap.CapMetadataServer) ||
		c.notify != nil && c.notify.all&(eventMetadata|eventServerMetadata) != 0
}

// hearsMetadataOf reports whether the client wants to hear of the entries of a mailbox, or of those of the
// server.
func (c *conn) hearsMetadataOf(names *mailbox.Namespace, id mailbox.ID) bool {
	n := c.notify
	if id == 0 {
		return c.enabled.has(imap.CapMetadata) || c.enabled.has(imap.CapMetadataServer) || n != nil && n.all&eventServerMetadata != 0
	}
	box, exists := names.ByID(id)
	return exists && (c.enabled.has(imap.CapMetadata) || n != nil && n.eventsOf(names, box.Name)&eventMetadata != 0)
}

// maxEntries is how many entries a command may ask for.
const maxEntries = mailbox.MaxMetadataCount

// specialUseEntry has the special uses of a mailbox (RFC 6154 §4). It is read-only: CREATE sets them.
const specialUseEntry = "/private/specialuse"

// metadataQuery is what a command asks of the entries of each mailbox.
type metadataQuery struct {
	entries []string // as the client writes them
	depth   imapwire.MetadataDepth
	maxSize *int64
	longest int64 // of the values that maxSize has left out
}

// checkEntries refuses names that none can have (RFC 5464 §3.2): the first component alone is one below
// which others are.
func checkEntries(entries []string) error {
	if len(entries) > maxEntries {
		return no(imap.CodeLimit, "A command may have %d entries", maxEntries)
	}
	for _, entry := range entries {
		// A name of a vendor is complete with four components only; what is above has entries below it.
		if mailbox.CheckEntry(strings.ToLower(entry)+"/x/x/x") != nil {
			return bad("%s is no name of an entry", printable(entry))
		}
	}
	return nil
}

// runGetMetadata is GETMETADATA, RFC 5464 §4.2.
func runGetMetadata(c *conn, cmd *imapwire.GetMetadata) error {
	if err := checkEntries(cmd.Entries); err != nil {
		return err
	}
	box, names, err := c.findMetadata(cmd.Mailbox)
	if err != nil {
		return err
	}
	q := &metadataQuery{entries: cmd.Entries, depth: cmd.Depth, maxSize: cmd.MaxSize}
	if err := c.appendMetadata(q, names, box); err != nil {
		return err
	}
	if q.longest > 0 {
		c.completion = reply{code: imap.CodeMetadata, args: "LONGENTRIES " + strconv.FormatInt(q.longest, 10)}
	}
	return nil
}

// findMetadata returns the mailbox of that name, or for "" one with ID 0, and the newest names.
func (c *conn) findMetadata(name string) (box mailbox.Entry, names *mailbox.Namespace, err error) {
	if names, err = c.account.Refresh(c.ctx); err != nil || name == "" {
		return box, names, err
	}
	box, ok := names.Lookup(name)
	if !ok {
		err = mailbox.ErrNotFound
	}
	return box, names, err
}

// metadataChunk is how many octets of values one response has, about.
const metadataChunk = 32 << 10

// appendMetadata writes what a query asks of a mailbox, each entry once.
func (c *conn) appendMetadata(q *metadataQuery, names *mailbox.Namespace, box mailbox.Entry) error {
	list := names.MetadataOf(box.ID)
	if len(box.Use) > 0 {
		list = withSpecialUse(list, box.Use)
	}
	told := map[string]bool{}
	var entries []imap.MetadataEntry
	octets := 0
	write := func() error {
		if len(entries) > 0 {
			c.out = imapwire.AppendMetadata(c.out, box.Name, entries, c.utf8Names())
			entries, octets = entries[:0], 0
		}
		return c.room()
	}
	for _, asked := range q.entries {
		if err := c.next(listSteps + len(list)); err != nil {
			return err
		}
		name := strings.ToLower(asked)
		if told[name] {
			continue
		}
		if _, ok := slices.BinarySearchFunc(list, name, func(m mailbox.Metadata, name string) int { return strings.Compare(m.Name, name) }); !ok && q.depth == imapwire.DepthNone {
			told[name] = true
			entries = append(entries, imap.MetadataEntry{Name: asked})
		}
		for _, m := range list {
			if told[m.Name] || !q.means(name, m.Name) {
				continue
			}
			told[m.Name] = true
			if size := int64(len(m.Value)); q.maxSize != nil && size > *q.maxSize {
				q.longest = max(q.longest, size)
				continue
			}
			entries = append(entries, imap.MetadataEntry{Name: asked + m.Name[len(name):], Value: &m.Value})
			if octets += len(m.Value); octets > metadataChunk {
				if err := write(); err != nil {
					return err
				}
			}
		}
	}
	return write()
}

// means reports whether an entry is one that is asked for by the name of it or of one above it.
func (q *metadataQuery) means(asked, name string) bool {
	below, ok := strings.CutPrefix(name, asked)
	switch {
	case !ok || below != "" && below[0] != '/':
		return false
	case below == "" || q.depth == imapwire.DepthInfinity:
		return true
	}
	return q.depth == imapwire.DepthOne && strings.Count(below, "/") == 1
}

// withSpecialUse returns the entries of a mailbox with the one that has its special uses.
func withSpecialUse(list []mailbox.Metadata, use []imap.MailboxAttr) []mailbox.Metadata {
	texts := make([]string, len(use))
	for i, attr := range use {
		texts[i] = string(attr)
	}
	i, _ := slices.BinarySearchFunc(list, specialUseEntry, func(m mailbox.Metadata, name string) int { return strings.Compare(m.Name, name) })
	return slices.Insert(slices.Clone(list), i, mailbox.Metadata{Name: specialUseEntry, Value: strings.Join(texts, " ")})
}

// runSetMetadata is SETMETADATA, RFC 5464 §4.3: all entries or none. Of two values of an entry the last
// one counts.
func runSetMetadata(c *conn, cmd *imapwire.SetMetadata) error {
	op := &store.SetMetadata{}
	last := map[string]*string{}
	for _, x := range cmd.Entries {
		last[strings.ToLower(x.Name)] = x.Value
	}
	if len(last) > maxEntries {
		return no(imap.CodeLimit, "A command may have %d entries", maxEntries)
	}
	for name, value := range last {
		switch {
		case mailbox.CheckEntry(name) != nil:
			return mailbox.ErrBadEntry
		case cmd.Mailbox == "" && strings.HasPrefix(name, "/shared/"):
			return no(imap.CodeNoPerm, "What the server tells everybody cannot be changed")
		case name == specialUseEntry && cmd.Mailbox != "":
			return no(imap.CodeCannot, "Special uses are set by CREATE")
		case value == nil:
			op.Remove = append(op.Remove, name)
		default:
			op.Set = append(op.Set, mailbox.Metadata{Name: name, Value: *value})
		}
	}
	box, _, err := c.findMetadata(cmd.Mailbox)
	if err != nil {
		return err
	}
	op.Mailbox = c.ref(box.ID)
	if _, err := c.change(op); err != nil {
		return err
	}
	c.metadata.changed = op
	return nil
}

// toldMetadata is what a client knows of entries, when it has enabled to hear of changes.
type toldMetadata struct {
	names   *mailbox.Namespace // whose entries it has heard of; nil at first
	changed *store.SetMetadata // what it has changed itself since
}

// tellMetadata tells of entries that others have changed (RFC 5464 §4.4.2).
func tellMetadata(c *conn) error {
	before, now, own := c.metadata.names, c.account.Namespace(), c.metadata.changed
	c.metadata.names, c.metadata.changed = now, nil
	if before == nil {
		return nil
	}
	changes := mailbox.DiffMetadata(before, now)
	for len(changes) > 0 {
		id := changes[0].ID
		var entries []string
		for len(changes) > 0 && changes[0].ID == id {
			if !isOwnChange(own, &changes[0]) {
				entries = append(entries, changes[0].Name)
			}
			changes = changes[1:]
		}
		if len(entries) == 0 || !c.hearsMetadataOf(now, id) {
			continue
		}
		box, _ := now.ByID(id)
		c.out = imapwire.AppendMetadataChanged(c.out, box.Name, entries, c.utf8Names())
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// isOwnChange reports whether an entry has become what the client has made it.
func isOwnChange(own *store.SetMetadata, x *mailbox.MetadataChange) bool {
	switch {
	case own == nil || own.Mailbox.Mailbox != x.ID:
		return false
	case x.Removed:
		return slices.Contains(own.Remove, x.Name)
	}
	return slices.Contains(own.Set, x.Metadata)
}
