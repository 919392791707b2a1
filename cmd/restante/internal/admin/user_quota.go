package admin

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/imap"
)

// quotaFlags are the flags for limits.
var quotaFlags = []struct {
	name     string
	resource imap.QuotaResource
	octets   bool
	usage    string
}{
	{"storage", imap.QuotaStorage, true, "`octets` of all messages, like 500M or 1G; none for no limit, here and below"},
	{"messages", imap.QuotaMessage, false, "`number` of messages"},
	{"mailboxes", imap.QuotaMailbox, false, "`number` of mailboxes, INBOX included"},
	{"annotations", imap.QuotaAnnotationStorage, true, "`octets` of annotations (METADATA)"},
}

func newUserQuota(data *dataFlags) *cobra.Command {
	var asJSON bool
	texts := make([]string, len(quotaFlags))
	cmd := &cobra.Command{
		Use:   "quota NAME",
		Short: "Show or set how much a user may have",
		Long: `Show how much a user has and may have, and set limits. What would be more than a limit is
refused: by IMAP with [OVERQUOTA], by LMTP with 452, after which the sender tries again later.
A limit below what the user has loses nothing; then mail can only become less.`,
		Example: `  restante user quota ann
  restante user quota ann --storage 1G --messages 100000
  restante user quota ann --storage none`,
		Args: cli.Exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			limits := map[imap.QuotaResource]*int64{}
			for i, f := range quotaFlags {
				if !cmd.Flags().Changed(f.name) {
					continue
				}
				limit, err := parseLimit(texts[i], f.octets)
				if err != nil {
					return cli.Usagef("--%s: %v", f.name, err)
				}
				limits[f.resource] = limit
			}
			api, err := data.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			if len(limits) > 0 {
				return errors.Join(api.SetQuota(cmd.Context(), args[0], limits), api.Close())
			}
			q, err := api.Quota(cmd.Context(), args[0])
			if err := errors.Join(err, api.Close()); err != nil {
				return err
			}
			if asJSON {
				out := output.Printer{W: cmd.OutOrStdout(), JSON: true}
				return out.PrintJSON(q)
			}
			return printQuota(cmd.OutOrStdout(), q)
		},
	}
	for i, f := range quotaFlags {
		cmd.Flags().StringVar(&texts[i], f.name, "", f.usage)
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printQuota(out io.Writer, q QuotaInfo) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RESOURCE\tUSED\tLIMIT")
	for _, f := range quotaFlags {
		limit := "none"
		if n, ok := q.Limits[f.resource]; ok {
			limit = strconv.FormatInt(n, 10)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", f.name, q.Usage[f.resource], limit)
	}
	return w.Flush()
}

// parseLimit reads a number, of octets also with a unit: K, M, G or T, powers of 1024. nil is no limit.
func parseLimit(text string, octets bool) (*int64, error) {
	if text == "none" {
		return nil, nil
	}
	digits, unit := text, int64(1)
	if octets && text != "" {
		if i := strings.IndexByte("KMGT", text[len(text)-1]&^0x20); i >= 0 {
			digits, unit = text[:len(text)-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return nil, fmt.Errorf("%q is no limit; a number, or none", text)
	}
	n *= unit
	return &n, nil
}
