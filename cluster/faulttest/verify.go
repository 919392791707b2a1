package main

import (
	"context"
	"fmt"
	"io"
)

// verify reads everything from nodes, and compares it with what was acknowledged. Nobody writes
// meanwhile. A node that was just started, or does not answer yet, is waited for.
func (l *load) verify(ctx context.Context, out io.Writer, nodes []node) error {
	for _, n := range nodes {
		var complaints []complaint
		err := until(ctx, func() (err error) {
			complaints, err = l.readNode(ctx, n)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		l.complain(out, n.name, complaints)
	}
	for _, b := range l.boxes {
		l.complain(out, "while writing", b.heard())
	}
	return nil
}

// complain counts each complaint once, from however many nodes it comes, and prints the first few.
func (l *load) complain(out io.Writer, from string, complaints []complaint) {
	const most = 20
	printed := 0
	for _, c := range complaints {
		if printed++; printed <= most {
			fmt.Fprintf(out, "%s: %s: %s's %s: %s\n", from, kindNames[c.kind], c.user, c.box, c.text)
		}
		l.complaints[c] = true
	}
	if printed > most {
		fmt.Fprintf(out, "%s: %d more\n", from, printed-most)
	}
}

// readNode compares what one node shows with what was acknowledged.
func (l *load) readNode(ctx context.Context, n node) (complaints []complaint, err error) {
	for _, user := range users {
		of, err := l.readUser(ctx, n, user)
		if err != nil {
			return nil, err
		}
		complaints = append(complaints, of...)
	}
	return complaints, nil
}

func (l *load) readUser(ctx context.Context, n node, user string) (complaints []complaint, err error) {
	c, err := dial(ctx, n.imap, user, password)
	if err != nil {
		return nil, err
	}
	defer c.close()
	there := map[*place]bool{}
	for _, b := range l.boxes {
		if b.user != user {
			continue
		}
		messages, err := read(c, b)
		if err != nil {
			return nil, fmt.Errorf("reading %s's %s: %w", user, b.name, err)
		}
		of, at := b.compare(messages)
		complaints = append(complaints, of...)
		for p := range at {
			there[p] = true
		}
	}
	names, err := list(c, l.name)
	if err != nil {
		return nil, fmt.Errorf("LIST of %s: %w", user, err)
	}
	for _, w := range l.writers {
		if w.user == user {
			complaints = append(complaints, w.compareNames(names)...)
		}
	}
	moves, err := l.compareMoves(c, user, there)
	return append(complaints, moves...), err
}

// compareNames looks whether the mailboxes are there that were made, and not those that were removed.
func (w *writer) compareNames(there map[string]bool) (complaints []complaint) {
	for name, made := range w.made {
		if made != maybe && there[name] != (made == yes) {
			complaints = append(complaints, w.home.complaint(wrong, "mailbox %s: there is %v", name, there[name]))
		}
	}
	return complaints
}

// compareMoves looks whether each message of which nobody knows whether it was moved is at one place.
// A MOVE may be made while we read. The places that messages leave were read first, so one that is at
// neither is lost; one that is at both may have gone in the meantime.
func (l *load) compareMoves(c *client, user string, there map[*place]bool) (complaints []complaint, err error) {
	for _, b := range l.boxes {
		if b.user != user {
			continue
		}
		both, none := b.bothOrNone(there)
		for _, p := range none {
			complaints = append(complaints, b.complaint(lost, "UID %d: %s was moved, or not, and is nowhere", p.uid, p.message.id))
		}
		for _, p := range both {
			still, err := isThere(c, b, p.uid)
			if err != nil {
				return nil, err
			}
			if still {
				complaints = append(complaints, b.complaint(duplicated, "UID %d: %s was moved, or not, and is at both places", p.uid, p.message.id))
			}
		}
	}
	return complaints, nil
}
