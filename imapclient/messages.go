package imapclient

import (
	"context"
	"errors"
	"iter"

	"restante/imap"
)

// Messages is Search followed by Fetch, in one round trip where the server keeps search results
// (SEARCHRES, RFC 9051 §6.4.4.1).
func (mb *Mailbox) Messages(ctx context.Context, key imap.SearchKey, items ...imap.FetchItem) iter.Seq2[*imap.Message, error] {
	return func(yield func(*imap.Message, error) bool) {
		var got imap.UIDSet
		done, err := mb.searched(ctx, key, items, func(m *imap.Message) bool {
			got.Add(m.UID)
			return yield(m, nil)
		})
		if done {
			return
		}
		if err != nil && !mb.c.again(ctx, err, 0) {
			yield(nil, err)
			return
		}
		uids, err := mb.Search(ctx, key)
		if err != nil {
			yield(nil, err)
			return
		}
		mb.fetch(ctx, uids, items, got, yield)
	}
}

// searched does it in one round trip. It is not done when the server cannot, or after an error.
func (mb *Mailbox) searched(ctx context.Context, key imap.SearchKey, items []imap.FetchItem, yield func(*imap.Message) bool) (done bool, err error) {
	var found *Pending[*SearchData]
	var s *Stream[*imap.Message]
	err = mb.with(ctx, func(k *Conn) {
		if k.Caps().Has(imap.CapSearchRes) && k.Caps().Has(imap.CapESearch) {
			found = k.Search(ctx, key, &SearchOptions{Save: true})
			s = k.Fetch(ctx, imap.SearchResult{UID: true}, items...)
		}
	})
	if err != nil || s == nil {
		return false, err
	}
	if _, err := found.Wait(); err != nil {
		s.Close()
		var refused *imap.Error
		if errors.As(err, &refused) && refused.Code == imap.CodeNotSaved {
			err = nil
		}
		return false, err
	}
	for m, err := range s.All() {
		if err != nil {
			return false, err
		}
		if !yield(m) {
			return true, nil
		}
	}
	return true, nil
}
