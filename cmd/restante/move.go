package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"restante/imap"
	"restante/imapclient"
)

func newMove() *cobra.Command {
	return newTransfer("move", "moved", "Move messages into another mailbox", `  restante move INBOX 17 Archive
  restante move INBOX 10:20 Archive/2026 --create
  restante search INBOX from:list --uids | restante move INBOX - Lists/Go`)
}

func newCopy() *cobra.Command {
	return newTransfer("copy", "copied", "Copy messages into another mailbox", `  restante copy INBOX 17 Archive
  restante copy INBOX 3,7,9 Projects --create`)
}

func newTransfer(verb, done, short, example string) *cobra.Command {
	var c clientFlags
	var create bool
	cmd := &cobra.Command{
		Use:     verb + " MAILBOX UIDS DESTINATION",
		GroupID: "client",
		Short:   short,
		Long: short + ` of the same account. Flags and dates stay as they are.

` + uidsHelp + "\n\n" + accountsHelp,
		Example: example,
		Args:    exactly(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			uids, err := parseUIDs(args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			t := transfer{to: imap.CanonicalName(args[2]), create: create, move: verb == "move", done: done}
			return c.oneUIDs(cmd, func(ctx context.Context, s *session) error { return s.transfer(ctx, args[0], uids, t) })
		},
	}
	c.add(cmd)
	cmd.Flags().BoolVar(&create, "create", false, "make the destination if it does not exist")
	return cmd
}

// transfer says where messages go.
type transfer struct {
	to     string
	create bool
	move   bool
	done   string // "moved"
}

// transferJSON is a message that went into another mailbox.
type transferJSON struct {
	uidJSON
	To    string   `json:"to"`
	ToUID imap.UID `json:"to_uid,omitempty"` // when the server tells
}

// transfer copies or moves messages.
func (s *session) transfer(ctx context.Context, name string, uids imap.UIDSet, t transfer) error {
	open := s.examine
	if t.move {
		open = s.open
	}
	mb, err := open(ctx, name)
	if err != nil {
		return err
	}
	found, err := s.present(ctx, mb, uids)
	if err != nil {
		return err
	}
	send := mb.Copy
	if t.move {
		send = mb.Move
	}
	res, err := send(ctx, found, t.to)
	if err != nil && missingMailbox(err) {
		if !t.create {
			return noMailbox(t.to, "--create makes it", err)
		}
		if err := s.create(ctx, t.to); err != nil {
			return err
		}
		res, err = send(ctx, found, t.to)
	}
	if err != nil {
		return err
	}
	return s.printTransfer(mb, found, t, res)
}

func (s *session) printTransfer(mb *imapclient.Mailbox, found imap.UIDSet, t transfer, res imap.CopyResult) error {
	if s.out.json {
		dest := destinations(res)
		for uid := range found.All() {
			if err := s.out.object(transferJSON{uidJSON{s.account, mb.Name(), uid}, t.to, dest[uid]}); err != nil {
				return err
			}
		}
	}
	return s.out.printf("%s %s to %s", plural(found.Len(), "message"), t.done, t.to)
}

// destinations returns the new UIDs by the old ones, as far as the server told them (COPYUID,
// RFC 4315 §3): both sides are lists of ranges of equal lengths in all.
func destinations(res imap.CopyResult) map[imap.UID]imap.UID {
	out := map[imap.UID]imap.UID{}
	dest := expand(res.Dest)
	for i, uid := range expand(res.Source) {
		if i < len(dest) {
			out[uid] = dest[i]
		}
	}
	return out
}

// maxExpand bounds what a server can make us count.
const maxExpand = 10_000_000

func expand(ranges []imap.Range[imap.UID]) (out []imap.UID) {
	for _, r := range ranges {
		step := imap.UID(1)
		if r.First > r.Last {
			step = ^imap.UID(0) // downwards
		}
		for u := r.First; len(out) < maxExpand; u += step {
			out = append(out, u)
			if u == r.Last {
				break
			}
		}
	}
	return out
}

// create makes a mailbox and subscribes to it, so that other programs show it too.
func (s *session) create(ctx context.Context, name string) error {
	if err := s.Create(ctx, name); err != nil {
		if errors.Is(err, imap.ErrExists) {
			return &explained{fmt.Sprintf("there is a mailbox %q already", clean(name)), err}
		}
		return err
	}
	return s.Subscribe(ctx, name, true)
}
