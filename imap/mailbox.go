package imap

import "strings"

// Inbox is the one mailbox that every user has; its name is compared without case
// (RFC 9051 §5.1).
const Inbox = "INBOX"

// CanonicalName returns name, with INBOX in any case written as INBOX. That holds for a first level in
// front of "/" too: "inbox/sub" is an inferior of INBOX, since "inbox" is no other mailbox.
func CanonicalName(name string) string {
	n := len(Inbox)
	if len(name) < n || len(name) > n && name[n] != '/' || !strings.EqualFold(name[:n], Inbox) {
		return name
	}
	return Inbox + name[n:]
}

// MailboxAttr is a mailbox attribute (RFC 9051 §7.3.1, RFC 6154 §2). Attributes are compared
// without case.
type MailboxAttr string

const (
	AttrNonExistent   MailboxAttr = `\NonExistent`
	AttrNoselect      MailboxAttr = `\Noselect`
	AttrNoAccess      MailboxAttr = `\NoAccess` // RFC 5465 §3.1
	AttrNoinferiors   MailboxAttr = `\Noinferiors`
	AttrMarked        MailboxAttr = `\Marked`
	AttrUnmarked      MailboxAttr = `\Unmarked`
	AttrHasChildren   MailboxAttr = `\HasChildren`
	AttrHasNoChildren MailboxAttr = `\HasNoChildren`
	AttrSubscribed    MailboxAttr = `\Subscribed`
	AttrRemote        MailboxAttr = `\Remote`

	AttrAll     MailboxAttr = `\All`
	AttrArchive MailboxAttr = `\Archive`
	AttrDrafts  MailboxAttr = `\Drafts`
	AttrFlagged MailboxAttr = `\Flagged`
	AttrJunk    MailboxAttr = `\Junk`
	AttrSent    MailboxAttr = `\Sent`
	AttrTrash   MailboxAttr = `\Trash`
)

// MailboxInfo is a LIST response (RFC 9051 §7.3.1).
type MailboxInfo struct {
	Name       string // decoded, UTF-8
	Raw        string // as on the wire; sent back unchanged
	Delim      rune   // 0: the name space is flat
	Attrs      []MailboxAttr
	ChildInfo  []string // CHILDINFO: why a parent of matches is listed, such as SUBSCRIBED
	OldName    string   // OLDNAME: the mailbox was renamed from it
	Subscribed bool
	Status     *Status // with RETURN (STATUS ...)
}

// HasAttr reports whether the mailbox carries the attribute.
func (m *MailboxInfo) HasAttr(a MailboxAttr) bool {
	for _, x := range m.Attrs {
		if strings.EqualFold(string(x), string(a)) {
			return true
		}
	}
	return false
}

// Status is a STATUS response (RFC 9051 §7.3.4). Items tells which fields the server sent.
type Status struct {
	Mailbox        string
	Items          StatusItems
	Messages       uint32
	Recent         uint32
	Unseen         uint32
	Deleted        uint32
	UIDNext        UID
	UIDValidity    uint32
	HighestModSeq  ModSeq
	Size           int64  // octets
	AppendLimit    int64  // octets of a message (RFC 7889 §3.1)
	MailboxID      string // an object ID (RFC 8474 §4.3)
	DeletedStorage int64  // octets (RFC 9208 §4.1.4)
	Values         Values // items of extensions that have no field
}

// StatusItems is a set of STATUS data items (RFC 9051 §6.3.11).
type StatusItems uint32

const (
	StatusMessages StatusItems = 1 << iota
	StatusRecent
	StatusUnseen
	StatusDeleted
	StatusUIDNext
	StatusUIDValidity
	StatusHighestModSeq
	StatusSize
	StatusAppendLimit
	StatusMailboxID
	StatusDeletedStorage
)

// Has reports whether s holds all of items.
func (s StatusItems) Has(items StatusItems) bool { return s&items == items }

// Namespace is a NAMESPACE response (RFC 9051 §7.3.3).
type Namespace struct{ Personal, Other, Shared []NamespaceDesc }

// NamespaceDesc is one name space: the prefix of its names and their hierarchy delimiter.
type NamespaceDesc struct {
	Prefix string
	Delim  rune // 0: flat
}

// AppendResult is what APPENDUID tells (RFC 4315 §3). UIDValidity 0: the server did not say.
type AppendResult struct {
	UIDValidity uint32
	UIDs        UIDSet
}

// CopyResult is what COPYUID tells (RFC 4315 §3): the UID Source[i] became Dest[i], ranges taken
// apart. UIDValidity 0: the server did not say.
type CopyResult struct {
	UIDValidity  uint32
	Source, Dest []Range[UID]
}
