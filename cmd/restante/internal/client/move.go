package client

import (
	"context"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
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
	var c accountFlags
	var create bool
	cmd := &cobra.Command{
		Use:     verb + " MAILBOX UIDS DESTINATION",
		GroupID: cli.GroupClient,
		Short:   short,
		Long: short + ` of the same account. Flags and dates stay as they are.

` + uidsHelp + "\n\n" + namesHelp + "\n\n" + accountsHelp,
		Example: example,
		Args:    cli.Exactly(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			uids, err := parseUIDs(args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			t := transfer{to: args[2], create: create, move: verb == "move", done: done}
			return c.forUIDs(cmd, uids, func(ctx context.Context, s *session) error { return s.transfer(ctx, args[0], uids, t) })
		},
	}
	c.add(cmd)
	cmd.Flags().BoolVar(&create, "create", false, "make the destination if it does not exist")
	return cmd
}

// transfer says where messages go.
type transfer struct {
	to     string // as it was typed
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
func (s *session) transfer(ctx context.Context, name string, uids namedUIDs, t transfer) error {
	open := s.examine
	if t.move {
		open = s.open
	}
	mb, err := open(ctx, name)
	if err != nil {
		return err
	}
	found, err := s.existing(ctx, mb, uids)
	if err != nil {
		return err
	}
	to, err := s.serverName(ctx, t.to)
	if err != nil {
		return err
	}
	send := mb.Copy
	if t.move {
		send = mb.Move
	}
	res, err := send(ctx, found, to)
	if err != nil && missingMailbox(err) {
		if !t.create {
			return noMailbox(t.to, "--create makes it", err)
		}
		if err := s.create(ctx, t.to); err != nil {
			return err
		}
		res, err = send(ctx, found, to)
	}
	if err != nil {
		return err
	}
	t.to = s.shownName(to)
	return s.printTransfer(mb, found, t, res)
}

func (s *session) printTransfer(mb *imapclient.Mailbox, found imap.UIDSet, t transfer, res imap.CopyResult) error {
	if s.out.JSON {
		dest := destinations(res)
		for uid := range found.All() {
			if err := s.out.PrintJSON(transferJSON{uidJSON{s.account, s.shownName(mb.Name()), uid}, t.to, dest[uid]}); err != nil {
				return err
			}
		}
	}
	return s.out.Printf("%s %s to %s", output.Plural(found.Len(), "message"), t.done, t.to)
}

// destinations returns the new UIDs by the old ones, as far as the server told them (COPYUID,
// RFC 4315 §3): both sides are lists of ranges of equal lengths in all.
func destinations(res imap.CopyResult) map[imap.UID]imap.UID {
	out := map[imap.UID]imap.UID{}
	dest := expandRanges(res.Dest)
	for i, uid := range expandRanges(res.Source) {
		if i < len(dest) {
			out[uid] = dest[i]
		}
	}
	return out
}

// maxExpanded bounds what a server can make us count.
const maxExpanded = 10_000_000

func expandRanges(ranges []imap.Range[imap.UID]) (out []imap.UID) {
	for _, r := range ranges {
		step := imap.UID(1)
		if r.First > r.Last {
			step = ^imap.UID(0) // downwards
		}
		for u := r.First; len(out) < maxExpanded; u += step {
			out = append(out, u)
			if u == r.Last {
				break
			}
		}
	}
	return out
}
