package imap

// SearchSource is a kind of mailboxes that ESEARCH looks into (RFC 7377 §2.2).
type SearchSource string

// The kinds. Those of SourceSubtree, SourceSubtreeOne and SourceMailboxes have names.
const (
	SourceSelected   SearchSource = "SELECTED"
	SourceInboxes    SearchSource = "INBOXES"     // to which new messages come
	SourcePersonal   SearchSource = "PERSONAL"    // all of the user
	SourceSubscribed SearchSource = "SUBSCRIBED"  // to which the user is subscribed
	SourceSubtree    SearchSource = "SUBTREE"     // a mailbox and all below it
	SourceSubtreeOne SearchSource = "SUBTREE-ONE" // a mailbox and those one level below it
	SourceMailboxes  SearchSource = "MAILBOXES"
)
