package cli

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// TestAllowDashArgs takes words that start with a dash apart from flags.
func TestAllowDashArgs(t *testing.T) {
	for _, tc := range []struct {
		args, words []string
		limit       int
		usage       bool
	}{
		{args: []string{"INBOX", "-is:read"}, words: []string{"INBOX", "-is:read"}},
		{args: []string{"--limit", "3", "INBOX", "-x"}, words: []string{"INBOX", "-x"}, limit: 3},
		{args: []string{"INBOX", "-", "--limit=3"}, words: []string{"INBOX", "-"}, limit: 3},
		{args: []string{"INBOX", "--", "--limit=3"}, words: []string{"INBOX", "--limit=3"}},
		{args: []string{"INBOX", "x", "--limit", "-1"}, words: []string{"INBOX", "x"}, limit: -1},
		{args: []string{"INBOX", "--limit", "-1", "-x"}, words: []string{"INBOX", "-x"}, limit: -1},
		{args: []string{"INBOX", "--limit=2", "-1"}, words: []string{"INBOX", "-1"}, limit: 2},
		{args: []string{"INBOX", "--loud", "-1"}, words: []string{"INBOX", "-1"}},
		{args: []string{"-x"}, usage: true},
		{args: []string{"INBOX", "x", "--nope"}, usage: true},
	} {
		var words []string
		var limit int
		cmd := &cobra.Command{Use: "search", Args: AtLeast(2), SilenceErrors: true, SilenceUsage: true}
		cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return SeeHelp(cmd, "%w", err) })
		cmd.Flags().IntVar(&limit, "limit", 0, "")
		cmd.Flags().Bool("loud", false, "")
		AllowDashArgs(cmd, func(_ *cobra.Command, args []string) error {
			words = args
			return nil
		})
		cmd.SetArgs(tc.args)
		cmd.SetOut(io.Discard)
		err := cmd.Execute()
		var usage UsageError
		if errors.As(err, &usage) != tc.usage || err != nil && !tc.usage || !slices.Equal(words, tc.words) || limit != tc.limit {
			t.Errorf("%q: %q, limit %d, %v", tc.args, words, limit, err)
		}
	}
}

func TestPositionalArgs(t *testing.T) {
	cmd := &cobra.Command{Use: "copy FROM TO"}
	for _, tc := range []struct {
		check cobra.PositionalArgs
		n     int
		want  string
	}{
		{Exactly(2), 2, ""},
		{Exactly(2), 1, "usage: copy FROM TO\nSee 'copy --help'."},
		{AtLeast(2), 3, ""},
		{AtLeast(2), 1, "usage: copy FROM TO\nSee 'copy --help'."},
		{AtMost(1), 0, ""},
		{AtMost(1), 2, "usage: copy FROM TO\nSee 'copy --help'."},
		{NoArgs, 0, ""},
		{NoArgs, 1, `copy takes no arguments, but there is "x"`},
	} {
		err := tc.check(cmd, slices.Repeat([]string{"x"}, tc.n))
		var usage UsageError
		if tc.want == "" && err != nil || tc.want != "" && (!errors.As(err, &usage) || err.Error() != tc.want) {
			t.Errorf("%d arguments: %v, want %q", tc.n, err, tc.want)
		}
	}
}
