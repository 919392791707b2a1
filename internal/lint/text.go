package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"regexp"
	"strings"
)

// formatted checks what gofmt does.
func formatted(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if want, err := format.Source(f.Src); err == nil && !bytes.Equal(want, f.Src) {
			out = append(out, f.Path+":1: not formatted with gofmt")
		}
	}
	return out
}

var left = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|(?i)\bnot (yet )?implemented\b`)

// unfinished looks for what is left to do, outside of tests: in comments, and in what errors are
// made of. Other strings may be what other programs say.
func unfinished(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if f.Test || strings.HasPrefix(f.Path, "internal/lint/") {
			continue
		}
		report := func(n ast.Node, text string) {
			if found := left.FindString(text); found != "" {
				out = append(out, f.at(n.Pos(), "%q is left to do", found))
			}
		}
		for _, group := range f.AST.Comments {
			for _, c := range group.List {
				report(c, c.Text)
			}
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name := expr(call.Fun); name != "panic" && name != "errors.New" && name != "fmt.Errorf" && name != "no" && name != "bad" {
				return true
			}
			for _, arg := range call.Args {
				if lit, ok := arg.(*ast.BasicLit); ok {
					report(lit, lit.Value)
				}
			}
			return true
		})
	}
	return out
}

var machine = regexp.MustCompile(`(?:^|[\s"'` + "`" + `=(:])(/(?:work|home|root|Users)/[^\s"'` + "`" + `)]*)`)

// machinePaths looks for paths that exist on somebody's machine only.
func machinePaths(t *Tree) (out []string) {
	return t.search(machine, func(f *File) bool { return !strings.HasPrefix(f.Path, "internal/lint/") }, "%q is a path of one machine")
}

// search reports every match in the files.
func (t *Tree) search(re *regexp.Regexp, in func(*File) bool, what string) (out []string) {
	for _, f := range t.Files {
		if !in(f) {
			continue
		}
		for _, m := range re.FindAllIndex(f.Src, -1) {
			out = append(out, f.line(m[0], what, strings.TrimSpace(string(f.Src[m[0]:m[1]]))))
		}
	}
	return out
}

// maxLines is how long a file may be.
const maxLines = 800

// fileLength checks how long Go files are, other than generated ones.
func fileLength(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if n := bytes.Count(f.Src, []byte("\n")); n > maxLines && !f.Generated {
			out = append(out, fmt.Sprintf("%s:%d: %d lines; more than %d want to be two files", f.Path, maxLines, n, maxLines))
		}
	}
	return out
}
