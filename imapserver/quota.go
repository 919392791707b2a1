package imapserver

import (
	"math"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// quotaExtension has the limits of an account, which is the one quota root of all its mailboxes. The
// store decides: what would go beyond a limit is answered with [OVERQUOTA].
var quotaExtension = extension{
	name: "QUOTA", rfc: "RFC 9208",
	capabilities: func(c *conn) []string {
		caps := []string{string(imap.CapQuota)}
		for _, resource := range imap.QuotaResources {
			caps = append(caps, string(imap.CapQuotaRes)+string(resource))
		}
		return afterLogin(caps...)(c)
	},
	commands: map[string]command{
		"GETQUOTA":     {in: loggedIn, run: handler(runGetQuota)},
		"GETQUOTAROOT": {in: loggedIn, run: handler(runGetQuotaRoot)},
	},
	statusItems: map[imap.StatusItems]statusItem{
		imap.StatusDeletedStorage: deletedStorage,
	},
}

// quotaSetExtension has SETQUOTA, for those whom the gate lets set their own limits.
var quotaSetExtension = extension{
	name: "QUOTASET", rfc: "RFC 9208",
	capabilities: func(c *conn) []string {
		if !c.s.Mail.AllowsSetQuota() {
			return nil
		}
		return afterLogin(string(imap.CapQuotaSet))(c)
	},
	commands: map[string]command{
		"SETQUOTA": {in: loggedIn, run: handler(runSetQuota)},
	},
}

// ownRoot is the quota root of a user's own account.
const ownRoot = ""

// quotaUnit returns how many octets, or of what is counted, are one on the wire (RFC 9208 §5).
func quotaUnit(resource imap.QuotaResource) int64 {
	if resource == imap.QuotaStorage || resource == imap.QuotaAnnotationStorage {
		return 1024
	}
	return 1
}

// runGetQuota is GETQUOTA, RFC 9208 §4.1.1.
func runGetQuota(c *conn, cmd *imapwire.GetQuota) error {
	if cmd.Root != ownRoot {
		return no(imap.CodeNonExistent, "There is no such quota root")
	}
	return c.appendQuota()
}

// runGetQuotaRoot is GETQUOTAROOT, RFC 9208 §4.1.2. The mailbox need not exist.
func runGetQuotaRoot(c *conn, cmd *imapwire.GetQuotaRoot) error {
	name := imap.CanonicalName(cmd.Mailbox)
	if err := mailbox.CheckName(name); err != nil {
		return err
	}
	c.out = imapwire.AppendQuotaRoot(c.out, name, ownRoot, c.utf8Names())
	return c.appendQuota()
}

// runSetQuota is SETQUOTA, RFC 9208 §4.1.3. Of two limits of a resource the last one counts; one that is
// too high to be counted in octets becomes the highest that can be.
func runSetQuota(c *conn, cmd *imapwire.SetQuota) error {
	if cmd.Root != ownRoot {
		return no(imap.CodeNonExistent, "There is no such quota root")
	}
	quota := mailbox.Quota{}
	for _, x := range cmd.Limits {
		unit := quotaUnit(x.Resource)
		quota[x.Resource] = min(x.Limit, math.MaxInt64/unit) * unit
	}
	if _, err := c.change(&store.SetQuota{Account: c.account.ID(), Quota: quota}); err != nil {
		return err
	}
	return c.appendQuota()
}

// appendQuota writes what the account uses of what is limited.
func (c *conn) appendQuota() error {
	usage, quota, err := c.account.Usage(c.ctx)
	if err != nil {
		return err
	}
	var list []imap.Quota
	for _, resource := range imap.QuotaResources {
		limit, ok := quota[resource]
		if !ok {
			continue
		}
		unit := quotaUnit(resource)
		units := func(n int64) int64 { // rounded up, so that what is used does not seem to be more than the limit
			if n%unit == 0 {
				return n / unit
			}
			return n/unit + 1
		}
		list = append(list, imap.Quota{Resource: resource, Usage: units(usage[resource]), Limit: units(limit)})
	}
	c.out = imapwire.AppendQuota(c.out, ownRoot, list)
	return nil
}

// warnOverQuota tells who selects a mailbox that the account uses more than it may, as it can when a
// limit was lowered (RFC 9208 §4.3.1).
func (c *conn) warnOverQuota() error {
	if len(c.account.Namespace().Quota()) == 0 {
		return nil
	}
	usage, quota, err := c.account.Usage(c.ctx)
	if err != nil {
		return err
	}
	if resource, over := quota.Exceeded(nil, usage); over {
		c.out = imapwire.AppendStatusResponse(c.out, "*", "NO", imap.CodeOverQuota, "", "You use more than you may of "+string(resource))
	}
	return nil
}

// deletedStorage is STATUS DELETED-STORAGE: the octets of what EXPUNGE would remove (RFC 9208 §4.1.4).
func deletedStorage(c *conn, box mailbox.Entry, counts *mailbox.Counts, s *imap.Status) error {
	if counts.Deleted == 0 {
		return nil
	}
	b, err := c.s.Mail.Open(c.ctx, c.actor, c.ref(box.ID))
	if err != nil {
		return err
	}
	defer b.Close()
	for _, r := range b.Version().Rows() {
		if err := c.next(1); err != nil {
			return err
		}
		if r.Flags&mailbox.BitDeleted != 0 {
			s.DeletedStorage += int64(r.Size)
		}
	}
	return nil
}
