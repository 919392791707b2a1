package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"restante/mailbox"
	"restante/store"
)

// lockLimited locks the row of an account that has limits, and finds none otherwise. Who adds to an
// account without limits has to wait for nobody, and has done so before any that are being set.
const lockLimited = selectAccount + ` AND quota IS NOT NULL FOR UPDATE`

// selectUsage adds up the mailboxes of an account. Who holds the lock of lockLimited knows that it can
// only become less meanwhile.
const selectUsage = `SELECT coalesce(sum(messages), 0)::bigint, coalesce(sum(octets), 0)::bigint FROM mailbox WHERE account_id = $1`

// usage is what the mailboxes of an account add up to.
type usage struct {
	messages, octets int64
}

func (u usage) add(c mailbox.Counts, sign int64) usage {
	return usage{u.messages + sign*int64(c.Messages), u.octets + sign*c.Size}
}

// usage returns what an account, whose row is locked, uses by the draft.
func (d *draft) usage(ctx context.Context, id store.AccountID) (mailbox.Usage, error) {
	a, err := d.account(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.usage == nil {
		var u usage
		if err := d.conn.QueryRow(ctx, selectUsage, int64(id)).Scan(&u.messages, &u.octets); err != nil {
			return nil, err
		}
		a.usage = &u
		d.accounts[id] = a
	}
	u := *a.usage // before the group
	for ref, b := range d.boxes {
		if ref.Account != id || b.version == b.base {
			continue
		}
		switch {
		case b.base == nil:
		case b.full:
			u = u.add(b.base.Counts(), -1)
		case b.version.Deleted:
			u = u.add(b.head.counts, -1)
		}
		u = u.add(b.version.Counts(), +1) // unless it is full, of the messages that are new
	}
	return a.names.Usage(u.messages, u.octets), nil
}

// quotas returns the limits of the accounts that the operations might take beyond them, and what those
// use now.
func (d *draft) quotas(ctx context.Context, ops []store.Op) (quotas []store.Quota, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.cell.db.answer)
	defer cancel()
	for _, id := range store.AddedTo(ops) {
		if d.accounts[id].row.quota == nil {
			continue
		}
		a, err := d.account(ctx, id)
		if err != nil {
			if !isTransient(err) && isOpError(err) {
				continue // an operation will say so
			}
			return nil, err
		}
		q := store.Quota{Account: id, Limits: a.names.Quota()}
		if q.Before, err = d.usage(ctx, id); err != nil {
			return nil, err
		}
		if q.MayExceed(ops) {
			quotas = append(quotas, q)
		}
	}
	return quotas, nil
}

// checkQuotas tells whether accounts may use what they do now.
func (d *draft) checkQuotas(ctx context.Context, quotas []store.Quota, ops []store.Op) error {
	for i := range quotas {
		after, err := d.usage(ctx, quotas[i].Account)
		if err == nil {
			err = quotas[i].Check(ops, after)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// orNull returns what the column quota has for limits.
func orNull(q mailbox.Quota) mailbox.Quota {
	if len(q) == 0 {
		return nil
	}
	return q
}

// Usage implements store.Account.
func (h *accountHandle) Usage(ctx context.Context) (mailbox.Usage, mailbox.Quota, error) {
	names, err := h.Refresh(ctx)
	if err != nil {
		return nil, nil, err
	}
	var u usage
	err = h.cell.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, selectUsage, int64(h.id)).Scan(&u.messages, &u.octets)
	})
	return names.Usage(u.messages, u.octets), names.Quota(), err
}
