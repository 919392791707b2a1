package lint

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// IndexPath is where the index is in the module.
const IndexPath = "docs/rfc-index.tsv"

// update is the command that brings the index up to date.
const update = "go run ./internal/lint/rfcindex"

// Section is a row of docs/rfc-index.tsv: a section of an RFC, what we make of it, and where.
type Section struct {
	RFC    string // "9051"
	Number string // "6.4.1" or "A.1"
	Title  string
	Status string               // one of Statuses
	Files  [len(kinds)][]string // the files that cite it, a list for each kind
}

// Statuses are what a section can be: done; partial; planned, because it is of an extension that is
// to come; out of scope, because the project does without; or prose, which asks nothing of an
// implementation and is in the index only where something cites it.
var Statuses = []string{"done", "partial", "planned", "out of scope", "prose"}

// The kinds of files that cite sections, in the order of the index's columns.
const (
	code = iota
	transcripts
	tests
	seeds
)

var kinds = [...]string{code: "code", transcripts: "transcripts", tests: "tests", seeds: "seeds"}

var header = "RFC\tsection\ttitle\tstatus\t" + strings.Join(kinds[:], "\t")

// Key is how a section is cited: "9051 6.4.1".
func (s Section) Key() string { return s.RFC + " " + s.Number }

// letters is where appendices begin, behind every section's number.
const letters = 1000

// Path turns the number of a section, 6.4.1 or A.1, into comparable numbers.
func (s Section) Path() (out []int) {
	for part := range strings.SplitSeq(s.Number, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = letters + int(part[0]-'A')
		}
		out = append(out, n)
	}
	return out
}

func compareSections(a, b Section) int {
	m, _ := strconv.Atoi(a.RFC)
	n, _ := strconv.Atoi(b.RFC)
	return cmp.Or(cmp.Compare(m, n), slices.Compare(a.Path(), b.Path()))
}

// ReadIndex reads the index of the module in root. Two branches that changed one row are merged
// into two rows (see .gitattributes); those are one again when their statuses agree.
func ReadIndex(root string) (out []Section, err error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(IndexPath)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for line := 1; in.Scan(); line++ {
		cols := strings.Split(in.Text(), "\t")
		switch {
		case line == 1 && in.Text() == header:
		case line == 1 || len(cols) != 4+len(kinds):
			return nil, fmt.Errorf("%s:%d: not the columns %q", IndexPath, line, header)
		default:
			s := Section{RFC: cols[0], Number: cols[1], Title: cols[2], Status: cols[3]}
			for i := range kinds {
				s.Files[i] = strings.Fields(cols[4+i])
			}
			same := func(o Section) bool { return o.Key() == s.Key() }
			if i := slices.IndexFunc(out, same); i < 0 {
				out = append(out, s)
			} else if out[i].Status != s.Status {
				return nil, fmt.Errorf("%s:%d: RFC %s is %q here and %q before: delete one of the rows", IndexPath, line, s.Key(), s.Status, out[i].Status)
			}
		}
	}
	return out, in.Err()
}

// FormatIndex returns the index as it has to be: the sections by RFC and number, each with the files
// that cite it in the tree; without the prose that nothing cites.
func FormatIndex(sections []Section, t *Tree) []byte {
	cited := t.cited()
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for _, s := range slices.SortedStableFunc(slices.Values(sections), compareSections) {
		files := cited[s.Key()]
		if s.Status == "prose" && files == nil {
			continue
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s", s.RFC, s.Number, s.Title, s.Status)
		for i := range kinds {
			b.WriteByte('\t')
			if files != nil {
				b.WriteString(strings.Join(files[i], " "))
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// cited returns the files that cite each section, by Section.Key and kind. Paths are sorted.
func (t *Tree) cited() map[string]*[len(kinds)][]string {
	out := map[string]*[len(kinds)][]string{}
	for _, f := range t.Files {
		kind, ok := f.kind()
		if !ok {
			continue
		}
		for _, c := range f.Citations() {
			files := out[c.Key()]
			if files == nil {
				files = &[len(kinds)][]string{}
				out[c.Key()] = files
			}
			if i, found := slices.BinarySearch(files[kind], f.Path); !found {
				files[kind] = slices.Insert(files[kind], i, f.Path)
			}
		}
	}
	return out
}

// kind says in which column of the index a file is. Documents are in none, nor are the rules, which
// cite sections as examples.
func (f *File) kind() (int, bool) {
	ext := path.Ext(f.Path)
	switch {
	case strings.HasPrefix(f.Path, "internal/lint/"):
		return 0, false
	case ext == ".imap":
		return transcripts, true
	case f.Test, ext == ".txtar":
		return tests, true
	case f.AST != nil:
		return code, true
	case strings.Contains(f.Path, "testdata/"):
		return seeds, ext != ".md"
	}
	return 0, false
}

// Citations returns what the file cites. A file of testdata may cite by its name, which is all that
// the inputs of a fuzz target leave room for: rfc9051-6.4.7-copy.
func (f *File) Citations() []Section {
	out := Citations(string(f.Src))
	if m := citingName.FindStringSubmatch(path.Base(f.Path)); m != nil && strings.Contains(f.Path, "testdata/") {
		out = append(out, Section{RFC: m[1], Number: m[2]})
	}
	return out
}

var (
	citation   = regexp.MustCompile(`RFC ([0-9]+)((?:,?(?: and)? (?:§[0-9A-Z]+(?:\.[0-9]+)*|[Aa]ppendix [A-Z](?:\.[0-9]+)*))+)`)
	cited      = regexp.MustCompile(`(?:§|ppendix )([0-9A-Z]+(?:\.[0-9]+)*)`)
	citingName = regexp.MustCompile(`^rfc([0-9]+)-((?:[0-9]+|[A-Z])(?:\.[0-9]+)*)(?:[-.][^0-9]|$)`)
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

// checkIndex judges the index of the module in root.
func checkIndex(root string, t *Tree) (out []string) {
	sections, err := ReadIndex(root)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{IndexPath + ": missing"}
	} else if err != nil {
		return []string{err.Error()}
	}
	cited := t.cited()
	for _, s := range sections {
		var by []string
		if files := cited[s.Key()]; files != nil {
			by = files[transcripts]
		}
		command := (s.RFC == "9051" || s.RFC == "3501") && strings.HasPrefix(s.Number, "6.") && strings.HasSuffix(s.Title, " Command")
		switch {
		case !slices.Contains(Statuses, s.Status):
			out = append(out, fmt.Sprintf("%s: RFC %s has the status %q, which is none of %q", IndexPath, s.Key(), s.Status, Statuses))
		case command && s.Status == "done" && len(by) == 0:
			out = append(out, fmt.Sprintf("%s: RFC %s is done, but no transcript cites it", IndexPath, s.Key()))
		case s.Status == "planned" && len(by) > 0:
			out = append(out, fmt.Sprintf("%s: RFC %s is planned, but %s tests it: is it done, or partial?", IndexPath, s.Key(), by[0]))
		}
	}
	have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(IndexPath)))
	if err != nil {
		return append(out, err.Error())
	}
	if want := FormatIndex(sections, t); !bytes.Equal(have, want) {
		out = append(out, fmt.Sprintf("%s: %s: run %s", IndexPath, firstDifference(have, want), update))
	}
	return out
}

// firstDifference tells of the first row that is not as it has to be.
func firstDifference(have, want []byte) string {
	h, w := strings.Split(string(have), "\n"), strings.Split(string(want), "\n")
	for i := range h {
		if i >= len(w) || h[i] != w[i] {
			return fmt.Sprintf("row %d, %q, is not what the tree makes of it", i+1, h[i])
		}
	}
	return "rows are missing"
}
