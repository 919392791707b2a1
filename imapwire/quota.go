package imapwire

import "restante/imap"

func init() {
	commands.add("GETQUOTA", command{parse: parseGetQuota})
	commands.add("GETQUOTAROOT", command{parse: parseGetQuotaRoot})
	commands.add("SETQUOTA", command{parse: parseSetQuota})
	addStatusNumber(&statusItems, "DELETED-STORAGE", imap.StatusDeletedStorage, func(s *imap.Status) *int64 { return &s.DeletedStorage })
	for _, resource := range imap.QuotaResources {
		intern(string(resource))
	}
}

// GetQuota asks for usage and limits of a quota root (RFC 9208 §4.1.1).
type GetQuota struct{ Root string }

// Name returns "GETQUOTA".
func (*GetQuota) Name() string { return "GETQUOTA" }

// AppendArgs appends the root.
func (c *GetQuota) AppendArgs(e *Encoder) {
	e.SP()
	e.AString(c.Root)
}

// parseGetQuota parses
//
//	getquota = "GETQUOTA" SP quota-root-name
func parseGetQuota(l *lexer, _ bool) Command {
	l.sp("getquota")
	return &GetQuota{Root: string(l.astring("quota-root-name"))}
}

// GetQuotaRoot asks which quota roots a mailbox has, or would have, and for those (RFC 9208 §4.1.2).
type GetQuotaRoot struct{ Mailbox string }

// Name returns "GETQUOTAROOT".
func (*GetQuotaRoot) Name() string { return "GETQUOTAROOT" }

// AppendArgs appends the mailbox.
func (c *GetQuotaRoot) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
}

// parseGetQuotaRoot parses
//
//	getquotaroot = "GETQUOTAROOT" SP mailbox
func parseGetQuotaRoot(l *lexer, _ bool) Command {
	l.sp("getquotaroot")
	return &GetQuotaRoot{Mailbox: l.mailbox("mailbox")}
}

// SetQuota replaces the limits of a quota root (RFC 9208 §4.1.3), in the units of the wire.
type SetQuota struct {
	Root   string
	Limits []QuotaLimit
}

// QuotaLimit is how much of a resource may be used: numbers, or units of 1024 octets.
type QuotaLimit struct {
	Resource imap.QuotaResource // in upper case
	Limit    int64
}

// Name returns "SETQUOTA".
func (*SetQuota) Name() string { return "SETQUOTA" }

// AppendArgs appends the root and the list of limits.
func (c *SetQuota) AppendArgs(e *Encoder) {
	e.SP()
	e.AString(c.Root)
	e.SP()
	e.list(len(c.Limits), func(i int) {
		e.Atom(string(c.Limits[i].Resource))
		e.SP()
		e.Number(c.Limits[i].Limit)
	})
}

// parseSetQuota parses
//
//	setquota          = "SETQUOTA" SP quota-root-name SP setquota-list
//	setquota-list     = "(" [setquota-resource *(SP setquota-resource)] ")"
//	setquota-resource = resource-name SP resource-limit
//	resource-limit    = number64
func parseSetQuota(l *lexer, _ bool) Command {
	c := new(SetQuota)
	l.sp("setquota")
	c.Root = string(l.astring("quota-root-name"))
	l.sp("setquota")
	l.list("setquota-list", true, func() {
		x := QuotaLimit{Resource: imap.QuotaResource(l.word("resource-name"))}
		l.sp("setquota-resource")
		x.Limit = l.number64("resource-limit")
		c.Limits = append(c.Limits, x)
	})
	return c
}

// AppendQuota appends QUOTA (RFC 9208 §4.2.1). Usage and limits are in the units of the wire.
func AppendQuota(dst []byte, root string, list []imap.Quota) []byte {
	dst = append(AppendAString(append(dst, "* QUOTA "...), root), " ("...)
	for i, q := range list {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, q.Resource...), ' ')
		dst = AppendNumber(append(AppendNumber(dst, q.Usage), ' '), q.Limit)
	}
	return append(dst, ")\r\n"...)
}

// AppendQuotaRoot appends QUOTAROOT (RFC 9208 §4.2.2).
func AppendQuotaRoot(dst []byte, name, root string, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "* QUOTAROOT "...), name, utf8)
	return appendCRLF(AppendAString(append(dst, ' '), root))
}
