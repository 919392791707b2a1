// Rfcindex brings docs/rfc-index.tsv up to date: the sections of the RFCs in it, from their texts,
// and the transcripts that cite them.
//
//	go run ./internal/lint/rfcindex [-rfcs DIR [-add 5161,7162]] docs/rfc-index.tsv imapserver/testdata
//
// DIR holds rfcNNNN.txt, as the RFC editor publishes them; without it the sections stay as they
// are. Sections keep their status, and those of RFCs without a text in DIR stay. New sections have
// no status: set it, or package lint's test fails.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"restante/internal/lint"
)

func main() {
	dir := flag.String("rfcs", "", "folder of rfcNNNN.txt")
	add := flag.String("add", "", "numbers of RFCs that are new, with commas")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: rfcindex [-rfcs DIR [-add N,N]] INDEX TRANSCRIPTS")
		os.Exit(2)
	}
	if err := run(*dir, *add, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, "rfcindex:", err)
		os.Exit(1)
	}
}

func run(dir, add, path, transcripts string) error {
	old, err := lint.ReadIndex(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	status, rfcs, known := map[string]string{}, map[string]bool{}, map[string][]lint.Section{}
	for _, s := range old {
		status[s.Key()], rfcs[s.RFC] = s.Status, true
		known[s.RFC] = append(known[s.RFC], s)
	}
	for n := range strings.SplitSeq(add, ",") {
		if n != "" {
			rfcs[n] = true
		}
	}
	cited, err := lint.TranscriptCitations(transcripts)
	if err != nil {
		return err
	}
	var all []lint.Section
	for rfc := range maps.Keys(rfcs) {
		sections := known[rfc]
		if dir != "" {
			text, err := os.ReadFile(filepath.Join(dir, "rfc"+rfc+".txt"))
			if err == nil {
				sections = parse(rfc, string(text))
			} else if len(sections) == 0 {
				return err
			}
		}
		for _, s := range sections {
			s.Status = status[s.Key()]
			s.Transcripts = cited[s.Key()]
			all = append(all, s)
		}
	}
	return lint.WriteIndex(path, all)
}
