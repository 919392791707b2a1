package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
)

// examine opens a mailbox for reading.
func (s *session) examine(ctx context.Context, name string) (*imapclient.Mailbox, error) {
	server, err := s.serverName(ctx, name)
	if err != nil {
		return nil, err
	}
	mb, err := s.Examine(ctx, server)
	return mb, openError(name, err)
}

// open opens a mailbox for changes.
func (s *session) open(ctx context.Context, name string) (*imapclient.Mailbox, error) {
	server, err := s.serverName(ctx, name)
	if err != nil {
		return nil, err
	}
	mb, err := s.Select(ctx, server)
	if err == nil && mb.ReadOnly() {
		err = fmt.Errorf("the server lets nobody change the mailbox %q", terminal.Clean(name))
	}
	return mb, openError(name, err)
}

func openError(name string, err error) error {
	if err != nil && missingMailbox(err) {
		return noMailbox(name, lsHint, err)
	}
	return err
}

// missingMailbox reports whether an error is that a mailbox does not exist.
func missingMailbox(err error) bool {
	var e *imap.Error
	return errors.Is(err, imap.ErrNotFound) ||
		errors.As(err, &e) && (e.Code == imap.CodeTryCreate || e.Code == imap.CodeNonExistent)
}

// noMailbox explains a mailbox that does not exist.
func noMailbox(name, hint string, err error) error {
	return &explainedError{fmt.Sprintf("there is no mailbox %q; %s", terminal.Clean(name), hint), err}
}

const lsHint = "'restante ls' lists them"

// mailboxes lists mailboxes in the order in which they are shown, with what the server can tell of
// their status, under the names that are shown.
func (s *session) mailboxes(ctx context.Context, pattern string, status imap.StatusItems) ([]*imap.MailboxInfo, error) {
	n, err := s.mailboxNames(ctx)
	if err != nil {
		return nil, err
	}
	k, err := s.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if !k.Caps().Has(imap.CapStatusSize) {
		status &^= imap.StatusSize
	}
	var boxes []*imap.MailboxInfo
	onServer, match := n.pattern(pattern)
	for m, err := range s.List(ctx, onServer, &imapclient.ListOptions{Status: status}) {
		if err != nil {
			return nil, err
		}
		if m.Name = n.shown(m.Name); match != nil && !match(m.Name) {
			continue
		}
		boxes = append(boxes, m)
	}
	slices.SortFunc(boxes, func(a, b *imap.MailboxInfo) int {
		if ia, ib := imap.CanonicalName(a.Name) == imap.Inbox, imap.CanonicalName(b.Name) == imap.Inbox; ia != ib {
			if ia {
				return -1
			}
			return 1
		}
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return boxes, nil
}

func selectable(m *imap.MailboxInfo) bool {
	return !m.HasAttr(imap.AttrNoselect) && !m.HasAttr(imap.AttrNonExistent)
}
