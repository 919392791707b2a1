package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
)

const uidsHelp = `UIDS are those that list and search print: one, several like 3,7 or 10:20, or "-"
to read them from standard input.`

// namedUIDs are the UIDs of a command line.
type namedUIDs struct {
	set    imap.UIDSet
	single imap.UIDSet // those that were named one by one: within a range there may be gaps
}

func (u *namedUIDs) add(text string) error {
	set, err := imap.ParseUIDSet(text)
	if err != nil {
		return err
	}
	u.set = u.set.Union(set)
	for one := range strings.SplitSeq(text, ",") {
		if single, err := imap.ParseUIDSet(one); err == nil && single.Len() == 1 && !single.Dynamic() {
			u.single = u.single.Union(single)
		}
	}
	return nil
}

// parseUIDs reads the UIDS of a command line; "-" is standard input, a set on each line, and perhaps
// none: a search may find nothing.
func parseUIDs(arg string, stdin io.Reader) (uids namedUIDs, err error) {
	if arg != "-" {
		if err := uids.add(arg); err != nil {
			return uids, cli.Usagef("%q are no UIDs: write 7, or 3,7, or 10:20, or - for standard input", arg)
		}
		return uids, nil
	}
	lines := bufio.NewScanner(stdin)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if err := uids.add(line); err != nil {
			return uids, cli.Usagef("line %d of standard input is no UID: %q", n, terminal.Clean(line))
		}
	}
	return uids, lines.Err()
}

// existing returns those of the UIDs that messages of the mailbox have. Those that are missing are
// told about; when all are it is an error.
func (s *session) existing(ctx context.Context, mb *imapclient.Mailbox, uids namedUIDs) (imap.UIDSet, error) {
	if mb.Len() == 0 {
		return imap.UIDSet{}, s.noMessages(mb, uids.set)
	}
	found, err := mb.Search(ctx, imap.InSet(uids.set))
	if err != nil {
		return found, err
	}
	if found.Empty() {
		return found, s.noMessages(mb, uids.set)
	}
	if missing := uids.single.Minus(found); !missing.Empty() {
		fmt.Fprintf(s.stderr, "no message in %s has UID %s\n", terminal.Clean(s.shownName(mb.Name())), missing)
	}
	return found, nil
}

func (s *session) noMessages(mb *imapclient.Mailbox, uids imap.UIDSet) error {
	return fmt.Errorf("no message in %s has UID %s; 'restante list' shows those there are", terminal.Clean(s.shownName(mb.Name())), uids)
}
