package localstore

import (
	"context"
	"encoding/binary"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// usage is what the mailboxes of an account add up to. It is not stored: who loads an account adds up
// the rows of its mailboxes in the index, and the writer adds each change.
type usage struct {
	messages, octets int64
}

func (u usage) add(c mailbox.Counts) usage {
	return usage{u.messages + int64(c.Messages), u.octets + c.Size}
}

func (u usage) subtract(c mailbox.Counts) usage {
	return usage{u.messages - int64(c.Messages), u.octets - c.Size}
}

// loadUsage adds up what the index has of an account that is not in memory, so that it has everything.
func (s *Store) loadUsage(id store.AccountID) (u usage, err error) {
	err = s.eachKey(key(keyMailbox, uint64(id)), func(k, value []byte) error {
		m, ok := parseBoxMeta(value)
		if !ok {
			return s.damagedIndex("the row of mailbox %d of account %d is damaged", keyNum(k[8:]), id)
		}
		u = u.add(m.counts)
		return nil
	})
	return u, err
}

// set makes v the version of a mailbox at this point of the group.
func (t *tx) set(b *box, v *mailbox.Version) {
	u := t.counted(b.account)
	if old := t.newest(b); old != nil { // else it is new
		u = u.subtract(old.Counts())
	}
	t.boxes[b], t.usage[b.account] = v, u.add(v.Counts())
}

// counted returns what an account uses at this point of the group.
func (t *tx) counted(a *account) usage {
	if u, ok := t.usage[a]; ok {
		return u
	}
	return *a.usage.Load()
}

func (t *tx) usageOf(a *account) mailbox.Usage {
	u := t.counted(a)
	return t.state(a).names.Usage(u.messages, u.octets)
}

// quotas returns the limits of the accounts that the operations might take beyond them, and what those
// use now. Others need no savepoint.
func (t *tx) quotas(ops []store.Op) (quotas []store.Quota) {
	for _, id := range store.AddedTo(ops) {
		a, err := t.account(id)
		if err != nil {
			continue // an operation will say so
		}
		limits := t.state(a).names.Quota()
		if len(limits) == 0 {
			continue
		}
		q := store.Quota{Account: id, Limits: limits, Before: t.usageOf(a)}
		if q.MayExceed(ops) {
			quotas = append(quotas, q)
		}
	}
	return quotas
}

// checkQuotas tells whether accounts may use what they do now.
func (t *tx) checkQuotas(quotas []store.Quota, ops []store.Op) error {
	for i := range quotas {
		a, err := t.account(quotas[i].Account)
		if err == nil {
			err = quotas[i].Check(ops, t.usageOf(a))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Usage implements store.Account.
func (h *accountHandle) Usage(ctx context.Context) (mailbox.Usage, mailbox.Quota, error) {
	names, err := h.Refresh(ctx)
	if err != nil {
		return nil, nil, err
	}
	u := *h.usage.Load()
	return names.Usage(u.messages, u.octets), names.Quota(), nil
}

// quotaRecord: an account has these limits, and no others. It may be on its way from another store.
type quotaRecord struct {
	account store.AccountID
	quota   mailbox.Quota
}

func (r *quotaRecord) kind() byte { return kindQuota }

func (r *quotaRecord) encode(b []byte) []byte {
	return appendQuota(binary.AppendUvarint(b, uint64(r.account)), r.quota)
}

func (r *quotaRecord) decode(d *decoder) {
	r.account, r.quota = store.AccountID(d.uvarint()), d.quota()
}

func (r *quotaRecord) apply(t *tx) (int, error) {
	a, err := t.anyAccount(r.account)
	if err != nil {
		return 0, err
	}
	return t.setNames(a, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.SetQuota(r.quota) })
}

func setQuota(t *tx, op *store.SetQuota) error {
	if _, err := t.account(op.Account); err != nil {
		return err
	}
	_, err := t.do(&quotaRecord{op.Account, op.Quota})
	return err
}

// appendQuota writes how many limits there are, and of each the resource and the limit.
func appendQuota(b []byte, q mailbox.Quota) []byte {
	b = binary.AppendUvarint(b, uint64(len(q)))
	for _, resource := range imap.QuotaResources {
		if limit, ok := q[resource]; ok {
			b = binary.AppendUvarint(appendString(b, string(resource)), uint64(limit))
		}
	}
	return b
}

func (d *decoder) quota() mailbox.Quota {
	q := mailbox.Quota{}
	for range d.count() {
		resource := imap.QuotaResource(d.string())
		q[resource] = int64(d.uvarint())
	}
	return q
}
