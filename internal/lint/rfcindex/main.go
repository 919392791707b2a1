// Rfcindex brings docs/rfc-index.tsv up to date: the sections of the RFCs in it, from their texts,
// and the transcripts that cite them.
//
//	go run ./internal/lint/rfcindex -rfcs DIR [-add 5161,7162] docs/rfc-index.tsv imapserver/testdata
//
// DIR holds rfcNNNN.txt, as the RFC editor publishes them. Sections keep their status; those of
// RFCs without a text in DIR stay as they are. New sections have no status: set it, or package
// lint's test fails.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"restante/internal/lint"
)

func main() {
	dir := flag.String("rfcs", "", "folder of rfcNNNN.txt")
	add := flag.String("add", "", "numbers of RFCs that are new, with commas")
	flag.Parse()
	if flag.NArg() != 2 || *dir == "" {
		fmt.Fprintln(os.Stderr, "usage: rfcindex -rfcs DIR [-add N,N] INDEX TRANSCRIPTS")
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
	cited, err := citations(transcripts)
	if err != nil {
		return err
	}
	var all []lint.Section
	for rfc := range maps.Keys(rfcs) {
		text, err := os.ReadFile(filepath.Join(dir, "rfc"+rfc+".txt"))
		sections := known[rfc]
		if err == nil {
			sections = parse(rfc, string(text))
		} else if len(sections) == 0 {
			return err
		}
		for _, s := range sections {
			s.Status = status[s.Key()]
			s.Transcripts = cited[s.Key()]
			all = append(all, s)
		}
	}
	return lint.WriteIndex(path, all)
}

// citations returns the transcripts that cite each section.
func citations(dir string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.imap"))
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		for _, c := range lint.Citations(string(text)) {
			name := strings.TrimSuffix(filepath.Base(f), ".imap")
			if key := c.Key(); !slices.Contains(out[key], name) {
				out[key] = append(out[key], name)
			}
		}
	}
	return out, nil
}
