// Rfcindex brings docs/rfc-index.tsv up to date: which files cite each section. From the module's
// folder:
//
//	go run ./internal/lint/rfcindex [-rfcs DIR [-add 5161,7162]]
//
// Titles and statuses are written by hand and stay as they are, except that rows of the status prose
// go when nothing cites them. With -rfcs, a folder of rfcNNNN.txt as the RFC editor publishes them,
// sections that are cited and not in the index become rows; with -add all sections of those RFCs do,
// other than the introductions, references and the like that every RFC has. New rows have no status:
// set it, or package lint's test fails.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"restante/internal/lint"
)

func main() {
	dir := flag.String("rfcs", "", "folder of rfcNNNN.txt")
	add := flag.String("add", "", "numbers of RFCs that are new, with commas")
	flag.Parse()
	if flag.NArg() != 0 || *add != "" && *dir == "" {
		fmt.Fprintln(os.Stderr, "usage: rfcindex [-rfcs DIR [-add N,N]]")
		os.Exit(2)
	}
	if err := run(".", *dir, *add); err != nil {
		fmt.Fprintln(os.Stderr, "rfcindex:", err)
		os.Exit(1)
	}
}

// run writes the index of the module in root.
func run(root, dir, add string) error {
	tree, err := lint.Load(root)
	if err != nil {
		return err
	}
	sections, err := lint.ReadIndex(root)
	if err != nil {
		return err
	}
	if dir != "" {
		if sections, err = extend(sections, tree, dir, strings.FieldsFunc(add, func(r rune) bool { return r == ',' })); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(root, filepath.FromSlash(lint.IndexPath)), lint.FormatIndex(sections, tree), 0o666)
}

// extend adds the rows that are missing: of RFCs that are new, and of sections that are cited.
func extend(sections []lint.Section, tree *lint.Tree, dir string, rfcs []string) ([]lint.Section, error) {
	wanted := map[string]map[string]bool{} // RFC, number
	for _, rfc := range rfcs {
		wanted[rfc] = map[string]bool{}
	}
	for _, f := range tree.Files {
		if strings.HasPrefix(f.Path, "internal/lint/") {
			continue
		}
		for _, c := range f.Citations() {
			if !tree.Index[c.Key()] {
				if wanted[c.RFC] == nil {
					wanted[c.RFC] = map[string]bool{}
				}
				wanted[c.RFC][c.Number] = true
			}
		}
	}
	for rfc, numbers := range wanted {
		text, err := os.ReadFile(filepath.Join(dir, "rfc"+rfc+".txt"))
		if err != nil {
			return nil, err
		}
		all := slices.Contains(rfcs, rfc)
		var skipped []int // the path of the last section that every RFC has
		for _, s := range parse(rfc, string(text)) {
			path := s.Path()
			below := skipped != nil && len(path) > len(skipped) && slices.Equal(path[:len(skipped)], skipped)
			if !below {
				skipped = nil
			}
			if everyRFC.MatchString(s.Title) {
				skipped, below = path, true
			}
			if !tree.Index[s.Key()] && (numbers[s.Number] || all && !below) {
				sections = append(sections, s)
			}
		}
	}
	return sections, nil
}

// everyRFC are titles of sections that ask nothing of an implementation.
var everyRFC = regexp.MustCompile(`(?i)^(abstract|introduction.*|overview|(document )?conventions.*|requirements? (notation|language)|terminology.*|(normative |informative )?references.*|` +
	`(iana|internet assigned numbers).*|acknowledge?ments?|contributors|authors?('s|s'|'s\(s\)|s)? .*|copyright.*|full copyright.*|intellectual property.*|changes (since|from) .*|index)$`)
