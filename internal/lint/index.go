package lint

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Section is a row of docs/rfc-index.tsv: a section of an RFC and what we make of it.
type Section struct {
	RFC         string // "9051"
	Number      string // "6.4.1" or "A.1"
	Title       string
	Status      string   // one of Statuses
	Transcripts []string // the transcripts that cite it
}

// Statuses are what a section can be: done; partial; out of scope, because the project does
// without; or prose, which asks nothing of an implementation.
var Statuses = []string{"done", "partial", "out of scope", "prose"}

// Key is how a section is cited: "9051 6.4.1".
func (s Section) Key() string { return s.RFC + " " + s.Number }

const header = "RFC\tsection\ttitle\tstatus\ttranscript"

// ReadIndex reads the index.
func ReadIndex(path string) (out []Section, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for line := 1; in.Scan(); line++ {
		cols := strings.Split(in.Text(), "\t")
		switch {
		case line == 1 && in.Text() == header:
		case line == 1 || len(cols) != 5:
			return nil, fmt.Errorf("%s:%d: not the columns %q", path, line, header)
		default:
			out = append(out, Section{cols[0], cols[1], cols[2], cols[3], strings.Fields(cols[4])})
		}
	}
	return out, in.Err()
}

// WriteIndex writes the index, by RFC and section.
func WriteIndex(path string, sections []Section) error {
	slices.SortStableFunc(sections, func(a, b Section) int {
		m, _ := strconv.Atoi(a.RFC)
		n, _ := strconv.Atoi(b.RFC)
		return cmp.Compare(m, n)
	})
	var b strings.Builder
	b.WriteString(header + "\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", s.RFC, s.Number, s.Title, s.Status, strings.Join(s.Transcripts, " "))
	}
	return os.WriteFile(path, []byte(b.String()), 0o666)
}

var (
	citation = regexp.MustCompile(`RFC ([0-9]+)((?:,?(?: and)? (?:§[0-9A-Z]+(?:\.[0-9]+)*|[Aa]ppendix [A-Z](?:\.[0-9]+)*))+)`)
	cited    = regexp.MustCompile(`(?:§|ppendix )([0-9A-Z]+(?:\.[0-9]+)*)`)
)

// Citations returns what a text cites: RFC 9051 §6.4.1, RFC 9051 §6.3.2, §7.1 and RFC 9051
// Appendix A. Line breaks, with or without the mark of a comment, may stand in between.
func Citations(text string) (out []Section) {
	text = lineBreak.ReplaceAllString(text, " ")
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		for _, n := range cited.FindAllStringSubmatch(m[2], -1) {
			out = append(out, Section{RFC: m[1], Number: n[1]})
		}
	}
	return out
}

var lineBreak = regexp.MustCompile(`\s*\n\s*(?://|#)?\s*`)

// TranscriptCitations returns, by Section.Key, the transcripts in a folder that cite the section.
func TranscriptCitations(dir string) (map[string][]string, error) {
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
		for _, c := range Citations(string(text)) {
			name := strings.TrimSuffix(filepath.Base(f), ".imap")
			if key := c.Key(); !slices.Contains(out[key], name) {
				out[key] = append(out[key], name)
			}
		}
	}
	return out, nil
}

// checkIndex judges the index itself, with the transcripts in a folder.
func checkIndex(path, transcripts string) (out []string) {
	cited, err := TranscriptCitations(transcripts)
	if err != nil {
		return []string{err.Error()}
	}
	sections, err := ReadIndex(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{path + ": missing"}
	} else if err != nil {
		return []string{err.Error()}
	}
	for _, s := range sections {
		command := (s.RFC == "9051" || s.RFC == "3501") && strings.HasPrefix(s.Number, "6.") && strings.HasSuffix(s.Title, " Command")
		switch {
		case !slices.Contains(Statuses, s.Status):
			out = append(out, fmt.Sprintf("%s: RFC %s has the status %q", path, s.Key(), s.Status))
		case !slices.Equal(s.Transcripts, cited[s.Key()]):
			out = append(out, fmt.Sprintf("%s: RFC %s is cited by %v, not by %v: run rfcindex", path, s.Key(), cited[s.Key()], s.Transcripts))
		case command && s.Status == "done" && len(s.Transcripts) == 0:
			out = append(out, fmt.Sprintf("%s: RFC %s is done, but no transcript cites it", path, s.Key()))
		}
	}
	return out
}
